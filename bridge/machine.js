// @ts-check
"use strict";

/**
 * The bridge as a state machine: one method per kind of input; each returns a list of actions. It has no clock, socket
 * or screen: `now` is a monotonic clock in ms, `wall` the time of day in ms.
 *
 * It delegates to its parts: `feeds` keep the stream open, `frameHandler` handles its frames, `dedupQueue` queues rows,
 * `serverLink` sends them to the server; `symbolStates` holds the symbols' states, `symbolHealth` finds out why one
 * does not arrive, `serverRequests` fetches missing trades, candles and funding, `additions` adds symbols,
 * `restRequests` calls the exchange's REST API, `statusReporter` reads them all.
 *
 * Inputs: start, stop, opened, closed, received, answered, serverAnswered, tick, notice. `view` changes nothing: it
 * returns the data for a screen.
 */
class Machine {
  static KNOWN = [...ServerRequests.TYPES, "refused", "stored", "bars_stored", "funding_stored"];
  static JUMP_MS = 3_000; // ticks run ten times a second: a longer pause was a freeze or a sleep

  /**
   * @param {{plan: StreamPlan, server: string, session: string, token: string, random: () => number, sendQueue?: SendQueue,
   *   rotateMs?: number}} options
   */
  constructor({ plan, server, session, token, random, sendQueue = new SendQueue(), rotateMs }) {
    this.plan = plan;
    this.session = session;
    this.sendQueue = sendQueue;
    /** @type {Action[]} */ this.out = [];
    this.clock = new Clock();
    const host = this.#host();
    const { emit, newId } = host;
    this.symbolStates = new SymbolStates(plan.symbols);
    this.dedupQueue = new DedupQueue(sendQueue, host.log);
    this.restRequests = new RestRequests(plan, host);
    const [{ market }, can] = [plan, [...MarketHistory.abilities(plan), "subscribe"]];
    this.serverLink = new ServerLink({ url: server, market, session, token, sendQueue, random, emit, newId, can });
    const { symbolStates, dedupQueue, restRequests, serverLink } = this;
    this.symbolHealth = new SymbolHealth({ symbolStates, restRequests, serverLink, host });
    const probe = this.symbolHealth.probe.bind(this.symbolHealth);
    this.feeds = new Feeds(plan, { rotateMs, random, emit, newId, probe });
    this.frameHandler = new FrameHandler({ symbolStates, dedupQueue, restRequests, serverLink, host });
    this.backfill = new Backfill({ plan, restRequests, feeds: this.feeds, dedupQueue, serverLink, host });
    const history = new MarketHistory({ plan, restRequests, serverLink, host });
    this.additions = new Additions({ symbolStates, restRequests, feeds: this.feeds, serverLink, host });
    this.serverRequests = new ServerRequests({ backfill: this.backfill, history, additions: this.additions });
    this.statusReporter = new StatusReporter(this);
    /** @type {"idle" | "running" | "stopping"} */ this.phase = "idle";
    this.notices = { visible: true, online: true, permission: "" };
    this.second = -Infinity;
    this.stopAt = Infinity;
    this.frozen = { ms: 0, at: -Infinity };
    this.unknownTypes = new Set(); // unknown message types, each logged once
  }

  /**
   * @param {number} now
   * @param {number} wall
   */
  start(now, wall) {
    this.clock.set(now, wall);
    this.phase = "running";
    const { market, stream, symbols } = this.plan;
    this.#log("info", `Start: ${Symbols.few(symbols)}; market ${market}; ${stream}`);
    this.serverLink.start(this.plan.symbols, now);
    this.feeds.start(now);
    this.#errand();
    return this.#flush();
  }

  /** @param {number} now stops listening at once, and delivering when all rows are acknowledged or after 2 s */
  stop(now) {
    if (this.phase === "running") {
      this.phase = "stopping";
      this.stopAt = now + ServerLink.DRAIN_MS;
      this.feeds.stop();
      this.restRequests.forget();
      this.serverRequests.forget();
      this.#finish(now);
    }
    return this.#flush();
  }

  /**
   * @param {number} socket
   * @param {number} now
   */
  opened(socket, now) {
    if (socket === this.serverLink.socket) this.serverLink.opened(now);
    else this.feeds.of(socket)?.opened(socket, now);
    return this.#flush();
  }

  /**
   * @param {number} socket
   * @param {number} code
   * @param {number} now
   */
  closed(socket, code, now) {
    if (socket === this.serverLink.socket) {
      this.serverLink.closed(code, now);
      this.serverRequests.forget(); // it will repeat them
    } else {
      this.feeds.of(socket)?.closed(socket, code, now);
    }
    return this.#flush();
  }

  /**
   * @param {number} socket
   * @param {string} text
   * @param {number} now
   */
  received(socket, text, now) {
    const feed = this.feeds.of(socket);
    if (feed) this.frameHandler.heard(feed, socket, text, now);
    else if (socket === this.serverLink.socket) this.#fromServer(text, now);
    return this.#flush();
  }

  /**
   * @param {number} request
   * @param {Answer} answer
   * @param {number} now
   */
  answered(request, answer, now) {
    this.clock.set(now);
    this.restRequests.answered(request, answer);
    this.serverRequests.fetch();
    return this.#flush();
  }

  /**
   * @param {boolean} answered
   * @param {number} now
   */
  serverAnswered(answered, now) {
    this.serverLink.serverAnswered(answered, now);
    return this.#flush();
  }

