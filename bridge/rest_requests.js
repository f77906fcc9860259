// @ts-check
"use strict";

/** All requests to the exchange's REST interface, within one budget. */
class RestRequests {
  static INFO_TRIES = 3;

  /**
   * @param {StreamPlan} plan
   * @param {Host} host
   */
  constructor(plan, host) {
    this.plan = plan;
    this.host = host;
    this.budget = new Budget(plan.weights.minute);
    /** @type {Map<number, (answer: Answer) => void>} */ this.requests = new Map();
    this.skewMs = NaN; // this clock minus the exchange's
    this.clockAt = 0;
    this.infoAt = 0;
    this.infoTries = 0;
  }

  /**
   * Requests the list of symbols until it is read (at most three times), and the exchange's clock.
   * @param {(text: string) => void} check throws if the list is invalid
   */
  routine(check) {
    const { now } = this.host.clock;
    const { weights } = this.plan;
    if (now >= this.infoAt && this.infoTries < RestRequests.INFO_TRIES && this.budget.spend(weights.info, now)) {
      this.infoAt = now + 60_000;
      this.infoTries++;
      this.ask(Exchange.infoUrl(this.plan), (answer) => this.#info(answer, check));
    }
    if (now >= this.clockAt && this.budget.spend(weights.time, now)) {
      this.clockAt = now + 600_000;
      const before = this.host.clock.wall;
      this.ask(`${this.plan.rest}/time`, (answer) => this.#clock(answer, before));
    }
  }

  /**
   * The exchange's list of symbols as it is now.
   * @param {(text: string) => void} tell "" if it cannot be read
   */
  listed(tell) {
    if (!this.budget.spend(this.plan.weights.info, this.host.clock.now)) tell("");
    else this.ask(Exchange.infoUrl(this.plan), ({ status, text }) => tell(status === 200 ? text : ""));
  }

  /** The clock was set or had stopped: measure its offset to the exchange's again. */
  doubtClock() {
    this.skewMs = NaN;
    this.clockAt = this.host.clock.now;
  }

  /**
   * The newest trade of a symbol: calls `tell` with its id (NaN if unknown) and the exchange's objection.
   * @param {string} symbol
   * @param {(id: number, objection: string) => void} tell
   */
  newest(symbol, tell) {
    if (!this.budget.spend(this.plan.weights.trades, this.host.clock.now)) return;
    this.ask(Exchange.tradesUrl(this.plan, symbol, null), (answer) => {
      const objection = answer.status === 400 ? Exchange.read(answer.text) : null;
      const list = answer.status === 200 ? RestRequests.#json(answer.text) : null;
      const id = Array.isArray(list) ? Number(list.at(-1)?.a) : NaN;
      tell(id, objection?.kind === "error" ? objection.text : "");
    });
  }

  /**
   * Sends a request at once: the caller has already added its weight.
   * @param {string} url
   * @param {(answer: Answer) => void} handle
   */
  ask(url, handle) {
    const id = this.host.newId();
    this.requests.set(id, handle);
    this.host.emit({ do: "request", id, url });
  }

  /**
   * @param {number} id
   * @param {Answer} answer
   */
  answered(id, answer) {
    const handle = this.requests.get(id);
    this.requests.delete(id);
    if (answer.status === 429 || answer.status === 418) this.budget.refused(answer, this.host.clock.now);
    handle?.(answer);
  }

  /** Ignores outstanding answers. */
  forget() {
    this.requests.clear();
  }

  /**
   * @param {Answer} answer
   * @param {(text: string) => void} check
   */
  #info(answer, check) {
    let why = answer.cause === "blocked" ? "blocked or geo-blocked" : "unreachable";
    if (answer.status) why = `HTTP ${answer.status}`;
    try {
      if (answer.status !== 200) throw new Error(why);
      check(answer.text);
      this.infoAt = Infinity;
    } catch {
      const what = `The symbols could not be checked: exchangeInfo cannot be read (${why}).`;
      this.host.log("info", `${what} Going on without.`);
    }
  }

  /**
   * @param {Answer} answer
   * @param {number} before time of day of the request
   */
  #clock(answer, before) {
    const said = answer.status === 200 ? RestRequests.#json(answer.text)?.serverTime : NaN;
    const took = this.host.clock.wall - before;
    if (Number.isSafeInteger(said) && took >= 0 && took < 2_000) this.skewMs = before + took / 2 - said;
  }

  /** @param {string} text */
  static #json(text) {
    try {
      return JSON.parse(text);
    } catch {
      return null;
    }
  }
}
