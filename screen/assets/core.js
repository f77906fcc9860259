// @ts-check
"use strict";

/**
 * The screen's data of a pair, and the arrays of its charts: pure, tested by `node --test`.
 *
 * @typedef {Object<string, any[]>} Columns
 * @typedef {{x?: string, y?: string, normalise?: boolean, marks?: string, candles?: boolean, [field: string]: any}} Meta
 */
const PairbridgeCore = (() => {
  const KEEP = 1000; // bars on the screen
  const AMBER = "#fbbf24"; // of trust and age, as in theme.py
  const MOST_EDGES = 12; // between candles and ticks, the newest

  /** The empty data of one pair. */
  function emptyPair() {
    return {
      watch: /** @type {number|null} */ (null),
      first: 0, // number of the first bar in the columns
      columns: /** @type {Columns} */ ({ t: [] }),
      forming: /** @type {Object<string, number[]>} */ ({}),
      decisions: new Map(), // by bar close: the current decision
      width: 0, // of a bar, ms
      names: { y: "Y", x: "X" },
      shapes: /** @type {Object<string, any[]>} */ ({}),
      spreadUnit: "",
      candles: /** @type {Object<string, number[][]>} */ ({}), // by leg: stretches that were not made from ticks
    };
  }

  /**
   * Merge a frame into the data. Bars from `frame.first` on replace the existing ones.
   * @param {ReturnType<typeof emptyPair>} pair
   * @param {any} frame
   */
  function absorb(pair, frame) {
    if (frame.reset) begin(pair, frame);
    if (frame.columns?.t?.length) append(pair, frame.first, frame.columns);
    pair.forming = frame.forming ?? pair.forming; // what has not changed is not sent
    pair.candles = frame.candles ?? pair.candles;
    for (const row of frame.log ?? []) pair.decisions.set(row.bar_close, row);
    return pair;
  }

  /** Another pair, or another run of it. */
  function begin(pair, frame) {
    Object.assign(pair, emptyPair(), { watch: frame.watch, first: frame.first });
    pair.width = frame.interval_ms ?? 0;
    pair.names = frame.names ?? pair.names;
    pair.shapes = frame.shapes ?? {};
    pair.spreadUnit = frame.spread_unit ?? "";
  }

  /** The bars from `first` on; the oldest bars leave. */
  function append(pair, first, fresh) {
    const keep = Math.max(first - pair.first, 0);
    for (const name of Object.keys(fresh)) {
      const before = (pair.columns[name] ?? []).slice(0, keep);
      pair.columns[name] = before.concat(fresh[name]);
    }
    const extra = pair.columns.t.length - KEEP;
    if (extra <= 0) return;
    for (const name of Object.keys(pair.columns)) pair.columns[name] = pair.columns[name].slice(extra);
    pair.first += extra;
  }

  /**
   * An empty log that keeps the newest rows: a number of trades and, separately, a number of refusals.
   * @param {number[]} kept
   */
  function emptyLog(kept) {
    return { trades: /** @type {any[]} */ ([]), refusals: /** @type {any[]} */ ([]), kept };
  }

  /** Add rows to the log; returns the old ones that they displaced. */
  function remember(log, rows) {
    for (const row of rows) (row.kind === "no_entry" ? log.refusals : log.trades).push(row);
    return [log.trades, log.refusals].flatMap((kind, i) => kind.splice(0, Math.max(kind.length - log.kept[i], 0)));
  }

  /** All rows of the log, unordered: the table sorts them. */
  function rowsOf(log) {
    return log.trades.concat(log.refusals);
  }

  /**
   * The arrays that a trace draws, from its meta.
   * @param {ReturnType<typeof emptyPair>} pair
   * @param {Meta} meta
   * @param {string} leg which leg the candles show, "y" or "x"
   * @param {number} candles maximum number, the newest
   * @returns {Object<string, any[]>}
   */
  function drawn(pair, meta, leg, candles = Infinity) {
    if (meta.marks) return marks(pair, meta.marks);
    /** @type {Object<string, any[]>} */
    const arrays = {};
    for (const field of ["x", "y", "open", "high", "low", "close"]) {
      if (meta[field]) arrays[field] = pair.columns[meta[field].replace("leg_", leg + "_")] ?? [];
      if (meta.candles && arrays[field]) arrays[field] = arrays[field].slice(-candles);
    }
    if (meta.normalise) arrays.y = normalised(arrays.y);
    if (meta.candles) appendForming(pair, meta, leg, arrays);
    return arrays;
  }

  /** The incomplete bar is at the right edge. */
  function appendForming(pair, meta, leg, arrays) {
    const bar = pair.forming[leg];
    if (!bar || (arrays.x.length && bar[0] <= arrays.x[arrays.x.length - 1])) return;
    const values = { x: bar[0], open: bar[1], high: bar[2], low: bar[3], close: bar[4], y: bar[5] };
    for (const field of Object.keys(arrays)) arrays[field] = arrays[field].concat([values[field]]);
  }

  /** Percentage change from the first known value. */
  function normalised(values) {
    const base = values.find((value) => value !== null);
    return values.map((value) => (value === null ? null : (value / base - 1) * 100));
  }

  /** Time and z of the current decisions of one kind, at the bar's open, as in the chart. */
  function marks(pair, kind) {
    const x = [];
    const y = [];
    for (const [close, row] of [...pair.decisions].sort()) {
      if (row.kind === kind && row.z !== null) {
        const open = Date.parse(close) - pair.width;
        if (!pair.columns.t.length || open >= pair.columns.t[0]) {
          x.push(open);
          y.push(row.z);
        }
      }
    }
    return { x, y };
  }

  /**
   * The time range while following now: the newest bars and a margin.
   * @param {ReturnType<typeof emptyPair>} pair
   * @param {number} bars
   */
  function latest(pair, bars) {
    const t = pair.columns.t;
    const newest = Math.max(t.length ? t[t.length - 1] : 0, ...Object.values(pair.forming).map((bar) => bar[0]));
    if (!newest) return null;
    const begin = t.length ? Math.max(t[0], newest - bars * pair.width) : newest - 20 * pair.width;
    return [begin - pair.width, newest + Math.max((newest - begin) * 0.03, 2 * pair.width)];
  }

  /**
   * Vertical lines where bars from an exchange's candles and bars from ticks meet, each with which is on which side.
   * @param {ReturnType<typeof emptyPair>} pair
   * @param {string} leg "y" or "x"
   */
  function boundaries(pair, leg) {
    const { t } = pair.columns;
    if (!t.length) return [];
    const edges = (pair.candles[leg] ?? []).flatMap(([from, to]) => [
      { at: from, text: "ticks | candles" },
      { at: to, text: "candles | ticks" },
    ]);
    const until = pair.forming[leg]?.[0] ?? t[t.length - 1];
    const inside = edges.filter(({ at }) => at > t[0] && at <= until);
    return inside.slice(-MOST_EDGES).map(({ at, text }) => {
      const x = at - pair.width / 2; // between two bars, which stand at their beginning
      const label = { text, textposition: "end", textangle: 0, yanchor: "top", font: { size: 10, color: AMBER } };
      return { type: "line", x0: x, x1: x, yref: "paper", y0: 0, y1: 1, line: { color: AMBER, width: 1, dash: "dot" }, label };
    });
  }

  /** A number for display: fixed digits, or significant ones when `digits` is negative; – if unknown. */
  function number(value, digits) {
    if (value === null || value === undefined || Number.isNaN(value)) return "–";
    if (digits >= 0) return value.toFixed(digits);
    return value.toLocaleString("en-US", { maximumSignificantDigits: -digits });
  }

  /** A probability for display: four digits, and not 0 if it is only small. */
  function share(value) {
    if (value === null || value === undefined || Number.isNaN(value)) return "–";
    return value < 0.0001 ? "< 0.0001" : value.toFixed(4);
  }

  const BLOCKS = "▁▂▃▄▅▆▇█";

  /** A line of values as text, each with the height of its place between -3 and 3; a space where unknown. */
  function trail(values) {
    const block = (z) => BLOCKS[Math.min(Math.max(Math.floor(((z + 3) / 6) * BLOCKS.length), 0), BLOCKS.length - 1)];
    return (values ?? []).map((z) => (z === null ? " " : block(z))).join("");
  }

  /** The address in the navigation of a page's address: all pairs are one page. */
  function pageOf(path) {
    return path.startsWith("/pair") ? "/pair" : path;
  }

  /** A time of the log for display, to the second. */
  function moment(text) {
    return text.slice(0, 19).replace("T", " ");
  }

  /**
   * The address of the log's export with the filters of its table. `filters`: column -> the values that pass its
   * filter, or null without one.
   */
  function exportAddress(address, tradesOnly, filters) {
    const [path, query] = address.split("?");
    const params = new URLSearchParams(query ?? "");
    params.set("show", tradesOnly ? "trades" : "all");
    for (const [column, values] of Object.entries(filters)) {
      params.delete(column);
      if (values === null) continue;
      for (const value of values.length ? values : ["-"]) params.append(column, value); // no value is "-"
    }
    return `${path}?${params}`;
  }

  return { KEEP, emptyPair, absorb, emptyLog, remember, rowsOf, drawn, latest, boundaries, number, share, trail, pageOf, moment, exportAddress };
})();

if (typeof module !== "undefined") module.exports = PairbridgeCore;
