// @ts-check
"use strict";

/**
 * The explanation of what is on the screen, in one box: pointing at a line of help for a moment shows it, so does a
 * click or the focus by Tab; a tap on anything with a title, or the key `i` while it has the focus. Escape, or a click
 * elsewhere, takes it away. The browser's own tooltip of an element is off while the box explains it.
 */
class PairbridgeHints {
  static TAKEN = "a, button, input, select, textarea, label, summary, canvas, .ag-root-wrapper"; // a tap does something
  static REST_MS = 350; // how long the mouse rests on a line, and how long it may be beside it

  constructor() {
    this.box = /** @type {HTMLElement | null} */ (null);
    this.of = /** @type {HTMLElement | null} */ (null); // what is explained
    this.isKept = false; // until it is closed; else while the mouse is there
    this.later = 0; // a timer
    document.addEventListener("pointerup", (event) => this.tapped(event));
    document.addEventListener("pointerover", (event) => this.pointed(event));
    document.addEventListener("focusin", (event) => this.focused(event));
    document.addEventListener("focusout", (event) => this.left(event));
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.close());
    document.addEventListener("scroll", () => this.follow(), { capture: true, passive: true });
  }

  /** The element that explains a target, if it is there to be explained: it shows the cursor of help. */
  static helped(target) {
    const found = target instanceof Element ? target.closest("[title], [data-hint]") : null;
    return found && getComputedStyle(found).cursor === "help" ? found : null;
  }

  isIn(target) {
    return target instanceof Node && Boolean(this.box?.contains(target));
  }

  /** @param {PointerEvent} event */
  tapped(event) {
    if (this.isIn(event.target)) return;
    this.close();
    const target = event.target instanceof Element ? event.target : null;
    if (!target || target.closest(PairbridgeHints.TAKEN)) return;
    if (event.pointerType !== "mouse") this.explain(target);
    else if (PairbridgeHints.helped(target)) this.explain(target);
  }

  /** The mouse comes to something: in a moment it is explained, or what was is not any more. */
  pointed(event) {
    if (event.pointerType !== "mouse" || event.buttons || this.isKept) return;
    clearTimeout(this.later);
    const found = PairbridgeHints.helped(event.target);
    if (this.isIn(event.target) || (found && found === this.of)) return;
    const change = () => (found ? this.explain(found, false) : this.close());
    if (found || this.box) this.later = window.setTimeout(change, PairbridgeHints.REST_MS);
  }

  /** By the keyboard, to a line of help. */
  focused({ target }) {
    if (target instanceof Element && target.matches(":focus-visible") && PairbridgeHints.helped(target)) this.explain(target);
  }

  left({ target, relatedTarget }) {
    if (target === this.of && !this.isIn(relatedTarget)) this.close();
  }

  /** Show the explanation of an element, or of what it stands in; returns false without one. */
  explain(target, isKept = true) {
    this.close();
    const found = target instanceof Element ? target.closest("[title]") : null;
    if (!(found instanceof HTMLElement) || !found.title) return false;
    const box = document.createElement("div");
    box.className = "hint-box";
    box.setAttribute("role", "status");
    const words = document.createElement("p");
    words.textContent = found.title;
    box.append(words);
    if (found.dataset.term) box.append(this.more(found.dataset.term));
    document.querySelector(".page")?.append(box);
    found.dataset.hint = found.title;
    found.removeAttribute("title");
    Object.assign(this, { box, of: found, isKept });
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
    clearTimeout(this.later);
    this.box?.remove();
    const { of } = this;
    if (of?.dataset.hint && !of.title) of.title = of.dataset.hint;
    if (of) delete of.dataset.hint;
    Object.assign(this, { box: null, of: null, isKept: false });
  }
}
