// The state of the connection, of the source and of the picture.

// A picture older than this is no longer called live.
const STALE_MS = 3000;
const SOURCE_TITLES = { stalled: "The source has stalled", offline: "The source is offline" };

export class Status {
  #connection = { isUp: false, seconds: 0 };
  #source = { state: null, reason: "" };
  #lastFrameMs = 0;
  #frameSource = "";

  constructor(elements) {
    this.elements = elements;
    setInterval(() => this.#show(), 500);
  }

  setConnection(connection) {
    if (!connection.isUp || !this.#connection.isUp) {
      this.#connection = connection;
      this.#show();
    }
  }

  setSource(source) {
    this.#source = source;
    this.#show();
  }

  noteFrame(head) {
    const wasStale = !this.#isFresh();
    this.#lastFrameMs = performance.now();
    this.#frameSource = head.source;
    const dropped = head.dropped_fps > 0 ? `, ${head.dropped_fps.toFixed(1)} dropped` : "";
    this.elements.rate.textContent = `${head.fps.toFixed(1)} frames/s${dropped}`;
    if (wasStale) this.#show();
  }

  // Another camera is shown from now on.
  forgetFrame() {
    this.#lastFrameMs = 0;
    this.#source = { state: null, reason: "" };
    this.#show();
  }

  #isFresh() {
    return this.#lastFrameMs > 0 && performance.now() - this.#lastFrameMs < STALE_MS;
  }

  #show() {
    const { badge, badgeText, overlay, title, detail, retry, main, rate, sourceName, notice, nothingStored } = this.elements;
    const isFresh = this.#isFresh();
    const [state, label, titleText, detailText] = this.#describe(isFresh);
    badge.dataset.state = state;
    setText(badgeText, label);
    setText(title, titleText);
    setText(detail, detailText);
    overlay.hidden = !titleText;
    retry.hidden = state !== "lost";
    main.classList.toggle("stale", Boolean(titleText));
    // Video files and folders send no source events.
    setText(sourceName, this.#source.source ?? this.#frameSource);
    setText(notice, this.#source.notice ?? "");
    notice.hidden = !this.#source.notice;
    nothingStored.hidden = Boolean(this.#source.notice);
    if (!isFresh || !this.#connection.isUp) setText(rate, "");
  }

  // Returns the state, its label, and the title and detail of the overlay, which are empty if all is well.
  #describe(isFresh) {
    const { isUp, isFull, seconds } = this.#connection;
    const retry = seconds ? `Reconnecting in ${seconds} s.` : "";
    if (!isUp && isFull) return ["lost", "full", "Too many viewers", retry];
    if (!isUp && seconds) return ["lost", "connection lost", "Connection to the daemon lost", retry];
    if (!isUp) return ["waiting", "connecting", "Connecting …", ""];
    const { state, reason } = this.#source;
    if (state === "stalled" || state === "offline") return [state, state, SOURCE_TITLES[state], reason];
    if (isFresh) return ["online", "online", "", ""];
    if (!this.#lastFrameMs) return ["waiting", "waiting", "Waiting for the first picture …", ""];
    const ageS = Math.round((performance.now() - this.#lastFrameMs) / 1000);
    return ["stalled", "no new picture", "No new picture", `The last picture is ${ageS} s old.`];
  }
}

// Changes the text only if it differs, so that a screen reader does not read it again.
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
