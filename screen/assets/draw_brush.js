// @ts-check
"use strict";

/** Draws the series of a pane, and behind them the filled stretches, the gaps and where candles meet ticks. */
class PairbridgeBrush {
  static FILLED = 3; // enums.Flag: a leg did not trade in the bar
  static GAP = 12; // an open gap overlaps it, or the bridge was down
  static VOLUME = 0.18; // of the pane's height

  /** @param {PairbridgePane} pane */
  constructor(pane) {
    this.pane = pane;
    this.patterns = /** @type {Object<string, CanvasPattern>} */ ({});
    this.most = 0; // the largest volume that is drawn
    this.canvas = /** @type {any} */ (null); // these four of the pane that is being drawn
    this.size = { width: 0, height: 0 };
    this.ratio = 1;
    this.view = /** @type {import("./draw_shapes.js").View} */ ({ from: 0, to: -1, x0: 0, dx: 1, y0: 0, dy: 1 });
  }

  /** @param {any} scope the canvas of the pane @param {import("./draw_shapes.js").View} view */
  draw(scope, view, shown) {
    const { context: canvas, bitmapSize: size, horizontalPixelRatio: ratio } = scope;
    Object.assign(this, { canvas, size, ratio, view });
    this.hatch(PairbridgeBrush.FILLED & this.filledBits(), "muted", 0.16);
    this.hatch(PairbridgeBrush.GAP, "amber", 0.5);
    for (const series of shown) this[series.kind](series);
    if (this.pane.spec.id === "price-chart") this.edges();
    this.marked();
  }

  get pair() {
    return this.pane.charts.pair;
  }

  get colours() {
    return this.pane.charts.colours;
  }

  /** The line of the bar that an address named. */
  marked() {
    const { marked } = this.pane.charts.seek;
    if (marked === null) return;
    const x = Math.round(this.x(this.pair.bars.index(marked)));
    this.stroke(this.colours.amber, 1.5, [4, 3], (canvas) => {
      canvas.moveTo(x, 0);
      canvas.lineTo(x, this.size.height);
    });
  }

  /** Which legs' filled bars matter here: those of the leg that is shown. */
  filledBits() {
    return this.pane.spec.id === "price-chart" ? ({ y: 1, x: 2 }[this.pane.charts.leg] ?? 3) : 3;
  }

  values(column) {
    return this.pair.bars.columns[column] ?? new Float64Array(this.pair.bars.size).fill(NaN);
  }

  x(index) {
    return this.view.x0 + index * this.view.dx;
  }

  y(value) {
    return this.view.y0 + value * this.view.dy;
  }

  stroke(colour, width, dash, trace) {
    const { canvas, ratio } = this;
    canvas.strokeStyle = colour;
    canvas.lineWidth = Math.max(Math.round(width * ratio), 1);
    canvas.lineJoin = "bevel";
    canvas.setLineDash((dash ?? []).map((length) => length * ratio));
    canvas.beginPath();
    trace(canvas);
    canvas.stroke();
    canvas.setLineDash([]);
  }

  line(series) {
    this.trace(series, PairbridgeShapes.line, series.column);
  }

  steps(series) {
    for (const level of PairbridgeSeries.LEVELS) this.level(level, this.colours.line, [2, 3]);
    this.trace(series, PairbridgeShapes.steps, series.column);
  }

  walls(series) {
    for (const column of [series.column, series.low]) this.trace(series, PairbridgeShapes.line, column);
  }

  trace(series, shape, column) {
    const view = series.isPercent ? this.percentView(column) : this.view;
    const values = this.values(column);
    // Dashes of a line that goes up and down in every pixel cannot be seen, and cost more than everything else.
    const dash = this.view.dx < 1 ? [] : series.dash;
    this.stroke(this.colours[series.colour], series.width ?? 1, dash, (path) => shape(path, values, view));
  }

  /** Prices on a scale of percentages of the first in view. */
  percentView(column) {
    const base = this.pane.base()[column];
    const { y0, dy } = this.view;
    return { ...this.view, y0: y0 - 100 * dy, dy: (dy * 100) / base };
  }

  band(series) {
    const { view } = this;
    const dash = view.dx < 1 ? [] : [2, 3];
    for (const column of [series.column, series.low]) {
      this.stroke(this.faded(series.colour, 0.45), 1, dash, (path) => PairbridgeShapes.line(path, this.values(column), view));
    }
    this.fillBetween(this.values(series.column), this.values(series.low), this.faded(series.colour, 0.1));
  }

  /** The area between two columns, by bars or by pixels. */
  fillBetween(upper, lower, colour) {
    const { canvas, view } = this;
    canvas.fillStyle = colour;
    const stride = Math.max(Math.floor(1 / view.dx), 1);
    for (let i = view.from; i <= view.to; i += stride) {
      if (upper[i] !== upper[i]) continue;
      canvas.beginPath();
      const start = i;
      for (; i <= view.to && upper[i] === upper[i]; i += stride) canvas.lineTo(this.x(i), this.y(upper[i]));
      for (let j = i - stride; j >= start; j -= stride) canvas.lineTo(this.x(j), this.y(lower[j]));
      canvas.fill();
    }
  }

  /** The 95 % interval of the hedge now, over the bars that it was found from. */
  interval() {
    const { hedge, bars } = this.pair;
    if (!hedge) return;
    const left = this.x(Math.max(bars.size - hedge.bars, 0) - 0.5);
    this.canvas.fillStyle = this.faded("cyan", 0.1);
    this.canvas.fillRect(left, this.y(hedge.high), this.x(bars.size - 0.5) - left, this.y(hedge.low) - this.y(hedge.high));
  }

