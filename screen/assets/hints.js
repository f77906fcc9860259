// @ts-check
"use strict";

/**
 * The explanation of what is on the screen, for fingers and keys: a mouse has it as the element's title. A tap on
 * something with a title, or the key `i` while it has the focus, shows it; Escape, or a tap elsewhere, takes it away.
 */
class PairbridgeHints {
  static TAKEN = "a, button, input, select, textarea, label, summary, canvas, .ag-root-wrapper"; // a tap does something

  constructor() {
    this.box = /** @type {HTMLElement | null} */ (null);
    this.of = /** @type {HTMLElement | null} */ (null); // what is explained
    document.addEventListener("pointerup", (event) => this.tapped(event));
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.close());
    document.addEventListener("scroll", () => this.follow(), { capture: true, passive: true });
  }

  /** @param {PointerEvent} event */
  tapped(event) {
    const isIn = event.target instanceof Node && this.box?.contains(event.target);
    if (isIn) return;
    this.close();
    const target = event.target instanceof Element ? event.target : null;
    if (event.pointerType !== "mouse" && target && !target.closest(PairbridgeHints.TAKEN)) this.explain(target);
  }

  /** Show the explanation of an element, or of what it stands in; returns false without one. */
  explain(target) {
    const found = target instanceof Element ? target.closest("[title]") : null;
    if (!(found instanceof HTMLElement) || !found.title) return false;
    this.close();
    const box = document.createElement("div");
    box.className = "hint-box";
    box.setAttribute("role", "status");
    const words = document.createElement("p");
    words.textContent = found.title;
    box.append(words);
    if (found.dataset.term) box.append(this.more(found.dataset.term));
    document.querySelector(".page")?.append(box);
    this.box = box;
    this.of = found;
    this.follow();
    return true;
  }

  more(term) {
    const link = document.createElement("a");
    link.href = `/glossary#${term}`;
    link.textContent = "Its trap, in the glossary";
    return link;
  }

  /** To the term that the address names: it was not there when the browser looked for it. */
  toTerm() {
    const term = document.querySelector(`.term[id="${CSS.escape(location.hash.slice(1))}"]`);
    term?.scrollIntoView();
    term?.classList.add("is-named");
  }

  /** Stay at what is explained, at the window's edge if that is scrolled out; gone when that is. */
  follow() {
    const at = this.of?.getBoundingClientRect();
    if (this.box && at?.width) this.place(this.box, at);
    else this.close();
  }

  /** Below the element, or above where there is no room. */
  place(box, { left, top, bottom }) {
    const { offsetWidth: width, offsetHeight: height } = box;
    const isBelow = bottom + height + 12 < window.innerHeight;
    box.style.left = `${Math.max(Math.min(left, window.innerWidth - width - 8), 8)}px`;
    const wanted = isBelow ? bottom + 6 : top - height - 6;
    box.style.top = `${Math.max(Math.min(wanted, window.innerHeight - height - 8), 8)}px`;
  }

  close() {
    this.box?.remove();
    this.box = null;
  }
}
