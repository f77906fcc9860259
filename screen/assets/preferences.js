// @ts-check
"use strict";

/**
 * What is chosen once in this browser: the theme and the zone of times. The head of the document loads it, before
 * anything is painted; the other scripts follow with the page.
 */
const PairbridgePreferences = (() => {
  const memory = /** @type {Object<string, string>} */ ({}); // where the browser forbids localStorage
  const system = matchMedia("(prefers-color-scheme: light)");

  function read(name) {
    try {
      return localStorage.getItem(`pairbridge.${name}`) ?? memory[name];
    } catch {
      return memory[name];
    }
  }

  function write(name, value) {
    memory[name] = value;
    try {
      localStorage.setItem(`pairbridge.${name}`, value);
    } catch {
      // forbidden here: forgotten on reload
    }
  }

  /** The theme that was chosen; without a choice that of the system. */
  function theme() {
    const chosen = read("theme");
    if (chosen === "light" || chosen === "dark") return chosen;
    return system.matches ? "light" : "dark";
  }

  const zone = () => (read("zone") === "local" ? "local" : "utc");

  /** Bring the document to what is chosen, and tell the parts that draw by themselves. */
  function apply() {
    const { dataset } = document.documentElement;
    const before = `${dataset.bsTheme} ${dataset.zone}`;
    Object.assign(dataset, { bsTheme: theme(), zone: zone() });
    if (before !== `${dataset.bsTheme} ${dataset.zone}`) window.dispatchEvent(new Event("pairbridge-preferences"));
  }

  function choose(name, value) {
    write(name, value);
    apply();
  }

  const choices = {
    theme: () => choose("theme", theme() === "dark" ? "light" : "dark"),
    zone: () => choose("zone", zone() === "utc" ? "local" : "utc"),
  };
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-choice]") : null;
    if (button instanceof HTMLElement) choices[button.dataset.choice ?? ""]?.();
  });
  system.addEventListener("change", apply);
  window.addEventListener("storage", apply); // chosen in another tab
  apply();

  return { read, write, zone };
})();
