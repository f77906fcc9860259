// @ts-check
"use strict";

/** The page of a pair: its texts, its charts, its log and the watch list. */
class PairbridgePair {
  constructor() {
    this.pair = PairbridgeCore.emptyPair();
    this.charts = new PairbridgeCharts(this.pair);
    this.log = PairbridgeCore.emptyLog([0, 0]);
    this.texts = /** @type {Object<string, string>} */ ({});
    this.tones = /** @type {Object<string, string>} */ ({});
    this.notes = /** @type {Object<string, string>} */ ({});
    this.leaders = /** @type {any[]} */ ([]);
    this.tradesOnly = true;
    this.listed = ""; // what the watch list shows
    this.asOf = /** @type {number|null} */ (null); // close of the newest bar
    this.waits = ""; // why the figures stand still though the bridge delivers
    this.cut = ""; // why nothing is delivered
  }

  receive(message) {
    Object.assign(this.notes, message.notes ?? {});
    if (message.leaders) this.leaders = message.leaders;
    if (message.type === "frame") this.frame(message);
    this.showNotes();
    this.showLeaders();
  }

  frame(message) {
    const isOther = message.reset && message.watch !== this.pair.watch;
    PairbridgeCore.absorb(this.pair, message);
    if (message.reset || message.log?.length || message.columns?.t?.length) this.charts.invalidate();
    if (isOther) this.charts.unzoom();
    Object.assign(this.texts, message.text ?? {}, { title: `${this.pair.names.y} ~ ${this.pair.names.x}` });
    Object.assign(this.tones, message.tone ?? {});
    this.age(message);
    this.showTexts();
    this.showLog(message);
    this.charts.traded(message.trade_ms);
  }

  /** The page has been mounted: everything known is drawn. */
  mounted() {
    this.listed = "";
    this.tradesOnly = true;
    this.showTexts();
    this.showNotes();
    this.showLeaders();
    this.showAge();
    this.fillLog();
    this.charts.unzoom();
  }

  showTexts() {
    for (const [name, text] of Object.entries(this.texts)) PairbridgeDom.setText(`live-${name}`, text);
    for (const [name, tone] of Object.entries(this.tones)) {
      const element = PairbridgeDom.byId(`live-${name}`);
      if (element && element.dataset.tone !== tone) element.dataset.tone = tone;
    }
  }

  /** Whether data arrive, by the state in the banner. */
  flows(state) {
    const cut = ["LIVE", "MARKET QUIET"].includes(state) ? "" : state.toLowerCase();
    if (cut === this.cut) return;
    this.cut = cut;
    this.showAge();
  }

  age(message) {
    if ("as_of" in message) this.asOf = message.as_of;
    if ("waits" in message) this.waits = message.waits;
    this.showAge();
  }

  /** Figures that are not of now are grey, and say of when they are. */
  showAge() {
    const why = this.cut || this.waits;
    const page = document.querySelector('[data-topics~="pair"]');
    page?.toggleAttribute("data-stale", why !== "");
    const [, time, zone] = this.asOf === null ? [] : PairbridgeTimes.text(this.asOf).split(" ");
    const known = time ? `as of ${time} ${zone}` : "";
    const text = why && [known, why].filter(Boolean).join(": ");
    for (const each of page?.querySelectorAll(".as-of") ?? []) if (each.textContent !== text) each.textContent = text;
  }

  /** The texts over charts without data; an empty text uncovers the chart. */
  showNotes() {
    for (const [chart, sentence] of Object.entries(this.notes)) {
      const element = PairbridgeDom.byId(`${chart}-note`);
      if (!element || element.textContent === sentence) continue;
      element.replaceChildren(...(sentence ? [PairbridgeDom.linked(sentence)] : []));
    }
  }

  isLogged(row) {
    return !this.tradesOnly || row.kind !== "no_entry";
  }

  showLog(message) {
    const fresh = message.log ?? [];
    if (!message.reset && !fresh.length) return;
    if (message.reset) this.log = PairbridgeCore.emptyLog(message.log_kept);
    const dropped = PairbridgeCore.remember(this.log, fresh);
    const api = PairbridgeDom.grid("signal-log");
    const logged = (row) => this.isLogged(row);
    if (!api || message.reset) this.fillLog();
    else api.applyTransaction({ add: fresh.filter(logged), addIndex: 0, remove: dropped.filter(logged) });
  }

  fillLog() {
    if (!PairbridgeDom.byId("signal-log")) return; // another page is shown
    const api = PairbridgeDom.grid("signal-log");
    const rows = PairbridgeCore.rowsOf(this.log).filter((row) => this.isLogged(row));
    if (api) api.setGridOption("rowData", rows);
    else setTimeout(() => this.fillLog(), 100);
  }

  filterLog(value) {
    this.tradesOnly = (value ?? []).includes("trades");
    this.fillLog();
  }

  /** The values of a column that pass its filter in the log's table; null without a filter. */
  passing(column) {
    const api = PairbridgeDom.grid("signal-log");
    if (!api?.getFilterModel()[column]) return null;
    const values = new Set();
    api.forEachNodeAfterFilter((node) => values.add(node.data[column]));
    return [...values];
  }

  /** Before the browser follows the link of the export: with the filters of the table. */
  exportShown(event) {
    const link = event.target instanceof Element ? event.target.closest("#export-log") : null;
    const address = link?.getAttribute("href");
    if (!link || !address) return;
    const filters = { kind: this.passing("kind"), reason: this.passing("reason") };
    link.setAttribute("href", PairbridgeCore.exportAddress(address, this.tradesOnly, filters));
  }

  showLeaders() {
    if (!PairbridgeDom.byId("watch-list")) return;
    const api = PairbridgeDom.grid("watch-list");
    if (!api) {
      setTimeout(() => this.showLeaders(), 100);
      return;
    }
    const rows = this.leaders.map((row) => ({ ...row, chosen: row.id === String(this.pair.watch) }));
    const key = JSON.stringify(rows);
    if (key === this.listed && (api.getDisplayedRowCount() || !rows.length)) return; // would exceed the frame's time
    this.listed = key;
    api.setGridOption("rowData", rows); // the grid identifies rows by id, and keeps unchanged ones
    if (!api.pairbridgeOpens) api.addEventListener("rowClicked", (event) => PairbridgeDom.go(event.data.path));
    api.pairbridgeOpens = true;
  }

  /** To the next pair of the watch list, or the previous one. */
  step(by) {
    const api = PairbridgeDom.grid("watch-list");
    if (!api) return;
    const nodes = [];
    api.forEachNodeAfterFilterAndSort((node) => nodes.push(node));
    const at = nodes.findIndex((node) => node.data.id === String(this.pair.watch));
    PairbridgeDom.go(nodes[(at + by + nodes.length) % nodes.length]?.data.path);
  }
}
