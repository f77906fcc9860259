// @ts-check
"use strict";

/**
 * What each pane of the pair's chart shows, and the legend of a bar. Pure, tested by `node --test`.
 *
 * @typedef {"candles"|"volume"|"line"|"steps"|"walls"|"band"|"interval"|"rule"|"marks"|"open"} Kind
 * @typedef {{key: string, name: string, kind: Kind, column?: string, low?: string, colour: string, digits: number,
 *   unit?: string, dash?: number[], width?: number, isPercent?: boolean, label?: boolean}} Series
 * @typedef {{id: string, title: string, stretch: number, unit: string}} Pane
 */
const PairbridgeSeries = (() => {
  const core = typeof module === "undefined" ? PairbridgeCore : require("./core.js");
  const times = typeof module === "undefined" ? PairbridgeTimes : require("./clock_times.js");

  /** @type {Pane[]} */
  const PANES = [
    { id: "price-chart", title: "Price", stretch: 33, unit: "" },
    { id: "spread-chart", title: "Spread", stretch: 21, unit: "spread" },
    { id: "z-chart", title: "z", stretch: 22, unit: "" },
    { id: "beta-chart", title: "Hedge ratio", stretch: 15, unit: "" },
    { id: "gate-chart", title: "Gate", stretch: 9, unit: "" },
  ];
  /** The panes of these ids, in their order. @param {string[]} order */
  const shown = (order) => order.flatMap((id) => PANES.filter((pane) => pane.id === id));
  const LEVELS = [0.05, 0.2]; // of the gate's p: opens, closes
  const DOTTED = [2, 3];

  /**
   * The series of a pane.
   * @param {string} id
   * @param {ReturnType<typeof core.emptyPair>} pair
   * @param {string} leg "y", "x", or "both"
   * @returns {Series[]}
   */
  function seriesOf(id, pair, leg) {
    if (id === "price-chart") return leg === "both" ? bothLegs(pair) : oneLeg(pair, leg);
    if (id === "spread-chart") return spread(pair);
    if (id === "z-chart") return z(pair);
    if (id === "beta-chart") return beta(pair);
    return [
      { key: "gate", name: "gate", kind: "open", column: "gate", colour: "cyan", digits: 0 },
      { key: "pvalue", name: "p", kind: "steps", column: "pvalue", colour: "muted", digits: 3, label: true },
    ];
  }

  /** @returns {Series[]} */
  function oneLeg(pair, leg) {
    const column = `${leg}_close`;
    return [
      { key: "candles", name: pair.names[leg], kind: "candles", column, colour: "ink", digits: -10, label: true },
      { key: "volume", name: "volume", kind: "volume", column: `${leg}_volume`, colour: "cyan", digits: -4 },
    ];
  }

  /** @returns {Series[]} */
  function bothLegs(pair) {
    const line = { kind: /** @type {Kind} */ ("line"), digits: 3, unit: " %", isPercent: true, label: true };
    return [
      { key: "y", name: pair.names.y, column: "y_last", colour: "cyan", ...line },
      { key: "x", name: pair.names.x, column: "x_last", colour: "violet", ...line },
    ];
  }

  /** @returns {Series[]} */
  function spread({ rule }) {
    const [digits, unit] = rule.spread_unit ? [2, rule.spread_unit] : [-6, ""];
    return [
      { key: "band", name: "mean ± 1 sd", kind: "band", column: "upper", low: "lower", colour: "cyan", digits, unit },
      { key: "mean", name: "mean", kind: "line", column: "mean", colour: "muted", digits, unit },
      {
        key: "wall", name: "cost wall", kind: "walls", column: "wall_upper", low: "wall_lower", colour: "amber", digits, unit,
        dash: DOTTED,
      },
      { key: "spread", name: "spread", kind: "line", column: "spread", colour: "cyan", digits, unit, label: true, width: 1.4 },
    ];
  }

  /** @returns {Series[]} */
  function z({ rule }) {
    const levels = [`entry ±${rule.entry}`, `exit ±${rule.exit}`, rule.stop === null ? "" : `stop ±${rule.stop}`];
    return [
      { key: "rule", name: levels.filter(Boolean).join(", "), kind: "rule", colour: "muted", digits: 2 },
      {
        key: "pays", name: "pays from ±", kind: "walls", column: "pays", low: "pays_lower", colour: "amber", digits: 2,
        dash: DOTTED,
      },
      { key: "z", name: "z", kind: "line", column: "z", colour: "cyan", digits: 2, label: true, width: 1.4 },
      { key: "marks", name: "decisions", kind: "marks", colour: "ink", digits: 2 },
    ];
  }

  /** @returns {Series[]} */
  function beta({ rule }) {
    const line = { kind: /** @type {Kind} */ ("line"), digits: 4 };
    const series = /** @type {Series[]} */ ([
      { key: "interval", name: "95 % now", kind: "interval", colour: "cyan", digits: 4 },
      { key: "beta_ols", name: "rolling OLS", column: "beta_ols", colour: "violet", label: true, ...line },
      { key: "beta_kalman", name: "Kalman", column: "beta_kalman", colour: "cyan", label: true, ...line },
    ]);
    if (rule.is_extra) {
      series.push({ key: "beta", name: `${rule.estimator}, in use`, column: "beta", colour: "amber", label: true, ...line });
    }
    return series;
  }

  /** The lines of z: levels, colours and dashes. */
  function levelsOf(rule) {
    const lines = [
      [rule.entry, "red", [5, 4]], [-rule.entry, "green", [5, 4]], [rule.exit, "muted", DOTTED], [-rule.exit, "muted", DOTTED],
    ];
    if (rule.stop !== null) lines.push([rule.stop, "amber", [6, 3, 1, 3]], [-rule.stop, "amber", [6, 3, 1, 3]]);
    return lines;
  }

  /**
   * The text of a series at a bar. Without one (null) of the newest: the candle that forms, and the last complete bar.
   * @param {Series} series
   * @param {ReturnType<typeof core.emptyPair>} pair
   * @param {number|null} at
   * @param {Object<string, number>} base the price from which a leg's percentages count, by column
   */
  function legendOf(series, pair, at, base) {
    const index = at ?? pair.bars.size - 1;
    const value = (column) => pair.bars.value(column, index);
    const text = (number) => core.number(number, series.digits) + (number === number ? (series.unit ?? "") : "");
    const column = series.column ?? "";
    const lineText = () => text(series.isPercent ? (value(column) / base[column] - 1) * 100 : value(column));
    const between = () => `${core.number(value(series.low), series.digits)} to ${text(value(column))}`;
    const texts = {
      candles: () => candleText(series, pair, at),
      volume: () => candleText(series, pair, at),
      rule: () => "",
      marks: () => decisionText(pair, index),
      interval: () => (pair.hedge ? `${text(pair.hedge.low)} to ${text(pair.hedge.high)}` : "–"),
      open: () => ({ 0: "closed", 1: "open" })[value("gate")] ?? "–",
      walls: () => (series.key === "pays" ? text(value("pays")) : between()),
      band: between,
      line: () => (series.key === "z" ? core.signed(value(column), 2) : lineText()),
      steps: () => (series.key === "pvalue" ? core.share(value(column)) : text(value(column))),
    };
    return texts[series.kind]();
  }

  function candleText(series, pair, at) {
    const leg = (series.column ?? "").slice(0, 1);
    const bar = candle(pair, leg, at);
    if (series.kind === "volume") return core.number(bar[4], series.digits);
    const [open, high, low, close] = bar.map((price) => core.number(price, series.digits));
    return `O ${open} H ${high} L ${low} C ${close}`;
  }

  /** Open, high, low, close and volume of a bar; of the forming one if it is meant, or none is. NaN where unknown. */
  function candle(pair, leg, at) {
    const forming = pair.forming[leg];
    const formingAt = forming ? pair.bars.index(forming[0]) : -1;
    if (forming && (at === null || at === formingAt) && formingAt >= pair.bars.size) return forming.slice(1);
    const index = at ?? pair.bars.size - 1;
    return ["open", "high", "low", "close", "volume"].map((name) => pair.bars.value(`${leg}_${name}`, index));
  }

  /** What was decided at a bar, with the reason; empty if nothing was. */
  function decisionText(pair, index) {
    const row = pair.decisions.get(pair.bars.time(index));
    if (!row || row.kind === "withdrawn") return "";
    return row.kind.replace("_", " ") + (row.reason ? `: ${row.reason}` : "");
  }

  /** When a bar opens, in the zone of the screen, to the second. */
  function timeText(pair, index) {
    if (!pair.bars.size) return "–";
    return times.text(pair.bars.time(index));
  }

  return { PANES, LEVELS, shown, seriesOf, levelsOf, legendOf, candle, timeText };
})();

if (typeof module !== "undefined") module.exports = PairbridgeSeries;
