// For those who listen: what was announced, one sentence every few seconds at most.
const PAUSE_MS = 4000;

export class Speech {
  #told = "";
  #next = "";
  #timer = 0;

  constructor(place) {
    this.place = place;
  }

  show({ faces }) {
    this.#next = faces.length ? faces.map((face) => `Face ${face.id}: ${face.expression}`).join(". ") : "No face";
    if (this.#timer || this.#next === this.#told) return;
    this.place.textContent = this.#told = this.#next;
    this.#timer = setTimeout(() => (this.#timer = 0), PAUSE_MS);
  }
}
