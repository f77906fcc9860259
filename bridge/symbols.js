// @ts-check
"use strict";

/** Symbol names: parsing, the exchange's list, and spelling suggestions. Pure. */
class Symbols {
  static TOLD = 10;

  /** @param {string} text 1..32 upper-case letters, digits, `_` or `-` of any script */
  static isOne(text) {
    return /^[\p{L}\p{N}_-]{1,32}$/u.test(text) && text === text.toUpperCase();
  }

  /**
   * @param {string} text as typed: any case, separated by commas, semicolons or white space
   * @returns {{symbols: string[], bad: string[]}}
   */
  static read(text) {
    const typed = text
      .split(/[\s,;]+/u)
      .filter(Boolean)
      .map((word) => word.toUpperCase());
    const unique = [...new Set(typed)];
    return {
      symbols: unique.filter(Symbols.isOne),
      bad: unique.filter((word) => !Symbols.isOne(word)),
    };
  }

  /**
   * The exchangeInfo of the requested symbols.
   * @param {string[]} symbols
   * @param {string} text body of the answer; throws if it is not one
   */
  static check(symbols, text) {
    /** @type {{symbol: string, status?: string, contractType?: string, deliveryDate?: number}[]} */
    const listed = JSON.parse(text).symbols;
    const known = new Map(listed.map((entry) => [entry.symbol, entry]));
    const trading = listed.filter((entry) => entry.status === "TRADING").map((entry) => entry.symbol);
    /** @type {Map<string, string>} */ const problems = new Map();
    /** @type {Map<string, string>} */ const notes = new Map();
    for (const symbol of symbols) {
      const entry = known.get(symbol);
      if (!entry) problems.set(symbol, Symbols.#unknown(symbol, trading));
      else if (entry.status !== "TRADING") problems.set(symbol, Symbols.#resting(symbol, entry.status));
      else if (entry.contractType === "") notes.set(symbol, "the exchange gives no contract type");
      else if (entry.contractType && entry.contractType !== "PERPETUAL") notes.set(symbol, Symbols.#contract(entry));
    }
    return { problems, notes };
  }

  /**
   * The first five, and the number of further ones.
   * @param {string[]} symbols
   */
  static few(symbols) {
    const more = symbols.length > 5 ? ` and ${symbols.length - 5} more` : "";
    return symbols.slice(0, 5).join(", ") + more;
  }

  /**
   * Messages about many symbols: the first ten, and the number of further ones.
   * @param {string[]} problems
   */
  static brief(problems) {
    const more = problems.length - Symbols.TOLD;
    if (more <= 0) return problems;
    return [...problems.slice(0, Symbols.TOLD), `… and ${more} more symbols; the table shows which.`];
  }

  /**
   * @param {string} symbol
   * @param {string | undefined} status
   */
  static #resting(symbol, status) {
    return `${symbol} is not trading now: the exchange calls it ${status || "closed"}.`;
  }

  /** @param {{contractType?: string, deliveryDate?: number}} entry */
  static #contract(entry) {
    const kind = String(entry.contractType).toLowerCase().replaceAll("_", " ");
    const date = Number(entry.deliveryDate);
    const ends = date > 0 && date < 4e12 ? `, ends ${new Date(date).toISOString().slice(0, 10)}` : "";
    return `${kind.includes("quarter") ? "delivery contract, " : ""}${kind}${ends}`;
  }

  /**
   * @param {string} symbol
   * @param {string[]} trading
   */
  static #unknown(symbol, trading) {
    const near = Symbols.#nearest(symbol, trading);
    const hint = near.length ? `did you mean ${near.join(" or ")}?` : "check its spelling and the market.";
    return `${symbol} is not a symbol of this market; ${hint}`;
  }

  /**
   * Up to three most similar symbols.
   * @param {string} typed
   * @param {string[]} symbols
   */
  static #nearest(typed, symbols) {
    const limit = Math.max(1, Math.floor(typed.length / 3));
    return symbols
      .map((symbol) => ({ symbol, far: Symbols.#farness(typed, symbol) }))
      .filter(({ far }) => far <= limit)
      .sort((a, b) => a.far - b.far || a.symbol.length - b.symbol.length || (a.symbol < b.symbol ? -1 : 1))
      .slice(0, 3)
      .map(({ symbol }) => symbol);
  }

  /**
   * @param {string} typed
   * @param {string} symbol
   */
  static #farness(typed, symbol) {
    if (typed.length > 1 && symbol.startsWith(typed)) return symbol.endsWith("USDT") ? 0.5 : 0.9;
    return Symbols.edits(typed, symbol);
  }

  /**
   * Insertions, deletions, replacements and swaps of neighbours that turn a into b.
   * @param {string} a
   * @param {string} b
   */
  static edits(a, b) {
    /** @type {number[][]} */
    const d = Array.from({ length: a.length + 1 }, (_, i) => [i]);
    for (let j = 1; j <= b.length; j++) d[0][j] = j;
    for (let i = 1; i <= a.length; i++) {
      for (let j = 1; j <= b.length; j++) {
        const same = a[i - 1] === b[j - 1];
        d[i][j] = Math.min(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (same ? 0 : 1));
        const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
        if (swapped) d[i][j] = Math.min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
    return d[a.length][b.length];
  }
}
