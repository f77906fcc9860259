// @ts-check
"use strict";

/** The page of a pair: its texts, its charts, its log and the watch list. */
class PairbridgePair {
  constructor() {
    this.pair = PairbridgeCore.emptyPair();
    this.charts = new PairbridgeCharts(this.pair);
    this.layout = new PairbridgeLayout(this.charts);
    this.log = new PairbridgeLog();
    const texts = { z: (value) => PairbridgeCore.signed(value, 2) };
    const open = (row) => PairbridgeDom.go(row.path);
    this.list = new PairbridgeTable("watch-list", texts, { row: PairbridgePair.listRow, open });
    this.texts = /** @type {Object<string, string>} */ ({});
    this.tones = /** @type {Object<string, string>} */ ({});
    this.notes = /** @type {Object<string, string>} */ ({});
    this.leaders = /** @type {any[]} */ ([]);
    this.listed = ""; // what the watch list shows
    this.asOf = /** @type {number|null} */ (null); // close of the newest bar
    this.waits = ""; // why the figures stand still though the bridge delivers
    this.cut = ""; // why nothing is delivered
    this.reading = new PairbridgePace(() => this.read(), PairbridgePace.READ_MS);
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
    const isBar = message.reset || message.log?.length || message.columns?.t?.length; // else a trade
    if (isBar) this.charts.invalidate();
    if (isOther) this.begin();
    Object.assign(this.texts, message.text, { title: `${this.pair.names.y} ~ ${this.pair.names.x}` });
    Object.assign(this.tones, message.tone);
    this.age(message);
    if (isBar) this.reading.now();
    else this.reading.soon();
    this.log.receive(message);
    if (isBar || PairbridgePair.moves(message)) this.charts.changed(message.newest);
  }

  /** Another pair is shown. */
  begin() {
    this.charts.address.mounted();
    this.charts.seek.begin();
  }

  /** Whether the charts show anything of a message without bars; else it is of other parts of the page. */
  static moves({ newest, forming, candles, hedge }) {
    return Boolean(newest || forming || candles || hedge !== undefined);
  }

  /** The page has been mounted: everything known is drawn. */
  mounted() {
    this.listed = "";
    this.showTexts();
    this.showNotes();
    this.showLeaders();
    this.showAge();
    this.log.mounted();
    this.layout.mounted();
    this.charts.address.mounted();
    this.charts.seek.mounted();
  }

  /** What a trade changes in words and figures. */
  read() {
    this.showTexts();
    this.charts.legend?.traded();
  }

  /** Write what is known; an element may have come since. */
  showTexts() {
    for (const [name, text] of Object.entries(this.texts)) PairbridgeDom.setText(`live-${name}`, text);
    for (const [name, tone] of Object.entries(this.tones)) {
      const element = PairbridgeDom.byId(`live-${name}`);
      if (element && element.dataset.tone !== tone) element.dataset.tone = tone;
    }
  }

  /** Whether data arrive, by the state in the banner. */
  flows(state) {
    const cut = PairbridgeBanner.arrives(state) ? "" : state.toLowerCase();
    if (cut === this.cut) return;
    this.cut = cut;
    this.showAge();
  }

  age(message) {
    if (!("as_of" in message) && !("waits" in message)) return;
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

  showLeaders() {
    const rows = this.leaders.map((row) => ({ ...row, chosen: row.id === String(this.pair.watch) }));
    const key = JSON.stringify(rows);
    if (key === this.listed) return;
    this.listed = key;
    this.list.show(rows);
  }

  /** A row of the watch list: its pair is a link, and the pair that is shown is marked. */
  static listRow(line, row) {
    const cell = line.cells[0];
    const link = cell.querySelector("a") ?? document.createElement("a");
    if (!link.parentElement) {
      link.textContent = cell.textContent;
      cell.replaceChildren(link);
    }
    if (link.getAttribute("href") !== row.path) link.setAttribute("href", row.path);
    if (line.title !== row.title) line.title = row.title;
    line.classList.toggle("is-chosen", row.chosen);
    if (row.chosen) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }

  /** To the next pair of the watch list, or the previous one. */
  step(by) {
    const rows = this.list.ordered();
    const at = rows.findIndex((row) => row.chosen);
    PairbridgeDom.go(rows[(at + by + rows.length) % rows.length]?.path);
  }
}
