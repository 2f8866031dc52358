// The latency of each stage, averaged over about a second so that it can be read.
const WEIGHT = 0.1;

export class Latency {
  #rows = new Map();

  constructor(body) {
    this.body = body;
  }

  show(latencyMs) {
    for (const stage of Object.keys(latencyMs)) if (!this.#rows.has(stage)) this.#add(stage);
    for (const [stage, ms] of Object.entries(latencyMs)) {
      const row = this.#rows.get(stage);
      row.ms = row.ms === null ? ms : row.ms + WEIGHT * (ms - row.ms);
    }
    const longest = Math.max(...[...this.#rows.values()].map((row) => row.ms));
    for (const row of this.#rows.values()) {
      row.number.textContent = `${row.ms.toFixed(row.ms < 10 ? 2 : 1)} ms`;
      row.bar.style.setProperty("--share", row.ms / longest);
    }
  }

  #add(stage) {
    const row = document.createElement("tr"), name = document.createElement("th"), number = document.createElement("td");
    const middle = document.createElement("td"), bar = document.createElement("div");
    name.scope = "row";
    name.textContent = stage;
    bar.className = "bar";
    bar.append(document.createElement("i"));
    middle.ariaHidden = "true";
    middle.append(bar);
    number.className = "number";
    row.className = stage;
    row.append(name, middle, number);
    const total = this.#rows.get("total");
    if (total) total.row.before(row);
    else this.body.append(row);
    this.#rows.set(stage, { row, bar, number, ms: null });
  }
}
