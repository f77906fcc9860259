// @ts-check
"use strict";

/**
 * Brings the bar that the address names (`?close=`, when the bar closed, in ms) to the middle of the chart, with the
 * cross-hair on it; older bars are loaded until it is there.
 */
class PairbridgeSeek {
  /** @param {PairbridgeCharts} charts */
  constructor(charts) {
    this.charts = charts;
    this.close = /** @type {number|null} */ (null);
    this.isInView = false; // whether the chart has gone there
  }

  /** The page has been mounted, or another pair is shown. */
  begin() {
    const named = new URLSearchParams(location.search).get("close") ?? "";
    this.close = /^[0-9]{12,14}$/.test(named) ? Number(named) : null;
    this.isInView = false;
    PairbridgeDom.setText("seek-note", "");
    if (this.close !== null) this.charts.paintSoon();
  }

  /** After each change of the data, until the bar is found. */
  step() {
    const { charts, close } = this;
    const { pair, older } = charts;
    if (close === null || !charts.chart || !pair.bars.size) return;
    const open = close - pair.bars.width;
    const index = pair.bars.index(open);
    if (!this.isInView) this.goTo(open);
    if (index < 0 && older.isMore) older.want(PairbridgeCharts.SHOWN - index);
    else this.found(index);
  }

  goTo(open) {
    const { charts } = this;
    const half = (PairbridgeCharts.SHOWN / 2) * charts.pair.bars.width;
    this.isInView = true;
    charts.held = [open - half, open + half];
    charts.gestures.isUser = true;
    charts.gestures.tell();
    charts.setAxis(PairbridgeCore.newest(charts.pair) + 1);
  }

  /** Every bar that there is has been loaded. */
  found(index) {
    const { charts, close } = this;
    const { bars } = charts.pair;
    this.close = null;
    if (index >= 0 && index <= PairbridgeCore.newest(charts.pair)) {
      const time = bars.time(index) / 1000;
      requestAnimationFrame(() => requestAnimationFrame(() => this.point(time))); // the library has moved by then
      return;
    }
    charts.unzoom();
    const begin = PairbridgeTimes.text(bars.time(0));
    const said = `The bar that closed at ${PairbridgeTimes.text(Number(close))} is not on this chart, which begins at ${begin}.`;
    PairbridgeDom.setText("seek-note", said);
  }

  /** The cross-hair on a time that is in view. */
  point(time) {
    const { chart, panes } = this.charts;
    const [low, high] = panes[0]?.range ?? [0, 0];
    chart?.setCrosshairPosition((low + high) / 2, time, panes[0].anchor);
  }
}
