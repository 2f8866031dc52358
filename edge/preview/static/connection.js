// The way to the daemon: a WebSocket that is opened again when it is lost, and closed while nobody looks.

// The daemon says something every 2 s (HEARTBEAT_S in viewer.py).
const SILENCE_MS = 7000;
const LONGEST_PAUSE_S = 10;
// LOCKED and FULL in viewer.py.
const LOCKED = 4401, FULL = 4429;

export class Connection {
  #socket = null;
  #pauseS = 1;
  #timer = 0;
  #silence = 0;

  // onFrame(head, jpeg) may be asynchronous; onState(state) and onMinutes(minutes) get plain values;
  // onLink(link) gets {up} or {up: false, full, seconds}: how long until the next try.
  constructor(listeners) {
    this.listeners = listeners;
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#leave() : this.tryNow()));
    addEventListener("pagehide", () => this.#leave());
    addEventListener("pageshow", (event) => event.persisted && this.tryNow());
  }

  tryNow() {
    this.#leave();
    const socket = new WebSocket(new URL("live", location.href.replace(/^http/, "ws")));
    socket.binaryType = "arraybuffer";
    socket.onmessage = (event) => this.#take(socket, event.data);
    socket.onclose = (event) => this.#lost(event.code);
    this.#socket = socket;
    this.#listen();
  }

  #leave() {
    clearTimeout(this.#timer);
    clearTimeout(this.#silence);
    if (this.#socket) {
      this.#socket.onclose = this.#socket.onmessage = null;
      this.#socket.close();
      this.#socket = null;
    }
  }

  #listen() {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#lost(0), SILENCE_MS);
  }

  async #take(socket, data) {
    this.#listen();
    this.#pauseS = 1;
    this.listeners.onLink({ up: true });
    if (typeof data === "string") {
      const message = JSON.parse(data);
      if (message.kind === "state") this.listeners.onState(message);
      else this.listeners.onMinutes(message);
      return;
    }
    const length = new DataView(data).getUint32(0);
    const head = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
    try {
      await this.listeners.onFrame(head, new Uint8Array(data, 4 + length));
    } finally {
      // Only now the next one comes.
      if (socket.readyState === WebSocket.OPEN) socket.send("shown");
    }
  }

  #lost(code) {
    this.#leave();
    if (code === LOCKED) {
      location.reload();
      return;
    }
    this.#count(this.#pauseS, code === FULL);
    this.#pauseS = Math.min(this.#pauseS * 2, LONGEST_PAUSE_S);
  }

  #count(seconds, full) {
    if (document.hidden) return;
    this.listeners.onLink({ up: false, full, seconds });
    this.#timer = setTimeout(() => (seconds > 1 ? this.#count(seconds - 1, full) : this.tryNow()), 1000);
  }
}
