// @ts-check
"use strict";

/** The filter of the glossary: terms, meanings and traps that have all of its words. */
class PairbridgeGlossary {
  constructor() {
    document.addEventListener("input", (event) => {
      if (event.target instanceof HTMLInputElement && event.target.id === "glossary-filter") this.show(event.target.value);
    });
  }

  /** @param {string} text */
  show(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const section of document.querySelectorAll(".glossary section")) {
      const terms = /** @type {NodeListOf<HTMLElement>} */ (section.querySelectorAll(".term"));
      for (const term of terms) {
        const content = (term.textContent ?? "").toLowerCase();
        term.hidden = !words.every((word) => content.includes(word));
      }
      const shown = [...terms].filter((term) => !term.hidden).length;
      section.toggleAttribute("hidden", shown === 0);
      found += shown;
    }
    document.getElementById("glossary-filter-none")?.toggleAttribute("hidden", found > 0);
  }
}

new PairbridgeGlossary();