  rule() {
    for (const [level, colour, dash] of PairbridgeSeries.levelsOf(this.pair.rule)) this.level(level, this.colours[colour], dash);
  }

  level(value, colour, dash) {
    const y = Math.round(this.y(value)) + 0.5;
    this.stroke(colour, 1, dash, (path) => {
      path.moveTo(0, y);
      path.lineTo(this.size.width, y);
    });
  }

  candles(series) {
    const { canvas, colours, ratio, view } = this;
    const width = Math.max(Math.floor(view.dx * 0.7), 1);
    const wick = Math.max(Math.floor(ratio), 1);
    const put = (x, open, high, low, close) => {
      canvas.fillStyle = close >= open ? colours.green : colours.red;
      canvas.fillRect(Math.round(x - wick / 2), this.y(high), wick, Math.max(this.y(low) - this.y(high), 1));
      if (width > wick) {
        const [top, bottom] = [this.y(Math.max(open, close)), this.y(Math.min(open, close))];
        canvas.fillRect(Math.round(x - width / 2), top, width, Math.max(bottom - top, 1));
      }
    };
    PairbridgeShapes.candles(this.leg(series.column.slice(0, 1)), view, put);
  }

  leg(side) {
    const [open, high, low, close, volume] = ["open", "high", "low", "close", "volume"].map((name) =>
      this.values(`${side}_${name}`),
    );
    return { open, high, low, close, volume };
  }

  volume(series) {
    const { canvas, size, view } = this;
    const width = Math.max(Math.floor(view.dx * 0.7), 1);
    const side = series.column.slice(0, 1);
    const found = [];
    const put = (x, open, high, low, close, volume) => found.push([x, volume]);
    PairbridgeShapes.candles(this.leg(side), view, put);
    const forming = this.pair.forming[side]?.[5] ?? 0; // drawn by PairbridgeForming, on the same scale
    this.most = found.reduce((high, [, volume]) => Math.max(high, volume), forming) || 1;
    canvas.fillStyle = this.faded(series.colour, 0.28);
    for (const [x, volume] of found) {
      const height = (volume / this.most) * size.height * PairbridgeBrush.VOLUME;
      canvas.fillRect(Math.round(x - width / 2), size.height - height, width, height);
    }
  }

  /** The gate: open and closed stretches as a strip. */
  open(series) {
    const { canvas, size, view } = this;
    const values = this.values(series.column);
    let begin = view.from;
    for (let i = view.from; i <= view.to; i++) {
      if (i < view.to && values[i + 1] === values[i]) continue;
      if (values[i] === values[i]) {
        canvas.fillStyle = values[i] ? this.faded("cyan", 0.3) : this.faded("muted", 0.12);
        canvas.fillRect(this.x(begin - 0.5), 0, this.x(i + 0.5) - this.x(begin - 0.5), size.height);
      }
      begin = i + 1;
    }
  }

  marks() {
    const { from, to } = this.view;
    const size = 5 * this.ratio;
    for (const { index, kind, z } of this.pane.charts.marks()) {
      if (index < from || index > to) continue;
      const [x, y] = [this.x(index), this.y(z)];
      if (kind === "exit") this.stroke(this.colours.amber, 1.6, [], (path) => path.arc(x, y, size, 0, 2 * Math.PI));
      else this.triangle(x, y, kind === "enter_long" ? size : -size);
    }
  }

  triangle(x, y, size) {
    const { canvas, colours } = this;
    canvas.fillStyle = size > 0 ? colours.green : colours.red;
    canvas.beginPath();
    canvas.moveTo(x, y - size);
    canvas.lineTo(x + Math.abs(size), y + size);
    canvas.lineTo(x - Math.abs(size), y + size);
    canvas.fill();
  }

  /** Stretches of bars with a flag, hatched. */
  hatch(mask, colour, alpha) {
    const { canvas, size, view } = this;
    canvas.fillStyle = this.pattern(colour, alpha);
    for (const [from, to] of PairbridgeShapes.stretches(this.values("flags"), view.from, view.to, mask)) {
      canvas.fillRect(this.x(from - 0.5), 0, Math.max(this.x(to + 0.5) - this.x(from - 0.5), 1), size.height);
    }
  }

  pattern(colour, alpha) {
    const key = `${colour} ${alpha}`;
    if (this.patterns[key]) return this.patterns[key];
    const tile = document.createElement("canvas");
    tile.width = tile.height = 8;
    const brush = /** @type {CanvasRenderingContext2D} */ (tile.getContext("2d"));
    brush.strokeStyle = this.faded(colour, alpha);
    brush.beginPath();
    for (const shift of [-8, 0, 8]) {
      brush.moveTo(shift, 8);
      brush.lineTo(shift + 8, 0);
    }
    brush.stroke();
    this.patterns[key] = /** @type {CanvasPattern} */ (this.canvas.createPattern(tile, "repeat"));
    return this.patterns[key];
  }

  faded(colour, alpha) {
    return `color-mix(in srgb, ${this.colours[colour]} ${alpha * 100}%, transparent)`;
  }

  /** Dotted lines where candles and ticks meet, each with which is on which side. */
  edges() {
    const { canvas, colours, ratio } = this;
    const { bars } = this.pair;
    for (const { at, text } of this.pane.charts.boundaries()) {
      const x = Math.round(this.x((at - bars.begin) / bars.width)) + 0.5;
      this.stroke(colours.amber, 1, [1, 3], (path) => {
        path.moveTo(x, 0);
        path.lineTo(x, this.size.height);
      });
      canvas.font = `${PairbridgeType.px(12) * ratio}px system-ui, sans-serif`;
      canvas.fillStyle = colours.amber;
      canvas.textAlign = "center";
      canvas.fillText(text, x, this.size.height * 0.3);
    }
  }
}
