// @ts-check
"use strict";

/**
 * One pane of the chart, drawn from the pair's columns as a primitive of the charting library: it holds the axes, the
 * cross-hair and the gestures, and no copy of the data. Its one series is invisible, and gives the pane its scale.
 */
class PairbridgePane {
  static AIR = 0.06; // below what is drawn
  static MOST_ABOVE = 0.45; // of a pane's height, for its legend

  /**
   * @param {import("./draw_series.js").Pane} spec
   * @param {PairbridgeCharts} charts
   */
  constructor(spec, charts) {
    this.spec = spec;
    this.charts = charts;
    this.brush = new PairbridgeBrush(this);
    this.anchor = /** @type {any} */ (null);
    this.labels = /** @type {any[]} */ ([]);
    this.above = NaN; // the share of its height that is kept for the legend
    this.range = /** @type {number[]|null} */ (null);
    this.scaled = { key: "", found: /** @type {any} */ (null) }; // the library asks many times for one drawing
    this.views = [{ renderer: () => ({ draw: (target) => this.draw(target) }) }];
  }

  /** The pane's scale: an invisible series with one point, and a range of our own. */
  addTo(chart, index) {
    this.anchor = chart.addSeries(
      window.LightweightCharts.LineSeries,
      {
        lineVisible: false,
        lastValueVisible: false,
        priceLineVisible: false,
        crosshairMarkerVisible: false,
        autoscaleInfoProvider: () => this.scale(),
        priceFormat: { type: "custom", minMove: 1e-10, formatter: (value) => this.format(value) },
      },
      index,
    );
    this.anchor.priceScale().applyOptions({ minimumWidth: 64 });
    this.leaveAbove(0.14);
    this.anchor.attachPrimitive(this);
    chart.panes()[index].setStretchFactor(this.spec.stretch);
  }

  /** Keep a share of the pane's height over what is drawn, for its legend. */
  leaveAbove(share) {
    const top = Math.min(share, PairbridgePane.MOST_ABOVE);
    if (Math.abs(top - this.above) < 0.005) return;
    this.above = top;
    const bottom = { "price-chart": 0.24, "gate-chart": 0.05 }[this.spec.id] ?? PairbridgePane.AIR;
    this.anchor.priceScale().applyOptions({ scaleMargins: { top, bottom } }); // it draws again by itself
  }

  /** Where the pane is in the page; null before it was drawn. */
  element() {
    const index = this.charts.panes.indexOf(this);
    return this.charts.chart.panes()[index]?.getHTMLElement() ?? null;
  }

  /** Of the library: what to draw in the pane. */
  paneViews() {
    return this.views;
  }

  /** Of the library: the labels of the newest values on the price axis. */
  priceAxisViews() {
    return this.labels;
  }

  /** Of the library: the label of the marked bar on the time axis. */
  timeAxisViews() {
    return this.spec.id === "price-chart" ? this.charts.seek.labels() : [];
  }

  /** Of the library: before it draws. */
  updateAllViews() {
    const { pair, colours } = this.charts;
    this.labels = this.shown()
      .filter((series) => series.label && series.kind !== "candles") // whose label PairbridgeForming draws
      .map((series) => this.latest(series, pair))
      .filter((found) => found.value === found.value && this.anchor.priceToCoordinate(found.value) !== null)
      .map(({ series, value }) => ({
        coordinate: () => this.anchor.priceToCoordinate(value),
        text: () => this.format(value),
        textColor: () => colours.on,
        backColor: () => colours[series.colour],
      }));
  }

  /** The newest value of a series, on the pane's scale. */
  latest(series, pair) {
    if (series.kind === "candles") {
      return { series, value: PairbridgeSeries.candle(pair, series.column.slice(0, 1), null)[3] };
    }
    const value = pair.bars.value(series.column, pair.bars.size - 1);
    return { series, value: this.onScale(series, value) };
  }

  onScale(series, value) {
    return series.isPercent ? (value / this.base()[series.column] - 1) * 100 : value;
  }

  /** The series that are not hidden. */
  shown() {
    return this.charts.seriesOf(this.spec.id).filter((series) => !this.charts.hidden.has(series.key));
  }

