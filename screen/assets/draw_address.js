// @ts-check
"use strict";

/**
 * What is looked at, in the address: `?range=1h` follows the newest bars, `?from=..&to=..` (UTC) stays where it is. A
 * reload, going back, and the address in another browser show the same. `?close=` is PairbridgeSeek's.
 */
class PairbridgeAddress {
  static RANGES = { "15m": 900_000, "1h": 3_600_000, "4h": 14_400_000, "1d": 86_400_000, all: Infinity };
  static AFTER_MS = 200; // what a gesture passes on its way is not written

  /** @param {PairbridgeCharts} charts */
  constructor(charts) {
    this.charts = charts;
    this.asked = /** @type {number[]|null} */ (null); // the stretch of the address, until its bars are loaded, ms
    this.timer = 0;
  }

  /** The page has been mounted, or shows another pair; what the address does not name stays as it was. */
  mounted() {
    const query = new URLSearchParams(location.search);
    const stretch = ["from", "to"].map((name) => Date.parse(query.get(name) ?? ""));
    const span = PairbridgeAddress.RANGES[query.get("range") ?? ""];
    const isStretch = !query.has("close") && stretch[0] < stretch[1];
    this.asked = isStretch ? stretch : null;
    if (span && !query.has("close")) this.charts.span = span;
    this.charts.unzoom();
    if (!isStretch) return;
    this.charts.gestures.stay(stretch);
    this.charts.paintSoon();
  }

  /** After each change of the data: the bars that the address asks for are loaded as far as there are any. */
  step() {
    const { charts, asked } = this;
    const { pair, older, seek } = charts;
    if (!asked || !charts.chart || !pair.bars.size || !seek.isHere) return;
    const [from, to] = asked.map((ms) => (ms - pair.bars.begin) / pair.bars.width);
    if (from < 0 && older.isMore) {
      older.want(Math.ceil(PairbridgeCharts.SHOWN - from));
      return;
    }
    this.asked = null;
    if (to > 0 && from <= PairbridgeCore.newest(pair)) return;
    charts.unzoom();
    const [first, last, begin] = [...asked, pair.bars.time(0)].map((ms) => PairbridgeTimes.text(ms));
    PairbridgeDom.setText("seek-note", `No bar from ${first} to ${last} is on this chart, which begins at ${begin}.`);
  }

  /** What is looked at has changed. */
  changed() {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.write(), PairbridgeAddress.AFTER_MS);
  }

  write() {
    const { charts } = this;
    const isShown = PairbridgeCore.pageOf(location.pathname) === "/pair" && charts.box?.isConnected;
    if (!isShown || charts.gestures.isBusy || charts.seek.close !== null || charts.seek.marked !== null) return;
    const search = PairbridgeAddress.search(charts.held, charts.span);
    if (search !== location.search) history.replaceState(history.state, "", location.pathname + search);
  }

  /** @param {number[]|null} held @param {number|null} span */
  static search(held, span) {
    if (held) {
      const [from, to] = held.map((ms) => `${new Date(ms).toISOString().slice(0, 19)}Z`);
      return `?from=${from}&to=${to}`;
    }
    const [name] = Object.entries(PairbridgeAddress.RANGES).find(([, ms]) => ms === span) ?? [];
    return name ? `?range=${name}` : "";
  }
}
