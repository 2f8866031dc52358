// The faces in the picture: the announced expression of each, and its scores as bars.
import { UNCERTAIN, colorOf, paintSwatch, percent, swatch } from "./colors.js";

export class Faces {
  #cards = new Map();

  constructor(list, noFace) {
    Object.assign(this, { list, noFace });
  }

  show({ faces, labels }) {
    const present = new Set(faces.map((face) => face.id));
    for (const [id, card] of this.#cards) {
      if (present.has(id) && card.labels === labels.join()) continue;
      card.item.remove();
      this.#cards.delete(id);
    }
    for (const face of faces) {
      if (!this.#cards.has(face.id)) this.#add(face.id, labels);
      update(this.#cards.get(face.id), face, labels);
    }
    this.noFace.hidden = faces.length > 0;
  }

  #add(id, labels) {
    const item = document.createElement("li"), title = document.createElement("h3"), bars = document.createElement("ul");
    const colorMark = swatch(UNCERTAIN), name = document.createElement("span"), expression = document.createElement("span");
    item.className = "face";
    item.dataset.face = id;
    name.className = "name";
    name.textContent = `Face ${id}`;
    expression.className = "expression";
    title.append(colorMark, expression, name);
    const rows = labels.map((label) => {
      const row = document.createElement("li"), bar = document.createElement("span"), number = document.createElement("span");
      bar.className = "bar";
      bar.ariaHidden = "true";
      bar.append(document.createElement("i"));
      bar.style.setProperty("--color", colorOf(label));
      number.className = "number";
      row.append(label, bar, number);
      return { row, bar, number };
    });
    bars.append(...rows.map(({ row }) => row));
    item.append(title, bars);
    this.list.append(item);
    this.#cards.set(id, { item, colorMark, expression, rows, labels: labels.join() });
  }
}

function update(card, face, labels) {
  if (card.expression.textContent !== face.expression) {
    card.expression.textContent = face.expression;
    paintSwatch(card.colorMark, face.expression);
  }
  card.rows.forEach(({ row, bar, number }, i) => {
    bar.style.setProperty("--share", face.scores[i]);
    number.textContent = percent(face.scores[i]);
    row.classList.toggle("announced", labels[i] === face.expression);
  });
}
