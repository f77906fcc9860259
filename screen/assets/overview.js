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
  static TABLES = { pairs: "overview-pairs", symbols: "overview-symbols" };
  static NARROW = matchMedia("(max-width: 600px)");
  static FIRST = { pair: 136, z: 56, position: 68, open: 72 }; // on a narrow screen, with their widths
  static WHOLE = 25; // rows: a longer table scrolls, and draws only what is seen

  constructor() {
    document.addEventListener("click", (event) => {
      if (!(event.target instanceof Element) || event.target.id !== "overview-tour-close") return;
      PairbridgePreferences.write("tour", "done");
      this.tour();
    });
    this.rows = /** @type {Object<string, any[]>} */ ({});
    this.later = /** @type {Object<string, number>} */ ({}); // of tables that are not there yet
  }

  receive(message) {
    for (const name of Object.keys(PairbridgeOverview.TABLES)) {
      if (message[name]) this.rows[name] = message[name];
      if (message[name]) this.fill(name);
    }
    if ("start" in message) this.guide(message.start);
    this.tour();
  }

  /** The page has been mounted. */
  mounted() {
    for (const name of Object.keys(this.rows)) this.fill(name);
  }

  fill(name) {
    const id = PairbridgeOverview.TABLES[name];
    clearTimeout(this.later[name]);
    if (!document.querySelector('[data-topics~="overview"]')) return;
    const api = document.getElementById(id) && PairbridgeDom.grid(id);
    if (!api) {
      this.later[name] = setTimeout(() => this.fill(name), 100); // its script is loaded, or the grid is being built
      return;
    }
    const isLong = this.rows[name].length > PairbridgeOverview.WHOLE;
    api.setGridOption("domLayout", isLong ? "normal" : "autoHeight");
    const table = /** @type {HTMLElement} */ (document.getElementById(id));
    table.classList.toggle("is-long", isLong);
    api.setGridOption("rowData", this.rows[name]);
    api.setGridOption("loading", false);
    if (!api.pairbridgeOpens) this.listen(api, id);
  }

  /** Once per mounted table: a row opens its pair, and the words above it filter. */
  listen(api, id) {
    api.pairbridgeOpens = true;
    api.setGridOption("suppressMovableColumns", matchMedia("(pointer: coarse)").matches); // a swipe scrolls
    const usual = api.getColumnState();
    const arrange = () => !api.isDestroyed() && api.applyColumnState({ state: this.columns(usual), applyOrder: true });
    if (id === PairbridgeOverview.TABLES.pairs) {
      if (PairbridgeOverview.NARROW.matches) arrange();
      PairbridgeOverview.NARROW.addEventListener("change", arrange);
    }
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
    const symbols = this.rows.symbols ?? [];
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
