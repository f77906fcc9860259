// @ts-check
"use strict";

/**
 * One stream of the exchange, kept alive: reopened with growing delays when it breaks, and replaced before it must end:
 * the old socket is closed only when the new one has caught up.
 *
 * Neither a connection nor an acknowledgement proves that data flows: only trades do. `wrong` means that trades happen
 * but do not arrive.
 */
class Feed {
  static CONNECT_MS = 10_000;
  static FIRST_RETRY_MS = 300;
  static LAST_RETRY_MS = 30_000;
  static STABLE_MS = 10_000; // open this long and delivering: resets the reconnect delay
  static OVERLAP_MS = 15_000;
  static RETIRED_MS = 2_500; // timeout for an address that is known to send no data
  static PROOF_MS = 4_000; // timeout for any other, while REST shows trades
  static GRACE_MS = 800; // a trade in REST may still be in transit
  static DAY_MS = 23.5 * 3_600_000;

  /** @type {Log} */ #log = (level, text) => this.emit({ do: "log", level, text });
  /** @type {(conn: Conn) => void} */ #close = (conn) => this.emit({ do: "close", socket: conn.id, code: 1000 });

  /**
   * `probe` requests the newest trade of a symbol from REST; `proved` receives the answer.
   * @param {{url: string, symbols: string[], retired: boolean, rotateMs?: number, random: () => number, emit: Emit,
   *   newId: () => number, probe: (symbol: string, feed: Feed) => void}} options
   */
  constructor({ url, symbols, retired, rotateMs = Feed.DAY_MS, random, emit, newId, probe }) {
    this.url = url;
    this.symbols = symbols;
    this.retired = retired;
    this.rotateMs = rotateMs;
    this.random = random;
    this.emit = emit;
    this.newId = newId;
    this.probe = probe;
    this.running = false;
    /** @type {Conn | null} */ this.current = null;
    /** @type {Conn | null} */ this.fresh = null;
    this.attempts = this.silences = this.retryAt = 0;
    this.renewAt = Infinity;
    this.lastTrade = NaN;
    /** @type {"" | "retired" | "silent"} */ this.wrong = "";
    this.proof = { symbol: "", id: NaN, passedAt: NaN };
    this.askProofAt = Infinity;
  }

  /** @returns {"open" | "connecting" | "closed"} */
  get state() {
    if (!this.current) return "closed";
    return this.current.isOpen ? "open" : "connecting";
  }

  get openedAt() {
    return this.current?.openedAt ?? NaN;
  }

  /** @param {number} now */
  start(now) {
    this.running = true;
    this.retryAt = now;
    this.current = this.#open(now);
  }

  stop() {
    this.running = false;
    for (const conn of [this.current, this.fresh]) if (conn) this.#close(conn);
    this.current = this.fresh = null;
  }

  /** @param {number} id whether a socket is one of this feed's */
  owns(id) {
    return this.#conn(id) !== null;
  }

  /**
   * @param {number} id
   * @param {number} now
   */
  opened(id, now) {
    const conn = this.#conn(id);
    if (!conn) return;
    conn.openedAt = now;
    if (conn !== this.current) return;
    this.#settleIn(now);
    this.#log("info", "Connected to the exchange; waiting for the first trade.");
  }

  /**
   * @param {number} id
   * @param {number} code
   * @param {number} now
   */
  closed(id, code, now) {
    const conn = this.#conn(id);
    if (!conn) return;
    if (conn === this.fresh) {
      this.fresh = null;
      this.renewAt = now + 60_000 * (0.5 + this.random());
    } else this.#ended(conn, `The connection to the exchange ended (${code})`, now);
  }

  /**
   * A trade of `symbol` arrived on socket `id`.
   * @param {number} id
   * @param {string} symbol
   * @param {number} tradeId
   * @param {number} now
   */
  delivered(id, symbol, tradeId, now) {
    const conn = this.#conn(id);
    if (!conn) return;
    conn.delivered(symbol, tradeId, now);
    this.lastTrade = now;
    this.silences = 0;
    if (this.wrong) this.#log("good", "Trades arrive now; the address is right after all.");
    this.wrong = "";
  }

  /**
   * Replace the socket without a break: the exchange announced its end, or it may be dead.
   * @param {number} now
   * @param {string} why
   */
  renew(now, why) {
    if (!this.running || this.fresh) return;
    if (this.state !== "open") {
      this.retryNow(now);
      return;
    }
    this.#log("info", `Opening a second connection to the exchange before closing the first: ${why}.`);
    this.fresh = this.#open(now);
    this.renewAt = Infinity;
  }

  /**
   * Other symbols, on a new socket that is opened beside one that is open.
   * @param {string} url
   * @param {string[]} symbols
   * @param {number} now
   */
  widen(url, symbols, now) {
    Object.assign(this, { url, symbols });
    const unused = this.state === "open" ? this.fresh : this.current;
    if (unused) this.#close(unused);
    if (unused === this.current) this.current = null;
    this.fresh = null;
    this.renew(now, "symbols were added");
  }

  /** @param {number} now it probably works now: reconnect without delay */
  retryNow(now) {
    this.attempts = 0;
    if (this.running && !this.current) this.retryAt = now;
  }

