// The strip of the last minutes: a column for each two seconds, as high as faces were there, divided by expression.
import { UNCERTAIN, colourOf, percent, swatch } from "./colors.js";

export class Timeline {
  #last = null;
  #labels = [];

  constructor(canvas, from, legend) {
    Object.assign(this, { canvas, from, legend });
    new ResizeObserver(() => this.#draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
  }

  show(minutes) {
    this.#last = minutes;
    const totals = new Map();
    for (const [, presence, shares] of minutes.columns)
      for (const [label, share] of Object.entries(shares)) totals.set(label, (totals.get(label) ?? 0) + presence * share);
    const sum = [...totals.values()].reduce((a, b) => a + b, 0);
    // From the bottom up what was most, which does not change much from one moment to the next.
    const sorted = [...totals].sort((a, b) => b[1] - a[1]);
    this.#labels = sorted.map(([label]) => label);
    this.legend.replaceChildren(...sorted.map(([label, total]) => legendItem(label, total / sum)));
    const span = Math.round((minutes.count * minutes.column_s) / 60);
    this.from.textContent = `${span} minutes ago`;
    const told = sorted.map(([label, total]) => `${label} ${percent(total / sum)}`).join(", ");
    this.canvas.ariaLabel = `Expressions over the last ${span} minutes: ${told || "no face"}`;
    this.#draw();
  }

  #draw() {
    const { canvas } = this;
    const ratio = Math.min(devicePixelRatio, 2);
    const width = Math.round(canvas.clientWidth * ratio), height = Math.round(canvas.clientHeight * ratio);
    if (!this.#last || !width) return;
    Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d"), quiet = getComputedStyle(canvas).getPropertyValue("--quiet");
    const step = width / this.#last.count;
    for (const [age, presence, shares] of this.#last.columns) {
      const left = Math.round(width - (age + 1) * step), columnWidth = Math.round(width - age * step) - left;
      let bottom = height;
      for (const label of this.#labels) {
        const tall = (shares[label] ?? 0) * presence * height;
        context.fillStyle = label === UNCERTAIN ? hatch(context, quiet, ratio) : colourOf(label);
        context.fillRect(left, bottom - tall, columnWidth, tall);
        bottom -= tall;
      }
    }
  }
}

function legendItem(label, share) {
  const item = document.createElement("li"), name = document.createElement("span"), number = document.createElement("b");
  name.textContent = label;
  number.textContent = percent(share);
  item.append(swatch(label), name, number);
  return item;
}

function hatch(context, colour, ratio) {
  const tile = new OffscreenCanvas(5 * ratio, 5 * ratio), pen = tile.getContext("2d");
  pen.strokeStyle = colour;
  pen.lineWidth = 1.5 * ratio;
  for (const shift of [-5, 0, 5]) {
    pen.moveTo(shift * ratio, 5 * ratio);
    pen.lineTo((shift + 5) * ratio, 0);
  }
  pen.stroke();
  return context.createPattern(tile, "repeat");
}