  /** The price of each leg from which its percentages count: the first known one in view. */
  base() {
    const { bars } = this.charts.pair;
    const [from, to] = this.charts.seen();
    const base = /** @type {Object<string, number>} */ ({});
    for (const column of ["y_last", "x_last"]) {
      const values = bars.columns[column] ?? [];
      let at = from;
      while (at < to && values[at] !== values[at]) at += 1;
      base[column] = values[at] ?? NaN;
    }
    return base;
  }

  /** Of the library: the range of what is seen. */
  scale() {
    const key = `${this.charts.seen()} ${this.charts.version}`;
    if (key !== this.scaled.key) this.scaled = { key, found: this.measured() };
    return this.scaled.found;
  }

  measured() {
    if (this.spec.id === "gate-chart") return { priceRange: { minValue: 0, maxValue: 1 } };
    let [low, high] = [Infinity, -Infinity];
    for (const series of this.shown()) {
      for (const value of this.extremes(series)) {
        if (value < low) low = value;
        if (value > high) high = value;
      }
    }
    if (low > high) return null;
    const air = (high - low) * 0.02 || Math.abs(high) * 1e-4 || 1e-9;
    this.range = [low - air, high + air];
    return { priceRange: { minValue: low - air, maxValue: high + air } };
  }

  /** The extremes of a series in view, on the pane's scale. */
  extremes(series) {
    const { pair } = this.charts;
    const { columns } = pair.bars;
    const [from, to] = this.charts.seen();
    const of = (column) => PairbridgeShapes.extremes(columns[column] ?? [], from, Math.min(to, pair.bars.size - 1));
    if (series.kind === "rule") return PairbridgeSeries.levelsOf(pair.rule).map(([level]) => level).filter((at) => Math.abs(at) < 6);
    if (series.kind === "candles") return this.candleExtremes(series.column.slice(0, 1), of);
    if (series.kind === "interval") return pair.hedge ? [pair.hedge.low, pair.hedge.high] : [];
    if (series.kind === "walls") return []; // a wall far away would flatten everything else
    if (!series.column || series.kind === "volume") return [];
    const found = [...of(series.column), ...(series.low ? of(series.low) : [])];
    return series.isPercent ? found.map((value) => this.onScale(series, value)) : found;
  }

  candleExtremes(leg, of) {
    const forming = this.charts.pair.forming[leg];
    const isSeen = forming && this.charts.pair.bars.index(forming[0]) <= this.charts.seen()[1];
    return [...of(`${leg}_low`), ...of(`${leg}_high`), ...(isSeen ? [forming[3], forming[2]] : [])];
  }

  format(value) {
    if (this.spec.id === "gate-chart") return value.toFixed(2);
    const [low, high] = this.range ?? [value, value];
    const { spread_unit: unit } = this.charts.pair.rule;
    const text = value.toFixed(PairbridgeShapes.decimals(low, high));
    if (this.spec.id === "price-chart" && this.charts.leg === "both") return `${text} %`;
    return this.spec.unit ? text + unit : text;
  }

  /** @param {any} target the library's canvas */
  draw(target) {
    target.useBitmapCoordinateSpace((scope) => {
      const view = this.view(scope);
      if (!view) return;
      scope.context.save();
      this.brush.draw(scope, view, this.shown());
      scope.context.restore();
    });
    if (this.spec.id === "price-chart") this.charts.forming?.placed();
  }

  /** From bars and values to the canvas; null while there is nothing to see. */
  view({ horizontalPixelRatio: across, verticalPixelRatio: down }) {
    const { axis, chart, pair } = this.charts;
    const time = chart.timeScale();
    const [first, later] = [time.logicalToCoordinate(0), time.logicalToCoordinate(1000)];
    const [zero, one] = this.range ?? [0, 1];
    const [top, bottom] = [this.anchor.priceToCoordinate(one), this.anchor.priceToCoordinate(zero)];
    if (first === null || later === null || top === null || bottom === null || !pair.bars.size) return null;
    const dx = ((later - first) / 1000 / axis.step) * across;
    const dy = ((top - bottom) / (one - zero)) * down;
    const [from, to] = this.charts.seen();
    const x0 = first * across - axis.start * dx;
    return { from, to: Math.min(to, pair.bars.size - 1), x0, dx, y0: bottom * down - zero * dy, dy };
  }
}
