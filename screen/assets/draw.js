// @ts-check
"use strict";

/**
 * The chart of one pair: panes on one time axis and one cross-hair. It follows the newest bars until the user moves
 * it, and keeps what the user chose over every update. The charting library has the axis, a window of at most
 * PairbridgeShapes.axisFor points of it, and the gestures; the panes draw from the pair's columns.
 */
class PairbridgeCharts {
  static SHOWN = 240; // bars while no range is chosen
  static QUIET_MS = 80; // after a gesture, before the axis may change under it

  /** @param {ReturnType<typeof PairbridgeCore.emptyPair>} pair its data, owned by the caller */
  constructor(pair) {
    this.pair = pair;
    this.leg = "y";
    this.order = PairbridgeSeries.PANES.map(({ id }) => id); // the panes that are shown
    this.chosen = /** @type {(lines: string[], leg: string) => void} */ (() => {}); // told what is hidden or shown
    this.hidden = /** @type {Set<string>} */ (new Set());
    this.axis = { start: 0, step: 1, count: 0 };
    this.panes = /** @type {PairbridgePane[]} */ ([]);
    this.older = new PairbridgeOlder(pair, () => this.paintSoon());
    this.span = /** @type {number|null} */ (null); // ms that are followed; null: SHOWN bars
    this.held = /** @type {number[]|null} */ (null); // the times that the user looks at; null: the newest are followed
    this.target = /** @type {number[]|null} */ (null); // what will be seen once the library has drawn
    this.pointed = /** @type {number|null} */ (null); // when the bar under the cross-hair opens, ms
    this.isStale = true; // something else than the forming candle has changed
    this.known = { resets: -1, moved: 0 };
    this.cache = { marks: /** @type {any} */ (null), edges: /** @type {any} */ (null), series: new Map() };
    this.version = 0; // of what is drawn
    this.size = 0; // of the axis, in bars
    this.newest = null; // by leg: id and time of the newest trade, for measurements
    this.gestures = new PairbridgeGestures(this);
    this.seek = new PairbridgeSeek(this);
    this.address = new PairbridgeAddress(this);
  }

  /** Call when more than the last candle has changed. */
  invalidate() {
    this.isStale = true;
    this.cache = { marks: null, edges: null, series: new Map() };
  }

  /** Makes the chart follow the market again. */
  unzoom() {
    this.held = null;
    this.mount(); // the page may be another than at the last drawing
    for (const pane of this.panes) pane.anchor.priceScale().applyOptions({ autoScale: true });
    this.invalidate();
    this.gestures.tell();
    this.paintSoon();
  }

  /** The newest stretch of a length in ms, Infinity for everything. */
  showRange(span) {
    this.span = span;
    this.unzoom();
  }

  /** Candles of "y" or "x", or "both" legs as lines. */
  showLeg(leg) {
    this.leg = leg;
    this.chosen([...this.hidden], leg);
    this.invalidate();
    this.paintSoon();
  }

  /** Hide or show a series; returns whether it is shown now. */
  toggle(key) {
    if (!this.hidden.delete(key)) this.hidden.add(key);
    this.chosen([...this.hidden], this.leg);
    this.invalidate();
    this.paintSoon();
    return !this.hidden.has(key);
  }

  /** Other panes, or in another order, with the hidden series and the leg of a layout; what is looked at stays. */
  arrange({ panes, hidden, lines, leg }) {
    Object.assign(this, { order: panes.filter((id) => !hidden.includes(id)), hidden: new Set(lines), leg });
    this.unmount();
    this.invalidate();
    this.paintSoon();
  }

  /** Call when bars, or what a trade moves, have changed. */
  changed(newest) {
    this.newest = newest ?? this.newest;
    this.paintSoon();
  }

  /** Tell the library what has changed, which it draws in the next animation frame; without that the candle alone. */
  paintSoon() {
    const isOwn = this.mount() && this.pair.bars.size > 0 && !this.sync();
    if (isOwn) this.forming.draw();
    else requestAnimationFrame(() => this.chart && this.forming?.draw()); // after the library's, requested before
  }

