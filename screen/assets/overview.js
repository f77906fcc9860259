// @ts-check
"use strict";

/** A cell with the last values of z as a line, between -3 and 3, on the line of 0. */
function PairbridgeTrail({ value }) {
  const { createElement } = window.React;
  const across = Math.max((value ?? []).length - 1, 1);
  const line = { className: "trail", viewBox: `0 -3.2 ${across} 6.4`, preserveAspectRatio: "none", "aria-hidden": true };
  return createElement(
    "svg",
    line,
    createElement("line", { x1: 0, x2: across, y1: 0, y2: 0 }),
    createElement("path", { d: PairbridgeCore.trail(value) }),
  );
}
window.dashAgGridComponentFunctions = Object.assign(window.dashAgGridComponentFunctions ?? {}, { PairbridgeTrail });

/** The overview's tables: rows keyed by id, of which the grid repaints what has changed. */
class PairbridgeOverview {
  static PAIRS = "overview-pairs";
  static SYMBOLS = "overview-symbols";
  static NARROW = matchMedia("(max-width: 600px)");
  static FIRST = { pair: 150, z: 54, position: 72, open: 60 }; // on a narrow screen, with their widths
  static WHOLE = 25; // rows: a longer table scrolls, and draws only what is seen

  constructor() {
    document.addEventListener("click", (event) => {
      if (!(event.target instanceof Element) || event.target.id !== "overview-tour-close") return;
      PairbridgePreferences.write("tour", "done");
      this.tour();
    });
    document.addEventListener("input", ({ target }) => {
      if (target instanceof HTMLInputElement && target.id === `${PairbridgeOverview.SYMBOLS}-filter`) this.table.filter(target.value);
    });
    const number = (digits) => (value) => PairbridgeCore.number(value, digits);
    const texts = { price: number(-10), change: number(2), rate: number(1), gaps: number(0), age: number(0) };
    const row = (line, { stale }) => line.classList.toggle("is-stale", stale);
    this.table = new PairbridgeTable(PairbridgeOverview.SYMBOLS, texts, { row, most: PairbridgeOverview.WHOLE });
    this.pairs = /** @type {any[]|null} */ (null);
    this.symbols = /** @type {any[]|null} */ (null);
    this.later = 0; // a timer, while the grid is not there yet
  }

  receive(message) {
    if (message.symbols) {
      this.symbols = message.symbols;
      this.table.show(this.symbols);
    }
    if (message.pairs) {
      this.pairs = message.pairs;
      this.fill();
    }
    if ("start" in message) this.guide(message.start);
    this.tour();
  }

  /** The page has been mounted. */
  mounted() {
    if (this.symbols) this.table.filter(""); // the filter of a page that was just mounted is empty
    this.fill();
  }

  /** The grid of the pairs. */
  fill() {
    const id = PairbridgeOverview.PAIRS;
    clearTimeout(this.later);
    if (!this.pairs || !document.querySelector('[data-topics~="overview"]')) return;
    const api = document.getElementById(id) && PairbridgeDom.grid(id);
    if (!api) {
      this.later = window.setTimeout(() => this.fill(), 100); // its script is loaded, or the grid is being built
      return;
    }
    const isLong = this.pairs.length > PairbridgeOverview.WHOLE;
    api.setGridOption("domLayout", isLong ? "normal" : "autoHeight");
    const table = /** @type {HTMLElement} */ (document.getElementById(id));
    table.classList.toggle("is-long", isLong);
    api.setGridOption("rowData", this.pairs);
    api.setGridOption("loading", false);
    if (!api.pairbridgeOpens) this.listen(api, id);
  }

  /** Once per mounted grid: a row opens its pair, and the words above it filter. */
  listen(api, id) {
    api.pairbridgeOpens = true;
    api.setGridOption("suppressMovableColumns", matchMedia("(pointer: coarse)").matches); // a swipe scrolls
    const usual = api.getColumnState();
    const arrange = () => !api.isDestroyed() && api.applyColumnState({ state: this.columns(usual), applyOrder: true });
    if (PairbridgeOverview.NARROW.matches) arrange();
    PairbridgeOverview.NARROW.addEventListener("change", arrange);
    api.addEventListener("rowClicked", (event) => PairbridgeDom.go(event.data.path));
    const filter = /** @type {HTMLInputElement | null} */ (document.getElementById(`${id}-filter`));
    filter?.addEventListener("input", () => api.setGridOption("quickFilterText", filter.value));
  }

  /** The columns in their order; on a narrow screen those first that are looked at first. */
  columns(usual) {
    if (!PairbridgeOverview.NARROW.matches) return usual.map(({ colId, width }) => ({ colId, width }));
    const first = Object.entries(PairbridgeOverview.FIRST).map(([colId, width]) => ({ colId, width }));
    const others = usual.filter(({ colId }) => !(colId in PairbridgeOverview.FIRST));
    return [...first, ...others.map(({ colId, width }) => ({ colId, width }))];
  }

  /** The steps through the demo: while every symbol is of the simulated exchange, until they are dismissed. */
  tour() {
    const box = document.getElementById("overview-tour");
    const symbols = this.symbols ?? [];
    const isDemo = symbols.length > 0 && symbols.every(({ market }) => market === "sim");
    if (box) box.hidden = !isDemo || PairbridgePreferences.read("tour") === "done";
  }

  /** What to do first, while there is no trade. */
  guide(address) {
    const box = document.getElementById("overview-start");
    const link = /** @type {HTMLAnchorElement | null} */ (document.getElementById("overview-bridge"));
    if (!box || !link) return;
    box.hidden = !address;
    if (address) Object.assign(link, { href: address, textContent: address });
  }
}
