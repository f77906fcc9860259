// @ts-check
"use strict";

/**
 * The screen's data of a pair and its log: pure, tested by `node --test`.
 */
const PairbridgeCore = (() => {
  const times = typeof module === "undefined" ? PairbridgeTimes : require("./clock_times.js");
  const { Bars } = typeof module === "undefined" ? PairbridgeBars : require("./bars.js");
  const KEEP = 1000; // bars of a first frame, and so many stay while the newest are followed
  const MOST = 200_000; // bars in memory: 50 MB
  const MOST_EDGES = 12; // between candles and ticks, the newest
  const FORMATS = /** @type {Object<number, Intl.NumberFormat>} */ ({}); // by significant digits, negative
  const RULE = { entry: 2, exit: 0.5, stop: /** @type {number|null} */ (null), estimator: "", is_extra: false };

  /** The empty data of one pair. */
  function emptyPair() {
    return {
      watch: /** @type {number|null} */ (null),
      run: "", // the run and its revisions: bars of the same run stay what they were
      resets: 0,
      bars: new Bars(),
      forming: /** @type {Object<string, number[]>} */ ({}),
      decisions: /** @type {Map<number, any>} */ (new Map()), // by bar open, ms: the current decision
      names: { y: "Y", x: "X" },
      rule: { ...RULE, spread_scale: 1, spread_unit: "" },
      hedge: /** @type {{low: number, high: number, bars: number}|null} */ (null),
      candles: /** @type {Object<string, number[][]>} */ ({}), // by leg: stretches that were not made from ticks
    };
  }

  /**
   * Merge a frame into the data. Bars from `frame.first` on replace the existing ones.
   * @param {ReturnType<typeof emptyPair>} pair
   * @param {any} frame
   */
  function absorb(pair, frame) {
    if (frame.reset && !continues(pair, frame)) begin(pair, frame);
    if (frame.columns?.t?.length) pair.bars.put(frame.first, frame.columns);
    pair.forming = frame.forming ?? pair.forming; // what has not changed is not sent
    pair.candles = frame.candles ?? pair.candles;
    pair.hedge = frame.hedge === undefined ? pair.hedge : frame.hedge;
    for (const row of frame.log ?? []) pair.decisions.set(Date.parse(row.bar_close) - pair.bars.width, row);
    return pair;
  }

  /** Another pair, or another run of it. */
  function begin(pair, frame) {
    const resets = pair.resets + 1;
    Object.assign(pair, emptyPair(), { watch: frame.watch, run: frame.run ?? "", resets });
    pair.names = frame.names ?? pair.names;
    pair.rule = { ...pair.rule, ...frame.rule };
    pair.bars = new Bars(frame.interval_ms ?? 0, derive(pair.rule.spread_scale));
  }

  /** Whether a whole frame repeats the run that is here, so that older bars stay. */
  function continues(pair, frame) {
    const { first, size } = pair.bars;
    const isSame = frame.watch === pair.watch && Boolean(frame.run) && frame.run === pair.run;
    return isSame && frame.first >= first && frame.first <= first + size;
  }

  /** What is drawn but not sent: the spread in its unit, its band, and the cost wall around its mean and around 0. */
  function derive(scale) {
    return (columns, from, to) => {
      if (!columns.spread) return;
      const places = columns.spread.length;
      for (const name of ["upper", "lower", "wall_upper", "wall_lower", "pays_lower"])
        if ((columns[name]?.length ?? 0) < places) columns[name] = grown(columns[name], places);
      const { spread, mean, deviation, pays } = columns;
      for (let i = from; i < to; i++) {
        spread[i] *= scale;
        mean[i] *= scale;
        deviation[i] *= scale;
        columns.upper[i] = mean[i] + deviation[i];
        columns.lower[i] = mean[i] - deviation[i];
        columns.wall_upper[i] = mean[i] + pays[i] * deviation[i];
        columns.wall_lower[i] = mean[i] - pays[i] * deviation[i];
        columns.pays_lower[i] = -pays[i];
      }
    };
  }

  function grown(column, places) {
    const larger = new Float64Array(places).fill(NaN);
    if (column) larger.set(column);
    return larger;
  }

  /**
   * Bars and decisions that came before those that are here; false where they do not fit any more.
   * @param {ReturnType<typeof emptyPair>} pair
   * @param {ReturnType<typeof PairbridgeBars.unpack>} older
   */
  function absorbOlder(pair, older) {
    if (!older.count || older.first + older.count !== pair.bars.first) return false;
    pair.bars.prepend(older.count, older.columns);
    for (const row of older.decisions) if (!pair.decisions.has(row.at)) pair.decisions.set(row.at, row);
    return true;
  }

  /** The index of the newest bar, the forming ones included; -1 without any. */
  function newest(pair) {
    const { bars, forming } = pair;
    if (!bars.size) return -1;
    return Math.max(bars.size - 1, ...Object.values(forming).map((bar) => bars.index(bar[0])));
  }

  /** Indexes, kinds and z of the current entries and exits, the oldest first. */
  function marks(pair) {
    const found = [];
    for (const [at, row] of pair.decisions) {
      const index = pair.bars.index(at);
      const isTrade = row.kind !== "no_entry" && row.kind !== "withdrawn";
      if (isTrade && row.z !== null && index >= 0) found.push({ index, kind: row.kind, z: row.z });
    }
    return found.sort((a, b) => a.index - b.index);
  }

  /**
   * Where bars from an exchange's candles and bars from ticks meet, and which is on which side.
   * @param {ReturnType<typeof emptyPair>} pair
   * @param {string} leg "y" or "x"
   */
  function boundaries(pair, leg) {
    const { bars } = pair;
    if (!bars.size) return [];
    const edges = (pair.candles[leg] ?? []).flatMap(([from, to]) => [
      { at: from, text: "ticks | candles" },
      { at: to, text: "candles | ticks" },
    ]);
    const until = pair.forming[leg]?.[0] ?? bars.time(bars.size - 1);
    const inside = edges.filter(({ at }) => at > bars.begin && at <= until);
    // Between two bars, which stand at their beginning.
    return inside.slice(-MOST_EDGES).map(({ at, text }) => ({ at: at - bars.width / 2, text }));
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

  /** Rows by a field, unknown values at the end; as they are in the direction "none". */
  function sorted(rows, field, direction) {
    if (direction === "none") return rows;
    const sign = direction === "ascending" ? 1 : -1;
    const order = (one, other) => {
      const [a, b] = [one[field], other[field]];
      if (a === b) return 0;
      if (a === null || a === undefined) return 1;
      if (b === null || b === undefined) return -1;
      return a < b ? -sign : sign;
    };
    return [...rows].sort(order);
  }

  /** A number for display: fixed digits, or significant ones when `digits` is negative; – if unknown. */
  function number(value, digits) {
    if (value === null || value === undefined || Number.isNaN(value)) return "–";
    if (digits >= 0) return value.toFixed(digits);
    FORMATS[digits] ??= new Intl.NumberFormat("en-US", { maximumSignificantDigits: -digits }); // costly to make
    return FORMATS[digits].format(value);
  }

  /** A number with its sign and fixed digits, as z is written everywhere: +1.05. */
  function signed(value, digits) {
    const text = number(value, digits);
    return value > 0 ? `+${text}` : text;
  }

  /** Order of texts that begin with a number, such as "1,234 (900 … 1,500)"; those without one are the least. */
  function byNumber(one, other) {
    const value = (text) => {
      const found = parseFloat(String(text).replaceAll(",", ""));
      return Number.isNaN(found) ? -Infinity : found;
    };
    const [a, b] = [value(one), value(other)];
    return a === b ? 0 : a - b;
  }

  /** A probability for display: four digits, and not 0 if it is only small. */
  function share(value) {
    if (value === null || value === undefined || Number.isNaN(value)) return "–";
    return value < 0.0001 ? "< 0.0001" : value.toFixed(4);
  }

  /** The path of a sparkline: one unit a value across, -z down within 3 of 0; interrupted where a value is unknown. */
  function trail(values) {
    let isDrawn = false;
    const parts = (values ?? []).map((z, at) => {
      const step = z === null ? "" : `${isDrawn ? "L" : "M"}${at} ${-Math.min(Math.max(z, -3), 3)}`;
      isDrawn = z !== null;
      return step;
    });
    return parts.join("");
  }

  /** The address in the navigation of a page's address: all pairs are one page. */
  function pageOf(path) {
    return path.startsWith("/pair") ? "/pair" : path;
  }

  /** A time of the log for display, to the second, in the zone of the screen. */
  function moment(text) {
    return times.stamp(Date.parse(text));
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

  return {
    KEEP, MOST, emptyPair, absorb, absorbOlder, newest, marks, boundaries, emptyLog, remember, rowsOf, number, signed, share, byNumber,
    trail, pageOf, moment, exportAddress, sorted,
  };
})();

if (typeof module !== "undefined") module.exports = PairbridgeCore;