  /** The chart in the page's element, which may be another than before. */
  mount() {
    const box = document.getElementById("chart-canvas");
    if (box === this.box && this.chart) return true;
    const isOther = box !== this.box;
    this.unmount();
    this.box = box;
    if (!box) return false;
    if (isOther) this.gestures.listenTo(box);
    this.colours = PairbridgeLook.coloursOf(box);
    this.chart = window.LightweightCharts.createChart(box, PairbridgeLook.options(this.colours));
    this.panes = PairbridgeSeries.shown(this.order).map((spec) => new PairbridgePane(spec, this));
    this.panes.forEach((pane, index) => pane.addTo(this.chart, index));
    this.forming = new PairbridgeForming(this, box);
    const legends = /** @type {HTMLElement} */ (document.getElementById("chart-legends"));
    if (this.legend?.box === legends) this.legend.built = "";
    else this.legend = new PairbridgeLegend(legends, this);
    this.known = { resets: -1, moved: 0 };
    this.gestures.listen(this.chart);
    requestAnimationFrame(() => requestAnimationFrame(() => this.legend?.place())); // the library has its panes by then
    return true;
  }

  unmount() {
    this.chart?.remove();
    this.forming?.remove();
    this.chart = null;
    this.panes = [];
    this.pointed = null;
  }

  /** The theme or the zone of times is another: everything is drawn anew, where it is. */
  restyle() {
    if (!this.chart) return;
    this.colours = PairbridgeLook.coloursOf(this.box);
    this.chart.applyOptions(PairbridgeLook.options(this.colours));
    for (const pane of this.panes) pane.brush.patterns = {};
    this.invalidate();
    this.paintSoon();
  }

  /** Bring axis, view and legend up to date. Whether the library will draw. */
  sync() {
    const { bars, resets } = this.pair;
    const size = PairbridgeCore.newest(this.pair) + 1;
    this.version += 1;
    if (resets !== this.known.resets) this.setAxis(size);
    else if (bars.moved !== this.known.moved) this.shift(size);
    else this.extend(size);
    if (!this.held) this.follow(size);
    this.seek.step();
    this.address.step();
    if (this.isStale) this.legend.show(this.at);
    const isNew = this.isStale || size !== this.size || !this.forming?.fits;
    if (isNew) this.redraw(this.isStale ? this.panes : this.prices);
    this.size = size;
    return isNew;
  }

  /** The pane that a trade changes, if it is shown. */
  get prices() {
    return this.panes.filter(({ spec }) => spec.id === "price-chart");
  }

  /** The last point once more makes the library ask for the range and draw. */
  redraw(panes) {
    const { start, step, count } = this.axis;
    const point = { time: this.pair.bars.time(start + (count - 1) * step) / 1000, value: 0 };
    for (const pane of panes) pane.anchor.update(point);
    this.isStale = false;
  }

  /** Bars have come on the left: the axis begins earlier, and the view stays where it is. */
  shift(size) {
    this.axis.start += this.pair.bars.moved - this.known.moved;
    this.known.moved = this.pair.bars.moved;
    this.invalidate();
    if (!this.gestures.isBusy) this.setAxis(size);
  }

  /** New bars: points at the end of the axis. */
  extend(size) {
    const { axis } = this;
    const last = axis.start + axis.count * axis.step;
    if (last >= size) return;
    const reached = axis.start + (axis.count - 1) * axis.step;
    if (size - reached > 3 * axis.step + 3) return; // the axis ends before the newest bars: they are not in view
    for (let at = last; at < size; at += axis.step) {
      const point = { time: this.pair.bars.time(at) / 1000, value: 0 };
      for (const pane of this.panes) pane.anchor.update(point);
      axis.count += 1;
    }
  }

  /** Another window of bars on the axis, with what is seen where it was. */
  setAxis(size) {
    const [from, to] = this.wanted(size);
    const isHeld = Boolean(this.held);
    this.known = { resets: this.pair.resets, moved: this.pair.bars.moved };
    this.axis = PairbridgeShapes.axisFor(size, from, to);
    const { start, step, count } = this.axis;
    const points = Array.from({ length: count }, (_, k) => ({ time: this.pair.bars.time(start + k * step) / 1000 }));
    const last = { ...points[count - 1], value: 0 };
    const [first, ...others] = this.panes;
    for (const pane of others) pane.anchor.setData([]);
    first.anchor.setData([...points.slice(0, -1), last]);
    for (const pane of others) pane.anchor.setData([last]);
    this.look(from, to);
    if (isHeld) this.hold(from, to);
    this.invalidate();
  }

