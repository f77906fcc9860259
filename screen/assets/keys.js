// @ts-check
"use strict";

/** Keys of the whole screen: single ones, and `g` followed by the letter of a page. Not while something is typed. */
class PairbridgeKeys {
  static AFTER_G_MS = 1500;

  /** @param {Object<string, () => void>} actions by key */
  constructor(actions) {
    this.actions = actions;
    this.goes = -Infinity; // when g was pressed
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target instanceof Element && event.target.closest("input, select, textarea, [role=textbox]")) {
      if (event.key === "Escape" && event.target instanceof HTMLElement) event.target.blur();
      return;
    }
    if (event.timeStamp - this.goes < PairbridgeKeys.AFTER_G_MS) {
      this.goes = -Infinity;
      const link = [...document.querySelectorAll(".pages .nav-link")].find((each) =>
        each.getAttribute("title")?.endsWith(`g ${event.key}`),
      );
      if (link instanceof HTMLElement) link.click();
    } else if (event.key === "g") {
      this.goes = event.timeStamp;
    } else if (this.actions[event.key]) {
      event.preventDefault(); // the browser's own search, for one
      this.actions[event.key]();
    }
  }
}
