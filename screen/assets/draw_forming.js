// @ts-check
"use strict";

/**
 * The candle that forms and the label of its price, on a small canvas of their own over their pane: a trade
 * changes nothing else of the chart, and the library draws all panes for any change. forming_worker.js draws it.
 */
class PairbridgeForming {
  static FONT = "-apple-system, BlinkMacSystemFont, 'Trebuchet MS', Roboto, Ubuntu, sans-serif"; // the library's
  static LABEL = { height: 19, before: 10 }; // px, of plain type
  static SOURCE = /** @type {HTMLScriptElement} */ (document.currentScript).src.replace("draw_forming", "forming_worker");
  static worker = /** @type {Worker|null} */ (null); // of all charts that this page shows in turn
  static made = 0;
  static frames = 0;

  /** @param {PairbridgeCharts} charts @param {HTMLElement} box of the chart */
  constructor(charts, box) {
    this.charts = charts;
    this.canvas = document.createElement("canvas");
    this.canvas.className = "stack-forming";
    this.canvas.setAttribute("aria-hidden", "true");
    box.append(this.canvas);
    this.room = { right: 0, axis: 0, top: 0, height: 0 }; // of the pane, read when it changes: reading costs a layout
    this.place = { key: "", left: 0, top: 0, width: 0, height: 0 };
    this.drawn = "";
    this.number = PairbridgeForming.made++;
    const canvas = this.canvas.transferControlToOffscreen();
    PairbridgeForming.painter().postMessage({ at: this.number, canvas }, [canvas]);
  }

  static painter() {
    if (!PairbridgeForming.worker) {
      PairbridgeForming.worker = new Worker(PairbridgeForming.SOURCE);
      PairbridgeForming.worker.onmessage = ({ data: newest }) => PairbridgeForming.showed(newest);
    }
    return PairbridgeForming.worker;
  }

  /** A picture that includes these trades has been drawn: it is painted before the next animation frame. */
  static showed(newest) {
    PairbridgeForming.frames += 1;
    if (!newest) return;
    window.pairbridgePainted = { newest, frames: PairbridgeForming.frames };
    PairbridgeDelay.note(newest);
  }

  /** The pane of the candles, if it is shown. */
  get pane() {
    return this.charts.panes.find(({ spec }) => spec.id === "price-chart");
  }

  /** The candles' series, if it is shown. */
  get series() {
    return this.pane?.shown().find(({ kind }) => kind === "candles");
  }

  /** Whether the pane can show the candle that forms as it is scaled: else the library has to draw anew. */
  get fits() {
    if (!this.pane) return true;
    const { range, brush } = this.pane;
    const bar = this.series && this.bar();
    if (!bar || !range) return true;
    const isInside = bar[3] >= range[0] && bar[2] <= range[1];
    return isInside && (bar[5] <= brush.most || this.charts.hidden.has("volume"));
  }

  /** The candle that forms: time, open, high, low, close, volume; null without one in view. */
  bar() {
    const { bars, forming } = this.charts.pair;
    const bar = forming[this.series?.column?.slice(0, 1) ?? ""];
    const at = bar ? bars.index(bar[0]) : -1;
    return bar && at >= bars.size && at <= this.charts.seen()[1] ? bar : null;
  }

  /** The pane is another: the library has drawn, or the page has another size. */
  placed() {
    const element = this.pane?.element();
    this.room = {
      right: this.charts.box.clientWidth, axis: this.charts.chart.priceScale("right").width(),
      top: element?.offsetTop ?? 0, height: element?.offsetHeight ?? 0,
    };
    this.draw();
  }

  /** As the pane is seen now. */
  draw() {
    const { pair } = this.charts;
    const series = this.series;
    const view = series && this.pane.view({ horizontalPixelRatio: 1, verticalPixelRatio: 1 });
    const bar = view ? this.bar() : null;
    const { value } = view ? this.pane.latest(series, pair) : { value: NaN };
    this.put(view && bar ? view.x0 + pair.bars.index(bar[0]) * view.dx - Math.max(view.dx, 2) : Infinity);
    const { left, width, height } = this.place;
    const boxes = view && bar ? this.candle(view, bar) : [];
    const label = view && value === value ? this.label(view.y0 + value * view.dy, this.pane.format(value)) : null;
    const picture = { width, height, ratio: window.devicePixelRatio, left, boxes, label };
    const drawn = JSON.stringify(picture);
    const isSame = drawn === this.drawn;
    this.drawn = drawn;
    PairbridgeForming.painter().postMessage({ at: this.number, picture: isSame ? null : picture, newest: this.charts.newest });
  }

  /** The canvas from the candle to the right edge of the axis. */
  put(left) {
    const { right, axis, top, height } = this.room;
    const from = Math.floor(Math.max(Math.min(left, right - axis), 0));
    const key = [from, right, top, height].join(" ");
    if (key === this.place.key) return;
    this.place = { key, left: from, top, width: right - from, height };
    const { style } = this.canvas;
    Object.assign(style, { left: `${from}px`, top: `${top}px`, width: `${right - from}px`, height: `${height}px` });
  }

  /** Its boxes: colour, left, top, width and height. @param {import("./draw_shapes.js").View} view @param {number[]} bar */
  candle(view, bar) {
    const [at, open, high, low, close, volume] = bar;
    const { colours, pair, hidden } = this.charts;
    const x = view.x0 + pair.bars.index(at) * view.dx;
    const width = Math.max(Math.floor(view.dx * 0.7), 1);
    const y = (value) => view.y0 + value * view.dy;
    const boxes = [];
    if (!hidden.has("volume")) {
      const tall = (volume / this.pane.brush.most) * this.place.height * PairbridgeBrush.VOLUME;
      const colour = this.pane.brush.faded("cyan", 0.28);
      boxes.push([colour, Math.round(x - width / 2), this.place.height - tall, width, tall]);
    }
    const colour = close >= open ? colours.green : colours.red;
    boxes.push([colour, Math.round(x - 0.5), y(high), 1, Math.max(y(low) - y(high), 1)]);
    const [top, bottom] = [y(Math.max(open, close)), y(Math.min(open, close))];
    if (width > 1) boxes.push([colour, Math.round(x - width / 2), top, width, Math.max(bottom - top, 1)]);
    return boxes;
  }

  /** The newest price on the axis, as the library writes those of the other panes. */
  label(y, text) {
    const { cyan: fill, on: ink } = this.charts.colours;
    const { right, axis } = this.room;
    const { height: plain, before } = PairbridgeForming.LABEL;
    const height = Math.round(PairbridgeType.px(plain));
    const top = Math.min(Math.max(Math.round(y - height / 2), 0), this.place.height - height);
    const left = right - axis;
    const font = `${PairbridgeType.px(12)}px ${PairbridgeForming.FONT}`;
    const box = [left, top, axis - 1, height];
    return { fill, ink, font, box, text, textLeft: left + before, textTop: top + height / 2 + 1 };
  }

  remove() {
    PairbridgeForming.painter().postMessage({ at: this.number, isGone: true });
    this.canvas.remove();
  }
}
