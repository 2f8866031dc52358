// The connection to the daemon: a WebSocket that is reopened when it is lost, and closed while the page is hidden.

// The daemon sends something at least every 2 s (HEARTBEAT_S in viewers.py).
const SILENCE_MS = 7000;
const LONGEST_PAUSE_S = 10;
// TOKEN_NEEDED, NO_CAMERA and FULL in viewers.py.
const TOKEN_NEEDED = 4401, NO_CAMERA = 4404, FULL = 4429;

export class Connection {
  // The name of the camera that is shown; null for the first one.
  camera = null;
  #socket = null;
  #pauseS = 1;
  #retryTimer = 0;
  #silenceTimer = 0;

  // onFrame(head, jpeg, isCurrent) may be asynchronous; isCurrent() is false when the connection was replaced meanwhile. onCameras(cameras), onState(state) and onTimeline(timeline) get plain
  // values. onNoCamera() is called if the daemon has no camera of that name.
  // onConnection gets {isUp: true}, or {isUp: false, isFull, seconds} with the seconds until the next attempt.
  constructor(listeners) {
    this.listeners = listeners;
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#disconnect() : this.connect()));
    addEventListener("pagehide", () => this.#disconnect());
    addEventListener("pageshow", (event) => event.persisted && this.connect());
  }

  chooseCamera(name) {
    this.camera = name;
    this.connect();
  }

  connect() {
    this.#disconnect();
    const url = new URL("live", location.href.replace(/^http/, "ws").replace(/[?#].*/, ""));
    if (this.camera !== null) url.searchParams.set("camera", this.camera);
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    socket.onmessage = (event) => this.#receive(socket, event.data);
    socket.onclose = (event) => this.#lost(event.code);
    this.#socket = socket;
    this.#restartSilenceTimer();
  }

  #disconnect() {
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#silenceTimer);
    if (this.#socket) {
      this.#socket.onclose = this.#socket.onmessage = null;
      this.#socket.close();
      this.#socket = null;
    }
  }

  #restartSilenceTimer() {
    clearTimeout(this.#silenceTimer);
    this.#silenceTimer = setTimeout(() => this.#lost(0), SILENCE_MS);
  }

  async #receive(socket, data) {
    this.#restartSilenceTimer();
    this.#pauseS = 1;
    this.listeners.onConnection({ isUp: true });
    if (typeof data === "string") {
      const message = JSON.parse(data);
      if (message.kind === "cameras") this.listeners.onCameras(message);
      else if (message.kind === "state") this.listeners.onState(message);
      else this.listeners.onTimeline(message);
      return;
    }
    const length = new DataView(data).getUint32(0);
    const head = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
    try {
      await this.listeners.onFrame(head, new Uint8Array(data, 4 + length), () => socket === this.#socket);
    } finally {
      // The daemon sends the next frame only after this.
      if (socket.readyState === WebSocket.OPEN) socket.send("shown");
    }
  }

  #lost(code) {
    this.#disconnect();
    if (code === TOKEN_NEEDED) {
      location.reload();
      return;
    }
    if (code === NO_CAMERA) {
      this.listeners.onNoCamera();
      this.camera = null;
    }
    this.#countDown(this.#pauseS, code === FULL);
    this.#pauseS = Math.min(this.#pauseS * 2, LONGEST_PAUSE_S);
  }

  #countDown(seconds, isFull) {
    if (document.hidden) return;
    this.listeners.onConnection({ isUp: false, isFull, seconds });
    this.#retryTimer = setTimeout(() => (seconds > 1 ? this.#countDown(seconds - 1, isFull) : this.connect()), 1000);
  }
}
