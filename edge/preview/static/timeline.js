// The expressions of the last minutes: a column for every two seconds. Its height is the share of the frames that show
// a face, and it is divided by expression.
import { UNCERTAIN, colorOf, percent, swatch } from "./colors.js";

export class Timeline {
  #last = null;
  #labels = [];

  constructor(canvas, from, legend) {
    Object.assign(this, { canvas, from, legend });
    new ResizeObserver(() => this.#draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
  }

  show(timeline) {
    this.#last = timeline;
    const totals = new Map();
    for (const [, presence, shares] of timeline.columns)
      for (const [label, share] of Object.entries(shares)) totals.set(label, (totals.get(label) ?? 0) + presence * share);
    const sum = [...totals.values()].reduce((a, b) => a + b, 0);
    // The most frequent at the bottom: this order rarely changes.
    const sorted = [...totals].sort((a, b) => b[1] - a[1]);
    this.#labels = sorted.map(([label]) => label);
    this.legend.replaceChildren(...sorted.map(([label, total]) => legendItem(label, total / sum)));
    const spanMinutes = Math.round((timeline.count * timeline.column_s) / 60);
    this.from.textContent = `${spanMinutes} minutes ago`;
    const summary = sorted.map(([label, total]) => `${label} ${percent(total / sum)}`).join(", ");
    this.canvas.ariaLabel = `Expressions over the last ${spanMinutes} minutes: ${summary || "no face"}`;
    this.#draw();
  }

  #draw() {
    const { canvas } = this;
    const ratio = Math.min(devicePixelRatio, 2);
    const width = Math.round(canvas.clientWidth * ratio), height = Math.round(canvas.clientHeight * ratio);
    if (!this.#last || !width) return;
    Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d"), muted = getComputedStyle(canvas).getPropertyValue("--muted");
    const step = width / this.#last.count;
    for (const [age, presence, shares] of this.#last.columns) {
      const left = Math.round(width - (age + 1) * step), columnWidth = Math.round(width - age * step) - left;
      let bottom = height;
      for (const label of this.#labels) {
        const barHeight = (shares[label] ?? 0) * presence * height;
        context.fillStyle = label === UNCERTAIN ? hatch(context, muted, ratio) : colorOf(label);
        context.fillRect(left, bottom - barHeight, columnWidth, barHeight);
        bottom -= barHeight;
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

function hatch(context, color, ratio) {
  const tile = new OffscreenCanvas(5 * ratio, 5 * ratio), pen = tile.getContext("2d");
  pen.strokeStyle = color;
  pen.lineWidth = 1.5 * ratio;
  for (const shift of [-5, 0, 5]) {
    pen.moveTo(shift * ratio, 5 * ratio);
    pen.lineTo((shift + 5) * ratio, 0);
  }
  pen.stroke();
  return context.createPattern(tile, "repeat");
}
