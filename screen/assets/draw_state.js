// @ts-check
"use strict";

/** What the chart shows, to read only: the tests see the chart with it, as a user does. */
class PairbridgeChartState {
  #charts;

  /** @param {PairbridgeCharts} charts */
  constructor(charts) {
    this.#charts = charts;
  }

  /** The shown series' known values, [time of the bar in ms, value], the forming candle included; empty if it is not shown. */
  values(key) {
    const { pair, panes } = this.#charts;
    const series = panes.flatMap((pane) => pane.shown()).find((each) => each.key === key);
    if (!series?.column) return [];
    const found = [];
    for (let i = 0; i < pair.bars.size; i++) {
      const value = pair.bars.value(series.column, i);
      if (value === value) found.push([pair.bars.time(i), value]);
    }
    const forming = pair.forming[series.column.slice(0, 1)];
    if (series.kind === "candles" && forming && forming[0] > (found.at(-1)?.[0] ?? 0)) found.push([forming[0], forming[4]]);
    return found;
  }

  /** The times at the left and the right edge, ms. */
  visible() {
    const { bars } = this.#charts.pair;
    return this.#charts.window().map((at) => bars.time(at));
  }

  /** Where in the window the bar of a time stands, px; null outside of the chart. */
  x(ms) {
    const { axis, box, chart, pair } = this.#charts;
    const at = chart.timeScale().logicalToCoordinate((pair.bars.index(ms) - axis.start) / axis.step);
    return at === null ? null : box.getBoundingClientRect().left + at;
  }

  /** When the bar opens whose values the legends show, ms; null: they show the newest. */
  at() {
    const { at, pair } = this.#charts;
    return at === null ? null : pair.bars.time(at);
  }

  /** Where in the window the highest value in view of a pane is drawn, px; null before. */
  top(id) {
    const pane = this.#charts.panes.find(({ spec }) => spec.id === id);
    const at = pane?.range && pane.anchor.priceToCoordinate(pane.range[1]);
    const box = pane?.element()?.getBoundingClientRect();
    return typeof at === "number" && box ? box.top + at : null;
  }

  /** A colour in which the chart draws now, by its name in colours.css. */
  colour(name) {
    return this.#charts.colours[name];
  }

  /** The marks in view: [time of the bar in ms, kind]. */
  marks() {
    const { pair } = this.#charts;
    return this.#charts.marks().map(({ index, kind }) => [pair.bars.time(index), kind]);
  }
}