  /**
   * @param {number} now
   * @param {number} wall
   */
  tick(now, wall) {
    const before = { now: this.clock.now, wall: this.clock.wall };
    this.clock.set(now, wall);
    if (this.phase === "idle") return this.#flush();
    this.#jumped(now - before.now, wall - before.wall);
    this.feeds.tick(now);
    this.serverLink.tick(now);
    this.serverLink.beat(now, this.statusReporter.beat(now));
    if (this.phase === "stopping") this.#finish(now);
    else this.#errand();
    if (now - this.second >= 1000) this.#everySecond(now);
    return this.#flush();
  }

  /**
   * An event of the page: `visible`, `online` (booleans), `permission`, `token` (text), `resumed`.
   * @param {string} name
   * @param {any} value
   * @param {number} now
   */
  notice(name, value, now) {
    if (name === "visible" || name === "permission") Object.assign(this.notices, { [name]: value });
    if (name === "token") this.serverLink.useToken(value, now);
    if (name === "resumed") this.#renew(now, "the page was resumed");
    if (name === "online") {
      if (value && !this.notices.online) this.#renew(now, "the network is back");
      this.notices.online = value;
    }
    return this.#flush();
  }

  /** @param {number} now */
  view(now) {
    return this.statusReporter.view(now);
  }

  /**
   * @param {string} text
   * @param {number} now
   */
  #fromServer(text, now) {
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      // logged below with the other unknown types
    }
    const type = message?.type;
    const done = this.serverLink.received(message ?? {}, now);
    // At once: for the server, a bridge that has never sent a beat is one without beats, and its silence a quiet
    // market.
    if (type === "welcome") this.serverLink.beat(now, this.statusReporter.beat(now));
    else if (type === "lease") this.frameHandler.lease(message, now);
    else if (type === "ack") this.#nameRejected(done, message.rejected);
    else if (ServerRequests.TYPES.includes(type) && this.phase === "running") this.serverRequests.wanted(message);
    else if (!Machine.KNOWN.includes(type) && !this.unknownTypes.has(type)) {
      this.unknownTypes.add(type);
      this.#log("bad", `The server sent something this page does not know: ${text.slice(0, 80)}`);
    }
  }

  /**
   * @param {Batch | null} batch
   * @param {unknown} rejected
   */
  #nameRejected(batch, rejected) {
    if (!batch || !Array.isArray(rejected) || !rejected.length) return;
    const rows = JSON.parse(batch.text);
    for (const [index, reason] of rejected.slice(0, 5)) {
      const [symbol, id] = rows[index] ?? ["row", index];
      this.#log("bad", `Refused by the server: ${symbol} ${id}: ${String(reason).slice(0, 200)}`);
    }
    if (rejected.length > 5) this.#log("bad", `... and ${rejected.length - 5} more rows of the same batch.`);
  }

  #errand() {
    this.restRequests.routine((text) => this.symbolHealth.compare(text));
    this.serverRequests.fetch();
  }

  /** @param {number} now */
  #everySecond(now) {
    this.second = now;
    this.symbolStates.everySecond(now);
    this.dedupQueue.tellLosses(now);
    this.symbolHealth.watch(this.feeds, now);
  }

  /**
   * A freeze stops both clocks' ticks; while a computer sleeps the monotonic clock may stop, so that only the time of
   * day jumps, as after a clock change.
   * @param {number} stood since the previous tick, on the monotonic clock
   * @param {number} passed since then, on the wall clock
   */
  #jumped(stood, passed) {
    const clockJumped = Math.abs(passed - stood) > Machine.JUMP_MS;
    if (clockJumped || stood > Machine.JUMP_MS) this.restRequests.doubtClock();
    if (stood > Machine.JUMP_MS) {
      this.frozen = { ms: stood, at: this.clock.now };
      this.#renew(this.clock.now, `this page stood still for ${Math.round(stood / 1000)} s`);
    } else if (passed - stood > Machine.JUMP_MS) {
      this.#renew(this.clock.now, `the clock jumped by ${Math.round((passed - stood) / 1000)} s: sleep, or it was set`);
    }
  }

  /**
   * @param {number} now
   * @param {string} why
   */
  #renew(now, why) {
    if (this.phase !== "running") return;
    this.feeds.renew(now, why);
    this.serverLink.retryNow(now);
  }

  /** @param {number} now */
  #finish(now) {
    const left = this.sendQueue.queued + this.sendQueue.rowsInFlight;
    if (left && now < this.stopAt && this.serverLink.state === "live") return;
    const kept = `${left} rows without acknowledgement are kept in this page and sent on the next Start of this market`;
    this.#log(left ? "bad" : "info", `Stopped; ${left ? kept : "everything forwarded was acknowledged"}.`);
    this.serverLink.stop(now);
    this.phase = "idle";
    this.stopAt = Infinity;
  }

  /** @returns {Host} */
  #host() {
    let ids = 0;
    return {
      clock: this.clock,
      emit: (action) => void this.out.push(action),
      log: this.#log.bind(this),
      newId: () => ++ids,
    };
  }

  /**
   * @param {"info" | "good" | "bad"} level
   * @param {string} text
   */
  #log(level, text) {
    this.out.push({ do: "log", level, text });
  }

  #flush() {
    const actions = this.out;
    if (actions.length) this.out = [];
    return actions;
  }
}
