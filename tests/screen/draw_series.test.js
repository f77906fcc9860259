"use strict";

const assert = require("node:assert/strict");
const test = require("node:test");
const core = require("../../screen/assets/core.js");
const series = require("../../screen/assets/draw_series.js");

const WIDTH = 5_000;
const T0 = Date.parse("2026-09-22T03:07:45Z");
const COLUMNS = {
  spread: [0.0012, 0.0013], mean: [0.001, null], deviation: [0.0005, null], z: [0.4, null], pays: [1.5, null], beta: [1.1, 1.2],
  beta_ols: [0.9, 0.95], beta_kalman: [1.1, 1.2], pvalue: [0.04, 0.0123], gate: [1, 0], flags: [0, 3], y_open: [3100, 3101],
  y_high: [3105, 3106], y_low: [3099, 3100], y_close: [3102.5, 3104], y_volume: [12.3456, 1], y_last: [3000, 3030], x_open: [1, 1],
  x_high: [1, 1], x_low: [1, 1], x_close: [1, 1], x_volume: [1, 1], x_last: [null, 50],
};

function pair(rule = {}) {
  const frame = {
    watch: 1, reset: true, first: 0, interval_ms: WIDTH, names: { y: "YUSDT", x: "XUSDT" }, columns: { t: [T0, T0 + WIDTH], ...COLUMNS },
    rule: { entry: 2, exit: 0.5, stop: null, estimator: "Kalman filter", is_extra: false, spread_scale: 1e4, spread_unit: " bps", ...rule },
    forming: { y: [T0 + 2 * WIDTH, 1, 4, 0.5, 2, 9] }, log: [], hedge: { low: 1.05, high: 1.15, bars: 500 },
  };
  return core.absorb(core.emptyPair(), frame);
}

/** The legend of every series at a bar, by key. */
function legends(of, at, leg = "y") {
  const all = series.PANES.flatMap(({ id }) => series.seriesOf(id, of, leg));
  return Object.fromEntries(all.map((each) => [each.key, series.legendOf(each, of, at, { y_last: 3000, x_last: 50 })]));
}

test("the legend has the values of a bar, in its units", () => {
  assert.deepEqual(legends(pair(), 0), {
    candles: "O 3,100 H 3,105 L 3,099 C 3,102.5", volume: "12.35", band: "5.00 to 15.00 bps", mean: "10.00 bps", wall: "2.50 to 17.50 bps",
    spread: "12.00 bps", rule: "", pays: "1.50", z: "+0.40", marks: "", interval: "1.0500 to 1.1500", beta_ols: "0.9000",
    beta_kalman: "1.1000", gate: "open", pvalue: "0.0400",
  });
});

test("what is not known of a bar is a dash, and without a cross-hair the newest counts, the forming candle included", () => {
  const newest = legends(pair(), null);
  assert.deepEqual([newest.z, newest.mean, newest.pays, newest.band, newest.gate], ["–", "–", "–", "– to –", "closed"]);
  assert.equal(newest.candles, "O 1 H 4 L 0.5 C 2");
  assert.equal(legends(pair(), 1).candles, "O 3,101 H 3,106 L 3,100 C 3,104");
  const forming = legends(pair(), 2);
  assert.deepEqual([forming.candles, forming.volume, forming.z, forming.gate], ["O 1 H 4 L 0.5 C 2", "9", "–", "–"]);
  const empty = legends(core.emptyPair(), null);
  assert.deepEqual([empty.z, empty.candles, empty.marks], ["–", "O – H – L – C –", ""]);
});

test("both legs are percentages of the first price in view", () => {
  const both = legends(pair(), 1, "both");
  assert.deepEqual([both.y, both.x, legends(pair(), 0, "both").x], ["1.000 %", "0.000 %", "–"]);
});

test("only the decision of the bar itself is in its legend, as it stands", () => {
  const of = pair();
  const close = (n) => new Date(T0 + (n + 1) * WIDTH).toISOString();
  core.absorb(of, {
    first: 2, columns: {}, forming: {},
    log: [{ bar_close: close(0), kind: "enter_long", reason: "", z: -2 }, { bar_close: close(1), kind: "no_entry", reason: "GATE_CLOSED", z: 3 }],
  });
  assert.deepEqual([legends(of, 0).marks, legends(of, 1).marks], ["enter long", "no entry: GATE_CLOSED"]);
  core.absorb(of, { first: 2, columns: {}, forming: {}, log: [{ bar_close: close(0), kind: "withdrawn", reason: "revised", z: null }] });
  assert.equal(legends(of, 0).marks, "");
});

test("an estimator beside the two that are always drawn has its own line", () => {
  const keys = (of) => series.seriesOf("beta-chart", of, "y").map(({ key }) => key);
  assert.deepEqual(keys(pair()), ["interval", "beta_ols", "beta_kalman"]);
  assert.deepEqual(keys(pair({ is_extra: true, estimator: "Huber" })), ["interval", "beta_ols", "beta_kalman", "beta"]);
});

test("z has the rule's lines, those of the stop where there is one", () => {
  assert.deepEqual(series.levelsOf({ entry: 2, exit: 0.5, stop: null }).map(([level]) => level), [2, -2, 0.5, -0.5]);
  assert.equal(series.levelsOf({ entry: 2, exit: 0.5, stop: 4 }).length, 6);
});

test("a bar's time is UTC, to the second", () => {
  assert.equal(series.timeText(pair(), 1), "2026-09-22 03:07:50 UTC");
  assert.equal(series.timeText(core.emptyPair(), 0), "–");
});