  /** @param {number} now */
  tick(now) {
    if (!this.running) return;
    if (!this.current && now >= this.retryAt) this.current = this.#open(now);
    for (const conn of [this.current, this.fresh]) if (conn) this.#limitConnect(conn, now);
    if (this.fresh) this.#hand(this.fresh, now);
    if (this.state === "open") this.#whileOpen(now);
  }

  /** @param {number} now */
  #whileOpen(now) {
    if (now >= this.renewAt) this.renew(now, "the exchange closes each one after 24 hours");
    const quietSince = Math.max(this.lastTrade || 0, this.openedAt);
    if (now - quietSince > Limits.SILENCE_MS * 2 ** Math.min(this.silences, 4) && !this.fresh) {
      this.silences++;
      this.renew(now, "it has been silent for a while");
    }
    if (this.current?.frames === 0 && Number.isNaN(this.lastTrade)) this.#doubt(this.current, now);
  }

  /**
   * The REST answer about the newest trade, while the stream has never delivered any.
   * @param {string} symbol
   * @param {number} id NaN if it could not be read
   * @param {number} now
   */
  proved(symbol, id, now) {
    if (!Number.isNaN(this.lastTrade) || Number.isNaN(id)) return;
    if (this.proof.symbol !== symbol) this.proof = { symbol, id, passedAt: NaN };
    else if (id > this.proof.id && Number.isNaN(this.proof.passedAt)) this.proof.passedAt = now;
  }

  /**
   * Nothing has arrived yet. A retired address needs no more proof; for any other, check in REST whether trades happen.
   * @param {Conn} conn
   * @param {number} now
   */
  #doubt(conn, now) {
    const age = now - conn.openedAt;
    const missed = now - this.proof.passedAt >= Feed.GRACE_MS;
    if (this.retired && age >= Feed.RETIRED_MS) this.#accuse("retired");
    if (missed && age >= Feed.PROOF_MS) this.#accuse("silent");
    if (this.wrong || this.retired || now < this.askProofAt) return;
    this.askProofAt = now + (age < 6_000 ? 1_200 : 15_000);
    const turn = Math.floor(age / 12_000); // another symbol later, in case the first is invalid
    this.probe(this.proof.symbol || this.symbols[turn % this.symbols.length], this);
  }

  /** @param {"retired" | "silent"} how */
  #accuse(how) {
    if (this.wrong) return;
    this.wrong = how;
    this.#log("bad", "WRONG ROUTE: connected, but this address does not deliver the trades that happen.");
  }

  /** @param {number} now */
  #settleIn(now) {
    this.renewAt = now + this.rotateMs * (1 - 0.02 * this.random());
    this.askProofAt = now + 400;
  }

  /**
   * Closes the old socket once the fresh one has taken over every symbol.
   * @param {Conn} fresh
   * @param {number} now
   */
  #hand(fresh, now) {
    const old = this.current;
    if (!old || !fresh.isOpen) return;
    const late = now - fresh.openedAt > Feed.OVERLAP_MS;
    const oldIsAlive = [...old.seen.values()].some((seen) => seen.at >= fresh.openedAt);
    if (late && fresh.frames === 0 && oldIsAlive) this.#giveUpFresh(fresh, now);
    else if (late || fresh.hasTakenOver(old)) {
      this.#close(old);
      this.#promote(fresh, now);
    }
  }

  /**
   * @param {Conn} fresh
   * @param {number} now
   */
  #promote(fresh, now) {
    this.current = fresh;
    this.fresh = null;
    if (fresh.isOpen) this.#settleIn(now);
  }

  /**
   * @param {Conn} fresh
   * @param {number} now
   */
  #giveUpFresh(fresh, now) {
    this.#close(fresh);
    this.fresh = null;
    this.renewAt = now + 60_000;
  }

  /**
   * @param {Conn} conn
   * @param {number} now
   */
  #limitConnect(conn, now) {
    if (conn.isOpen || now - conn.since <= Feed.CONNECT_MS) return;
    this.#close(conn);
    if (conn === this.fresh) this.#giveUpFresh(conn, now);
    else this.#ended(conn, "The exchange did not answer in 10 s", now);
  }

  /**
   * @param {Conn} conn the current one
   * @param {string} what
   * @param {number} now
   */
  #ended(conn, what, now) {
    const stable = conn.frames > 0 && now - conn.openedAt >= Feed.STABLE_MS;
    this.attempts = stable ? 1 : this.attempts + 1;
    const pause = Math.min(Feed.LAST_RETRY_MS, Feed.FIRST_RETRY_MS * 2 ** (this.attempts - 1));
    this.retryAt = now + pause * (0.5 + this.random() / 2);
    this.current = null;
    const next = `next attempt in ${((this.retryAt - now) / 1000).toFixed(1)} s`;
    this.#log(this.fresh ? "info" : "bad", `${what}; ${this.fresh ? "the second one takes over" : next}.`);
    if (this.fresh) this.#promote(this.fresh, now);
  }

  /**
   * @param {number} now
   * @returns {Conn}
   */
  #open(now) {
    const id = this.newId();
    this.emit({ do: "connect", socket: id, url: this.url });
    return new Conn(id, now);
  }

  /** @param {number} id */
  #conn(id) {
    return [this.current, this.fresh].find((conn) => conn?.id === id) ?? null;
  }
}
