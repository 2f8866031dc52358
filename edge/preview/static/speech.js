// Announces the faces and their expressions to screen readers, at most one sentence every few seconds.
const PAUSE_MS = 4000;

export class Speech {
  #announced = "";
  #current = "";
  #timer = 0;

  constructor(element) {
    this.element = element;
  }

  show({ faces }) {
    this.#current = faces.length ? faces.map((face) => `Face ${face.id}: ${face.expression}`).join(". ") : "No face";
    if (this.#timer || this.#current === this.#announced) return;
    this.element.textContent = this.#announced = this.#current;
    this.#timer = setTimeout(() => (this.#timer = 0), PAUSE_MS);
  }
}
