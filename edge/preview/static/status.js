// What is the matter: with the way to the daemon, with the source, or with nothing.

// Without a new picture for so long the one that is there is no longer called live.
const OLD_MS = 3000;
const SOURCE = { stalled: "The camera stands still", offline: "The camera is offline" };

export class Status {
  #link = { up: false, seconds: 0 };
  #source = { state: null, reason: "" };
  #seenMs = 0;

  constructor(parts) {
    this.parts = parts;
    setInterval(() => this.#show(), 500);
  }

  link(link) {
    if (!link.up || !this.#link.up) {
      this.#link = link;
      this.#show();
    }
  }

  source(state) {
    this.#source = state;
    this.#show();
  }

  frame(head) {
    const first = !this.#isFresh();
    this.#seenMs = performance.now();
    const dropped = head.dropped_fps > 0 ? `, ${head.dropped_fps} dropped` : "";
    this.parts.rate.textContent = `${head.fps.toFixed(1)} frames/s${dropped}`;
    if (first) this.#show();
  }

  #isFresh() {
    return this.#seenMs > 0 && performance.now() - this.#seenMs < OLD_MS;
  }

  #show() {
    const { pill, text, veil, title, detail, retry, main, rate, name, notice, stored } = this.parts;
    const fresh = this.#isFresh();
    const [state, told, head, more] = this.#judge(fresh);
    pill.dataset.state = state;
    put(text, told);
    put(title, head);
    put(detail, more);
    veil.hidden = !head;
    retry.hidden = state !== "lost";
    main.classList.toggle("stale", Boolean(head));
    put(name, this.#source.source ?? "");
    put(notice, this.#source.notice ?? "");
    notice.hidden = !this.#source.notice;
    stored.hidden = Boolean(this.#source.notice);
    if (!fresh || !this.#link.up) put(rate, "");
  }

  // State, its name, and what stands over the picture: a title and a detail; none where all is well.
  #judge(fresh) {
    const { up, full, seconds } = this.#link;
    const again = seconds ? `Trying again in ${seconds} s.` : "";
    if (!up && full) return ["lost", "full", "Too many are looking already", again];
    if (!up && seconds) return ["lost", "connection lost", "The connection to the daemon is lost", again];
    if (!up) return ["waiting", "connecting", "Connecting …", ""];
    const { state, reason } = this.#source;
    if (state === "stalled" || state === "offline") return [state, state, SOURCE[state], reason];
    if (fresh) return ["online", "online", "", ""];
    if (!this.#seenMs) return ["waiting", "waiting", "Waiting for the first picture …", ""];
    const age = Math.round((performance.now() - this.#seenMs) / 1000);
    return ["stalled", "no new picture", "No new picture", `The last one came ${age} s ago.`];
  }
}

// Only where it is another: what is read aloud shall not be read again.
function put(place, text) {
  if (place.textContent !== text) place.textContent = text;
}
