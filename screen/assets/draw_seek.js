// @ts-check
"use strict";

/**
 * Brings the bar that the address names (`?close=`, when the bar closed, in ms) to the middle of the chart, and marks
 * it; older bars are loaded until it is there. The mark is a time of this pair: it stays on its bar while newer bars
 * come, until the user leaves it, or another pair or page is shown.
 */
class PairbridgeSeek {
  static OVER = ".drawer:not([hidden]), .modal.show, .hint-box"; // what Escape closes first

  /** @param {PairbridgeCharts} charts */
  constructor(charts) {
    this.charts = charts;
    this.close = /** @type {number|null} */ (null); // of the bar that is looked for
    this.marked = /** @type {number|null} */ (null); // when the bar that was found opens, ms
    this.path = ""; // the page of which the address named a bar
    document.addEventListener("keydown", (event) => this.pressed(event), true); // before what is over it has closed
  }

  /** The page has been mounted. */
  mounted() {
    this.path = location.pathname;
    this.begin();
  }

  /** The page has been mounted, or another pair is shown: one to which the address leads, or one chosen on this page. */
  begin() {
    const isNamed = location.pathname === this.path;
    const named = (isNamed && new URLSearchParams(location.search).get("close")) || "";
    this.end();
    this.charts.pointed = null;
    if (!isNamed && location.search) window.dash_clientside.set_props("address", { search: "" }); // of the pair that was left
    this.close = /^[0-9]{12,14}$/.test(named) ? Number(named) : null;
    if (this.close !== null) this.charts.paintSoon();
  }

  /** No bar is looked for or marked any more. */
  end() {
    PairbridgeDom.setText("seek-note", "");
    this.close = null;
    if (this.marked === null) return;
    this.marked = null;
    this.charts.address.changed();
    this.charts.invalidate();
    this.charts.paintSoon();
  }

  pressed(event) {
    if (event.key === "Escape" && !document.querySelector(PairbridgeSeek.OVER)) this.end();
  }

  /** After each change of the data, until the bar is found. */
  step() {
    const { charts, close } = this;
    const { pair, older } = charts;
    if (close === null || !charts.chart || !pair.bars.size || !this.isHere) return;
    const open = close - pair.bars.width;
    const index = pair.bars.index(open);
    if (index < 0 && older.isMore) older.want(PairbridgeCharts.SHOWN - index);
    else this.found(index, open);
  }

  /** Whether the pair that is shown is that of the address; the data of the one before may still be here. */
  get isHere() {
    const { y, x } = this.charts.pair.names;
    const [, , ...named] = decodeURIComponent(this.path).split("/").filter(Boolean);
    return location.pathname === this.path && (!named.length || named.join("/") === `${y}~${x}`);
  }

  goTo(open) {
    const { charts } = this;
    const half = (PairbridgeCharts.SHOWN / 2) * charts.pair.bars.width;
    charts.gestures.stay([open - half, open + half]);
  }

  /** Every bar that there is has been loaded. */
  found(index, open) {
    const { charts, close } = this;
    const { bars } = charts.pair;
    const at = PairbridgeTimes.text(Number(close));
    this.close = null;
    if (index >= 0 && index <= PairbridgeCore.newest(charts.pair) && bars.time(index) === open) {
      this.marked = open;
      this.goTo(open); // only now: bars that are loaded move what is in view
      const tap = matchMedia("(pointer: coarse)").matches ? "a tap" : "Escape or a click";
      const leave = `${tap} on the chart takes the mark away, a range button goes back to the newest bars.`;
      PairbridgeDom.setText("seek-note", `Marked: the bar that closed at ${at}; ${leave}`);
      charts.invalidate();
      return;
    }
    charts.unzoom();
    const begin = PairbridgeTimes.text(bars.time(0));
    PairbridgeDom.setText("seek-note", `The bar that closed at ${at} is not on this chart, which begins at ${begin}.`);
  }

  /** The marked bar on the time axis, as the charting library asks for labels. */
  labels() {
    const { charts, marked } = this;
    if (marked === null) return [];
    const { axis, chart, colours, pair } = charts;
    const place = (pair.bars.index(marked) - axis.start) / axis.step;
    return [
      {
        coordinate: () => chart.timeScale().logicalToCoordinate(place) ?? -1000,
        text: () => PairbridgeTimes.text(marked),
        textColor: () => colours.on,
        backColor: () => colours.amber,
      },
    ];
  }
}
