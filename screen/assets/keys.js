// @ts-check
"use strict";

/** Keys of the whole screen: single ones, and `g` followed by the letter of a page. Not while something is typed. */
class PairbridgeKeys {
  static AFTER_G_MS = 1500;
  static BOXES = ["checkbox", "radio", "button", "range"].map((kind) => `:not([type=${kind}])`).join("");
  static TYPED = `input${PairbridgeKeys.BOXES}, select, textarea, [role=textbox]`; // after a click on a box keys are keys

  /** @param {Object<string, (event: KeyboardEvent) => any>} actions by key; one that returns false did nothing */
  constructor(actions) {
    this.actions = actions;
    this.goes = -Infinity; // when g was pressed
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || this.isElsewhere(event)) return;
    const now = performance.now(); // of the handling: while a page is mounted, keys wait
    if (now - this.goes < PairbridgeKeys.AFTER_G_MS) {
      this.goes = -Infinity;
      this.toPage(event.key);
    } else if (event.key === "g") {
      this.goes = now;
    } else if (this.actions[event.key] && this.actions[event.key](event) !== false) {
      event.preventDefault(); // the browser's own search, for one
    }
  }

  /** Whether the key is meant for a field, which Escape leaves, or for a dialog. */
  isElsewhere({ key, target }) {
    if (target instanceof HTMLElement && target.closest(PairbridgeKeys.TYPED)) {
      if (key === "Escape") target.blur();
      return true;
    }
    return Boolean(document.querySelector(".modal.show")) && key !== "?";
  }

  toPage(letter) {
    const links = [...document.querySelectorAll(".pages .nav-link")];
    const link = links.find((each) => each.getAttribute("title")?.endsWith(`g ${letter}`));
    if (link instanceof HTMLElement) link.click();
  }
}
