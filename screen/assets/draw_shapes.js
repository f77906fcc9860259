// @ts-check
"use strict";

/**
 * From columns to shapes: lines and candles by pixel, extremes, stretches, and the window of bars that the time axis
 * holds. Pure, tested by `node --test`. A view maps a bar's index to x0 + index * dx and a value to y0 + value * dy,
 * in pixels of the canvas.
 *
 * @typedef {{from: number, to: number, x0: number, dx: number, y0: number, dy: number}} View from, to: indexes, inclusive
 * @typedef {{moveTo: (x: number, y: number) => void, lineTo: (x: number, y: number) => void}} Path
 * @typedef {{start: number, step: number, count: number}} Axis point k of it is the bar start + k * step
 */
const PairbridgeShapes = (() => {
  const POINTS = 12_000; // on the axis at most: the library's cost is in its points, so many take 20 ms
  const SHOWN = 4_000; // points in view at most

  /** The smallest and the largest known value of a stretch; [Infinity, -Infinity] without one. */
  function extremes(values, from, to) {
    let low = Infinity;
    let high = -Infinity;
    for (let i = Math.max(from, 0); i <= Math.min(to, values.length - 1); i++) {
      const value = values[i]; // comparisons with NaN are false
      if (value < low) low = value;
      if (value > high) high = value;
    }
    return [low, high];
  }

  /**
   * A line through the known values, broken where one is unknown. Where several bars share a pixel, through the first,
   * the lowest, the highest and the last of them: no extreme is lost.
   * @param {Path} path
   * @param {Float64Array} values
   * @param {View} view
   */
  function line(path, values, view) {
    if (view.dx < 1) return bucketLine(path, values, view);
    let isOpen = false;
    for (let i = view.from; i <= view.to; i++) {
      const value = values[i];
      if (value !== value) isOpen = false;
      else {
        const [x, y] = [view.x0 + i * view.dx, view.y0 + value * view.dy];
        if (isOpen) path.lineTo(x, y);
        else path.moveTo(x, y);
        isOpen = true;
      }
    }
  }

  function bucketLine(path, values, view) {
    let isOpen = false;
    for (let i = view.from; i <= view.to; ) {
      const pixel = Math.floor(view.x0 + i * view.dx);
      const end = after(pixel, i, view);
      let first = NaN;
      let last = NaN;
      let lowAt = i;
      let highAt = i;
      let low = Infinity;
      let high = -Infinity;
      for (; i < end; i++) {
        const value = values[i];
        if (value !== value) continue;
        if (first !== first) first = value;
        last = value;
        if (value < low) {
          low = value;
          lowAt = i;
        }
        if (value > high) {
          high = value;
          highAt = i;
        }
      }
      if (first !== first) {
        isOpen = false;
        continue;
      }
      const y = (value) => view.y0 + value * view.dy;
      if (isOpen) path.lineTo(pixel, y(first));
      else path.moveTo(pixel, y(first));
      for (const value of lowAt < highAt ? [low, high, last] : [high, low, last]) path.lineTo(pixel, y(value));
      isOpen = true;
    }
  }

  /** The first index after those of a pixel, at least one further than `i`. */
  function after(pixel, i, view) {
    let end = Math.min(Math.max(Math.floor((pixel + 1 - view.x0) / view.dx), i + 1), view.to + 1);
    while (end <= view.to && Math.floor(view.x0 + end * view.dx) === pixel) end += 1;
    while (end - 1 > i && Math.floor(view.x0 + (end - 1) * view.dx) > pixel) end -= 1;
    return end;
  }

  /** As `line`, each value held until the next bar; by pixel the same. */
  function steps(path, values, view) {
    if (view.dx < 1) return bucketLine(path, values, view);
    let isOpen = false;
    for (let i = view.from; i <= view.to; i++) {
      const value = values[i];
      if (value === value) {
        const [x, y] = [view.x0 + (i - 0.5) * view.dx, view.y0 + value * view.dy];
        if (isOpen) path.lineTo(x, y);
        else path.moveTo(x, y);
        path.lineTo(x + view.dx, y);
      }
      isOpen = value === value;
    }
  }

  /**
   * Candles of a leg, those that share a pixel as one: the first open, the extremes, the last close, the most volume.
   * @param {{open: Float64Array, high: Float64Array, low: Float64Array, close: Float64Array, volume: Float64Array}} leg
   * @param {View} view
   * @param {(x: number, open: number, high: number, low: number, close: number, volume: number) => void} put
   */
  function candles(leg, view, put) {
    for (let i = view.from; i <= view.to; ) {
      const pixel = Math.floor(view.x0 + i * view.dx);
      const end = view.dx < 1 ? after(pixel, i, view) : i + 1;
      let [open, close, low, high, volume] = [NaN, NaN, Infinity, -Infinity, 0];
      for (; i < end; i++) {
        if (leg.close[i] !== leg.close[i]) continue;
        if (open !== open) open = leg.open[i];
        close = leg.close[i];
        if (leg.low[i] < low) low = leg.low[i];
        if (leg.high[i] > high) high = leg.high[i];
        if (leg.volume[i] > volume) volume = leg.volume[i];
      }
      if (close === close) put(view.x0 + (i - 1) * view.dx, open, high, low, close, volume);
    }
  }

  /** The stretches [from, to] of indexes whose flags have a bit of the mask. */
  function stretches(flags, from, to, mask) {
    const found = [];
    for (let i = from; i <= to; i++) {
      if (!(flags[i] & mask)) continue;
      const last = found[found.length - 1];
      if (last && last[1] === i - 1) last[1] = i;
      else found.push([i, i]);
    }
    return found;
  }

  /**
   * The window of bars for a view: whole and by single bars where that is cheap; else the bars around what is seen, or
   * only every so many of them, more than can be told apart by eye.
   * @param {number} size bars up to the newest
   * @param {number} from first bar that is seen, may lie outside
   * @param {number} to last bar that is seen
   * @returns {Axis}
   */
  function axisFor(size, from, to) {
    const seen = Math.max(Math.min(to, size) - Math.max(from, 0), 1);
    let step = 1;
    while (seen / step > SHOWN) step *= 2;
    const span = POINTS * step;
    const centre = (Math.max(from, 0) + Math.min(to, size)) / 2;
    const start = size <= span ? 0 : Math.min(Math.max(Math.round(centre - span / 2), 0), size - span);
    const count = Math.floor((Math.min(size, start + span) - 1 - start) / step) + 1;
    return { start, step, count: Math.max(count, 0) };
  }

  /** Whether an axis still serves a view: fine enough, and with bars on both sides of it, unless there are none. */
  function serves(axis, size, from, to) {
    const wanted = axisFor(size, from, to);
    if (wanted.step !== axis.step) return false;
    const last = axis.start + (axis.count - 1) * axis.step;
    const room = to - from;
    const isLeft = axis.start === 0 || from - room > axis.start;
    const isRight = last + axis.step >= size || to + room < last;
    return isLeft && isRight;
  }

  /** Decimals with which labels of a range can be told apart. */
  function decimals(low, high) {
    const range = Math.abs(high - low) || Math.abs(high) * 1e-3 || 1;
    return Math.min(Math.max(Math.ceil(-Math.log10(range)) + 2, 0), 10);
  }

  return { extremes, line, steps, candles, stretches, axisFor, serves, decimals };
})();

if (typeof module !== "undefined") module.exports = PairbridgeShapes;
