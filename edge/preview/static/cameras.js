// The tabs of several cameras. The chosen one stands in the address after "#", so that it can be kept as a bookmark.

export class Cameras {
  #names = [];

  // onChoice(name) is called when another camera is chosen; null is the first one.
  constructor(element, onChoice) {
    this.element = element;
    addEventListener("hashchange", () => onChoice(this.chosen));
  }

  get chosen() {
    try {
      return decodeURIComponent(location.hash.slice(1)) || null;
    } catch {
      return null;
    }
  }

  // The daemon has no such camera any more.
  forget() {
    history.replaceState(null, "", location.pathname + location.search);
  }

  show({ names, shown }) {
    this.element.hidden = names.length < 2;
    if (names.join("/") !== this.#names.join("/")) {
      this.#names = names;
      this.element.replaceChildren(...names.map((name) => {
        const link = document.createElement("a");
        link.href = `#${encodeURIComponent(name)}`;
        link.textContent = name;
        return link;
      }));
    }
    for (const link of this.element.children) {
      if (link.textContent === shown) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }
}
