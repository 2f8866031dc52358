// The picture, with the boxes of the same frame drawn over it.
import { UNCERTAIN, colorOf } from "./colors.js";

export class Picture {
  #bitmap = null;
  #head = null;

  constructor(canvas) {
    this.canvas = canvas;
    new ResizeObserver(() => this.#draw()).observe(canvas);
  }

  // Returns whether the picture is shown: another camera may have been chosen while it was decoded.
  async show(head, jpeg, isCurrent) {
    const bitmap = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
    if (!isCurrent()) {
      bitmap.close();
      return false;
    }
    this.#bitmap?.close();
    this.#bitmap = bitmap;
    this.#head = head;
    this.canvas.style.setProperty("--ratio", head.size[0] / head.size[1]);
    this.#draw();
    this.canvas.dataset.frame = head.frame;
    return true;
  }

  clear() {
    this.#bitmap?.close();
    this.#bitmap = null;
    this.canvas.getContext("2d").clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  #draw() {
    const { canvas } = this;
    const ratio = Math.min(devicePixelRatio, 2);
    const width = Math.round(canvas.clientWidth * ratio), height = Math.round(canvas.clientHeight * ratio);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    if (!this.#bitmap || !width) return;
    const context = canvas.getContext("2d");
    context.drawImage(this.#bitmap, 0, 0, width, height);
    const scale = width / this.#head.size[0];
    for (const face of this.#head.faces) drawFace(context, face, this.#head.labels, scale, ratio);
  }
}

function drawFace(context, face, labels, scale, ratio) {
  const [x, y, w, h] = face.box.map((v) => v * scale);
  context.setLineDash(face.expression === UNCERTAIN ? [8 * ratio, 6 * ratio] : []);
  // A bright line with a dark edge is visible on every picture.
  for (const [color, width] of [["#000a", 6], [face.expression === UNCERTAIN ? "#fff" : colorOf(face.expression), 3]]) {
    context.strokeStyle = color;
    context.lineWidth = width * ratio;
    context.beginPath();
    context.roundRect(x, y, w, h, 6 * ratio);
    context.stroke();
  }
  context.setLineDash([]);
  const score = face.scores[labels.indexOf(face.expression)];
  const text = `${face.id}  ${face.expression}` + (score === undefined ? "" : `  ${Math.round(score * 100)}%`);
  const size = 14 * ratio, padding = 6 * ratio, { canvas } = context;
  context.font = `600 ${size}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  const tagWidth = context.measureText(text).width + 2 * padding + 6 * ratio, tagHeight = size + 1.2 * padding;
  // Above the box if there is room, else inside it.
  const left = Math.max(0, Math.min(x, canvas.width - tagWidth));
  const top = y - tagHeight - 4 * ratio >= 0 ? y - tagHeight - 4 * ratio : Math.max(0, y) + 4 * ratio;
  context.fillStyle = "#0b1116e6";
  context.beginPath();
  context.roundRect(left, top, tagWidth, tagHeight, 4 * ratio);
  context.fill();
  context.fillStyle = face.expression === UNCERTAIN ? "#fff" : colorOf(face.expression);
  context.fillRect(left + 3 * ratio, top + 4 * ratio, 4 * ratio, tagHeight - 8 * ratio);
  context.fillStyle = "#fff";
  context.fillText(text, left + padding + 6 * ratio, top + tagHeight / 2);
}