  /** The indexes to look at: the user's, or the newest. */
  wanted(size) {
    const { bars } = this.pair;
    if (this.held) return this.held.map((ms) => (ms - bars.begin) / bars.width);
    const all = this.span === Infinity ? size : Math.ceil((this.span ?? PairbridgeCharts.SHOWN * bars.width) / bars.width);
    const shown = Math.min(all, Math.max(size, 20));
    return [size - shown - 1, size + Math.max(shown * 0.03, 1)];
  }

  follow(size) {
    const [from, to] = this.wanted(size);
    const { bars } = this.pair;
    const all = this.span === null ? 0 : this.span / bars.width;
    this.older.want(Math.min(all - bars.size, bars.first));
    const most = (to - from) * 2 < PairbridgeCore.KEEP ? PairbridgeCore.KEEP : PairbridgeCore.MOST;
    const isSeeking = this.seek.close !== null; // in bars that were loaded for it
    if (bars.size > 2 * most && !this.older.isLoading && !isSeeking) {
      bars.trim(most);
      this.setAxis(PairbridgeCore.newest(this.pair) + 1);
    } else if (!PairbridgeShapes.serves(this.axis, size, from, to)) this.setAxis(size);
    else this.look(from, to);
  }

  /** Set what is seen, in indexes of bars. */
  look(from, to) {
    const { start, step } = this.axis;
    const [nowFrom, nowTo] = this.window();
    if (Math.abs(nowFrom - from) + Math.abs(nowTo - to) < 1e-3 * step) return;
    this.target = [from, to];
    requestAnimationFrame(() => requestAnimationFrame(() => (this.target = null)));
    this.chart.timeScale().setVisibleLogicalRange({ from: (from - start) / step, to: (to - start) / step });
  }

  /** What is seen, in whole indexes of bars up to the newest. */
  seen() {
    const [from, to] = this.window();
    const newest = PairbridgeCore.newest(this.pair);
    return [Math.max(Math.floor(from), 0), Math.min(Math.ceil(to), newest)];
  }

  window() {
    if (this.target) return this.target;
    const range = this.chart?.timeScale().getVisibleLogicalRange();
    if (!range) return [0, -1];
    const { start, step } = this.axis;
    return [start + range.from * step, start + range.to * step];
  }

  /** Keep what is seen where it is: the user has moved the chart. */
  hold(from, to) {
    const { bars } = this.pair;
    this.held = [bars.begin + from * bars.width, bars.begin + to * bars.width];
    const room = to - from;
    if (from < room) this.older.want(Math.ceil(Math.max(room * 2 - from, 0)));
  }

  /** After a gesture: the axis for what is seen now. */
  settle() {
    const size = PairbridgeCore.newest(this.pair) + 1;
    this.address.changed();
    if (this.held && size && !PairbridgeShapes.serves(this.axis, size, ...this.window())) {
      this.setAxis(size);
      this.paintSoon();
    }
  }

  /** The bar whose values the legends show: that under the cross-hair, or the marked one; null: the newest. */
  get at() {
    const ms = this.pointed ?? this.seek.marked;
    return ms === null ? null : this.pair.bars.index(ms);
  }

  marks() {
    this.cache.marks ??= PairbridgeCore.marks(this.pair);
    return this.cache.marks;
  }

  boundaries() {
    this.cache.edges ??= PairbridgeCore.boundaries(this.pair, this.leg === "x" ? "x" : "y");
    return this.cache.edges;
  }

  /** @returns {import("./draw_series.js").Series[]} */
  seriesOf(id) {
    if (!this.cache.series.has(id)) this.cache.series.set(id, PairbridgeSeries.seriesOf(id, this.pair, this.leg));
    return this.cache.series.get(id);
  }
}
