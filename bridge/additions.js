// @ts-check
"use strict";

/**
 * Symbols that a program asks for through the server: added to the subscription if the exchange trades all of them,
 * else none, with the reason.
 */
class Additions {
  static MOST = 1_024; // symbols of one bridge; the server takes no more

  /** @param {{symbolStates: SymbolStates, restRequests: RestRequests, feeds: Feeds, serverLink: ServerLink, host: Host}} parts */
  constructor({ symbolStates, restRequests, feeds, serverLink, host }) {
    this.symbolStates = symbolStates;
    this.restRequests = restRequests;
    this.feeds = feeds;
    this.serverLink = serverLink;
    this.host = host;
    /** @type {string[]} */ this.added = []; // since Start
  }

  /** @param {{symbols?: unknown}} message `add_symbols` */
  wanted({ symbols }) {
    if (!Additions.#areSymbols(symbols)) {
      this.host.log("bad", `The server asked for symbols that are none: ${JSON.stringify(symbols)?.slice(0, 80)}`);
      return;
    }
    const wanted = [...new Set(symbols)];
    if (wanted.every((symbol) => this.#isReceived(symbol))) this.#subscribe();
    else this.restRequests.listed((text) => this.#add(wanted, text));
  }

  /**
   * @param {string[]} wanted
   * @param {string} list the exchange's, "" if it cannot be read: then the first trades show which are right
   */
  #add(wanted, list) {
    const fresh = wanted.filter((symbol) => !this.symbolStates.get(symbol));
    const reason = this.#objection(wanted, list) || this.#excess(fresh);
    if (reason) {
      this.host.log("bad", `A program asked for symbols that were not added: ${reason}`);
      this.serverLink.answer({ type: "unaddable", symbols: wanted, reason: reason.slice(0, 500) });
      return;
    }
    for (const symbol of wanted) Object.assign(this.symbolStates.get(symbol) ?? {}, { problem: "" });
    if (fresh.length) {
      this.symbolStates.add(fresh);
      this.feeds.add(fresh, this.host.clock.now);
      this.added.push(...fresh);
      this.host.log("good", `Added at a program's request: ${Symbols.few(fresh)}.`);
    }
    this.#subscribe();
  }

  #subscribe() {
    this.serverLink.subscribe(this.symbolStates.usable);
  }

  /** @param {string} symbol */
  #isReceived(symbol) {
    return this.symbolStates.get(symbol)?.problem === "";
  }

  /**
   * @param {string[]} wanted
   * @param {string} list
   */
  #objection(wanted, list) {
    const doubtful = wanted.filter((symbol) => !this.#isReceived(symbol));
    try {
      return list && Symbols.brief([...Symbols.check(doubtful, list).problems.values()]).join(" ");
    } catch {
      return ""; // not a list
    }
  }

  /** @param {string[]} fresh */
  #excess(fresh) {
    const count = this.symbolStates.states.size + fresh.length;
    return count > Additions.MOST ? `this page would have ${count} symbols; the server takes at most 1,024.` : "";
  }

  /**
   * @param {unknown} value
   * @returns {value is string[]}
   */
  static #areSymbols(value) {
    const isOne = (/** @type {unknown} */ each) => typeof each === "string" && Symbols.isOne(each);
    return Array.isArray(value) && value.length > 0 && value.length <= Additions.MOST && value.every(isOne);
  }
}
