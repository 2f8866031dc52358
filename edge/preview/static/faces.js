// The faces in the picture: what was announced of each, and the scores as bars.
import { UNCERTAIN, colourOf, paintSwatch, percent, swatch } from "./colors.js";

export class Faces {
  #cards = new Map();

  constructor(list, none) {
    Object.assign(this, { list, none });
  }

  show({ faces, labels }) {
    const here = new Set(faces.map((face) => face.id));
    for (const [id, card] of this.#cards) {
      if (here.has(id) && card.labels === labels.join()) continue;
      card.item.remove();
      this.#cards.delete(id);
    }
    for (const face of faces) {
      if (!this.#cards.has(face.id)) this.#add(face.id, labels);
      update(this.#cards.get(face.id), face, labels);
    }
    this.none.hidden = faces.length > 0;
  }

  #add(id, labels) {
    const item = document.createElement("li"), title = document.createElement("h3"), bars = document.createElement("ul");
    const mark = swatch(UNCERTAIN), name = document.createElement("span"), expression = document.createElement("span");
    item.className = "face";
    item.dataset.face = id;
    name.className = "name";
    name.textContent = `Face ${id}`;
    expression.className = "expression";
    title.append(mark, expression, name);
    const rows = labels.map((label) => {
      const row = document.createElement("li"), bar = document.createElement("span"), number = document.createElement("span");
      bar.className = "bar";
      bar.ariaHidden = "true";
      bar.append(document.createElement("i"));
      bar.style.setProperty("--colour", colourOf(label));
      number.className = "number";
      row.append(label, bar, number);
      return { row, bar, number };
    });
    bars.append(...rows.map(({ row }) => row));
    item.append(title, bars);
    this.list.append(item);
    this.#cards.set(id, { item, mark, expression, rows, labels: labels.join() });
  }
}

function update(card, face, labels) {
  if (card.expression.textContent !== face.expression) {
    card.expression.textContent = face.expression;
    paintSwatch(card.mark, face.expression);
  }
  card.rows.forEach(({ row, bar, number }, i) => {
    bar.style.setProperty("--share", face.scores[i]);
    number.textContent = percent(face.scores[i]);
    row.classList.toggle("announced", labels[i] === face.expression);
  });
}
