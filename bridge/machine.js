// @ts-check
"use strict";

/**
 * @typedef {{do: "connect", socket: number, url: string}
 *   | {do: "send", socket: number, text: string, rows: number}
 *   | {do: "close", socket: number, code: number}
 *   | {do: "request", id: number, url: string}
 *   | {do: "knock", url: string, timeoutMs: number}
 *   | {do: "wake", at: number}
 *   | {do: "token"}
 *   | {do: "log", level: "info" | "good" | "bad", text: string}} Action
 *   `send` has `rows` > 0 for a batch of trades; `request` and `knock` are HTTP, answered by `answered` and
 *   `knocked`; `wake` wants a tick at that time; `token` asks the page for the token anew
 */

/**
 * The bridge: takes what happened (one method for each kind of input), returns what to do (a list of actions).
 * It has no clock, no socket and no screen: `now` is a steady clock in ms, `wall` the time of day in ms.
 *
 * Inputs: start, stop, opened, closed, received, answered, knocked, tick, notice. `view` changes nothing: it is
 * what a screen needs to know.
 */
class Machine {
  static FETCH_ROWS = 20_000; // no fetching while more rows than this wait to be sent
  static JUMP_MS = 3_000; // ticks come ten times a second: a longer pause was a freeze or a sleep
  static NAMED_SYMBOLS = 20; // with more, first trades are not logged one by one

  /**
   * @param {{plan: Plan, server: string, session: string, token: string, random: () => number, outbox?: Outbox,
   *   rotateMs?: number}} options
   */
  constructor({ plan, server, session, token, random, outbox = new Outbox(), rotateMs }) {
    this.plan = plan;
    this.session = session;
    this.outbox = outbox;
    this.recent = new Recent();
    this.book = new Book(plan.symbols);
    /** @type {Action[]} */ this.out = [];
    /** @type {Time} */ this.time = { now: NaN, wall: NaN };
    const emit = (/** @type {Action} */ action) => void this.out.push(action);
    let ids = 0;
    const newId = () => ++ids;
    const log = this.#log.bind(this);
    this.errands = new Errands(plan, { time: this.time, emit, log, newId });
    this.delivery = new Delivery({ url: server, market: plan.market, session, token, outbox, random, emit, newId });
    const probe = this.#probe.bind(this);
    const shared = { retired: plan.retired, rotateMs, random, emit, newId, probe };
    this.feeds = Machine.#shards(plan.symbols).map(
      (symbols) => new Feed({ url: Exchange.socketUrl(plan, symbols), symbols, ...shared }),
    );
    /** @type {"idle" | "running" | "stopping"} */ this.phase = "idle";
    this.counts = { received: 0, duplicates: 0, refused: 0, lost: 0, fetched: 0, unfetchable: 0 };
    this.notices = { visible: true, online: true, permission: "" };
    /** @type {Map<string, LostRange>} */ this.losses = new Map();
    this.lossesAt = -Infinity;
    this.second = -Infinity;
    this.watchAt = 0;
    this.stopAt = Infinity;
    this.lagMs = NaN;
    this.frozen = { ms: 0, at: -Infinity };
    this.unfetched = { ids: 0, reason: "" }; // that exist and could not be had here
    this.strangers = new Set(); // unknown message types, each named once
  }

  /**
   * @param {number} now
   * @param {number} wall
   */
  start(now, wall) {
    Object.assign(this.time, { now, wall });
    this.phase = "running";
    const { market, stream, symbols } = this.plan;
    const more = symbols.length > 5 ? ` and ${symbols.length - 5} more` : "";
    this.#log("info", `Start: ${symbols.slice(0, 5).join(", ")}${more}; market ${market}; ${stream}`);
    this.delivery.start(this.plan.symbols, now);
    for (const feed of this.feeds) feed.start(now);
    this.#errand();
    return this.#flush();
  }

  /** @param {number} now stops listening at once, and delivering when all is acknowledged or after 2 s */
  stop(now) {
    if (this.phase === "running") {
      this.phase = "stopping";
      this.stopAt = now + Delivery.DRAIN_MS;
      for (const feed of this.feeds) feed.stop();
      this.errands.forget();
      this.#finish(now);
    }
    return this.#flush();
  }

  /**
   * @param {number} socket
   * @param {number} now
   */
  opened(socket, now) {
    if (socket === this.delivery.socket) this.delivery.opened(now);
    else this.#feed(socket)?.opened(socket, now);
    return this.#flush();
  }

  /**
   * @param {number} socket
   * @param {number} code
   * @param {number} now
   */
  closed(socket, code, now) {
    if (socket === this.delivery.socket) {
      this.delivery.closed(code, now);
      this.errands.fetcher.forget(); // the server will ask again
    } else {
      this.#feed(socket)?.closed(socket, code, now);
    }
    return this.#flush();
  }

  /**
   * @param {number} socket
   * @param {string} text
   * @param {number} now
   */
  received(socket, text, now) {
    const feed = this.#feed(socket);
    if (feed) this.#fromExchange(feed, socket, text, now);
    else if (socket === this.delivery.socket) this.#fromServer(text, now);
    return this.#flush();
  }

  /**
   * @param {number} request
   * @param {Answer} answer
   * @param {number} now
   */
  answered(request, answer, now) {
    Object.assign(this.time, { now, wall: this.#wallAt(now) });
    this.errands.answered(request, answer);
    this.#fetch();
    return this.#flush();
  }

  /**
   * @param {boolean} answered
   * @param {number} now
   */
  knocked(answered, now) {
    this.delivery.knocked(answered, now);
    return this.#flush();
  }

  /**
   * @param {number} now
   * @param {number} wall
   */
  tick(now, wall) {
    const before = { ...this.time };
    Object.assign(this.time, { now, wall });
    if (this.phase === "idle") return this.#flush();
    this.#jumped(now - before.now, wall - before.wall);
    for (const feed of this.feeds) feed.tick(now);
    this.delivery.tick(now);
    this.delivery.beat(now, this.#beat(now));
    if (this.phase === "stopping") this.#finish(now);
    else this.#errand();
    if (now - this.second >= 1000) this.#everySecond(now);
    return this.#flush();
  }

  /**
   * What the page noticed: `visible`, `online` (booleans), `permission`, `token` (text), `resumed`.
   * @param {string} name
   * @param {any} value
   * @param {number} now
   */
  notice(name, value, now) {
    if (name === "visible" || name === "permission") Object.assign(this.notices, { [name]: value });
    if (name === "token") this.delivery.useToken(value, now);
    if (name === "resumed") this.#renew(now, "the page was resumed");
    if (name === "online") {
      if (value && !this.notices.online) this.#renew(now, "the network is back");
      this.notices.online = value;
    }
    return this.#flush();
  }

  /** @param {number} now */
  view(now) {
    const { counts, delivery, outbox } = this;
    const vitals = this.#vitals(now);
    return {
      phase: this.phase,
      market: this.plan.market,
      stream: this.plan.stream,
      server: delivery.url,
      session: this.session,
      seq: outbox.seq,
      upstream: vitals.upstream,
      serverState: delivery.state,
      findings: Doctor.findings(vitals),
      counts: {
        received: counts.received,
        acknowledged: delivery.counts.acknowledged,
        queued: outbox.queued,
        inFlight: outbox.inFlight.length,
        refused: counts.refused + delivery.counts.rejected,
        duplicates: counts.duplicates + delivery.counts.duplicates,
        conflicts: delivery.counts.conflicts,
        lost: counts.lost,
        fetched: counts.fetched,
        unfetchable: counts.unfetchable,
      },
      ackMs: delivery.ackMs,
      lagMs: this.lagMs,
      quietMs: vitals.quietMs,
      symbols: this.book.rows(this.errands.fetcher.progress()),
    };
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
      // named below with the other strangers
    }
    const type = message?.type;
    const done = this.delivery.received(message ?? {}, now);
    // At once: the server takes a bridge that has never sent a beat for one that sends none, and its silence for quiet.
    if (type === "welcome") this.delivery.beat(now, this.#beat(now));
    else if (type === "lease") this.#lease(message, now);
    else if (type === "fetch") this.#wanted(message);
    else if (type === "ack") this.#nameRejected(done, message.rejected);
    else if (!["refused", "stored"].includes(type) && !this.strangers.has(type)) {
      this.strangers.add(type);
      this.#log("bad", `The server sent something this page does not know: ${text.slice(0, 80)}`);
    }
  }

  /**
   * @param {Feed} feed
   * @param {number} socket
   * @param {string} text
   * @param {number} now
   */
  #fromExchange(feed, socket, text, now) {
    const frame = Exchange.read(text);
    if (frame.kind === "trade") this.#trade(feed, socket, frame, now);
    else if (frame.kind === "refused") this.#refuse(`${frame.symbol} ${frame.id}: ${frame.reason}`);
    else if (frame.kind === "unreadable") this.#refuse(`a frame that is not JSON: ${text.slice(0, 60)}`);
    else if (frame.kind === "shutdown") feed.renew(now, "the exchange announced that it will close this one");
    else if (frame.kind === "error") this.#log("bad", `The exchange answered with an error: ${frame.text}`);
  }

  /**
   * @param {Feed} feed
   * @param {number} socket
   * @param {Trade} trade
   * @param {number} now
   */
  #trade(feed, socket, trade, now) {
    const state = this.book.get(trade.symbol);
    if (!state) return; // not asked for
    feed.delivered(socket, trade.symbol, trade.id, now);
    const first = !state.count && this.book.states.size <= Machine.NAMED_SYMBOLS;
    if (first) this.#log("good", `First trade of ${trade.symbol}: ${trade.price}`);
    const wasDoubted = state.problem;
    this.book.note(state, trade, now);
    if (wasDoubted) this.delivery.subscribe(this.book.usable);
    this.lagMs = this.#wallAt(now) - this.errands.skewMs - trade.sent;
    this.counts.received++;
    if (state.lease === "standby" || state.lease === "refused") this.book.keepSpare(state, trade.row, now);
    else this.#forward(trade.row, now);
  }

  /**
   * @param {string} row of the live stream
   * @param {number} now
   */
  #forward(row, now) {
    if (this.recent.add(row)) this.#queue(row);
    else this.counts.duplicates++;
    this.delivery.pump(now);
  }

  /** @param {string} row */
  #queue(row) {
    for (const range of this.outbox.add(row)) {
      const known = this.losses.get(range.symbol) ?? { ...range, rows: 0 };
      const [from, to] = [Math.min(known.from, range.from), Math.max(known.to, range.to)];
      this.losses.set(range.symbol, { symbol: range.symbol, from, to, rows: known.rows + range.rows });
      this.counts.lost += range.rows;
    }
  }

  /** @param {string} what */
  #refuse(what) {
    this.counts.refused++;
    this.#log("bad", `Refused here: ${what}`);
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

  /**
   * @param {{active?: string[], standby?: string[]}} message
   * @param {number} now
   */
  #lease({ active = [], standby = [] }, now) {
    for (const { state, before, rows } of this.book.lease(new Set(active), new Set(standby), now)) {
      for (const row of rows) this.#forward(row, now);
      const what = `Took over ${state.symbol} from another bridge, with its last ${rows.length} trades.`;
      if (before) this.#log("good", what);
    }
  }

  /** @param {{symbol: string, from?: number, since_ms?: number, to: number}} message a hole, or a warm start by time */
  #wanted({ symbol, from, since_ms: sinceMs, to }) {
    const whole = (/** @type {unknown} */ value) => Number.isSafeInteger(value) && Number(value) >= 0;
    if (this.phase !== "running" || typeof symbol !== "string" || !whole(to)) return;
    if (whole(from) && Number(from) <= to) this.#hole(symbol, Number(from), to);
    else if (from === undefined && whole(sinceMs)) this.#past(symbol, Number(sinceMs), to);
    this.#fetch();
  }

  /**
   * @param {string} symbol
   * @param {number} from
   * @param {number} to
   */
  #hole(symbol, from, to) {
    if (!this.errands.fetcher.ask({ symbol, from, to })) return;
    this.#log("info", `Fetching ${to - from + 1} missing trades of ${symbol}, ids ${from} to ${to}.`);
  }

  /**
   * @param {string} symbol
   * @param {number} sinceMs
   * @param {number} to
   */
  #past(symbol, sinceMs, to) {
    if (!this.errands.fetcher.askSince({ symbol, sinceMs, to })) return;
    const since = new Date(Math.min(sinceMs, 8.64e15)).toISOString().slice(0, 19).replace("T", " ");
    this.#log("info", `Warm start: fetching the trades of ${symbol} since ${since} UTC, up to id ${to}.`);
  }

  #fetch() {
    const room = this.outbox.queued <= Machine.FETCH_ROWS;
    if (this.phase !== "running" || this.delivery.state !== "live" || !room) return;
    const listening = () => this.#upstream() === "open";
    this.errands.fetch(({ rows, gaps, cold, note }) => {
      for (const { row } of rows) this.#queue(row);
      this.counts.fetched += rows.length;
      for (const gap of gaps) this.#unfetchable(gap);
      if (cold) this.#cold(cold);
      if (note) this.#log("bad", `Fetching: ${note}.`);
      this.delivery.pump(this.time.now);
    }, listening);
  }

  /** @param {Unfetchable} gap */
  #unfetchable(gap) {
    const ids = gap.to - gap.from + 1;
    this.counts.unfetchable += ids;
    this.delivery.unfetchable(gap);
    const absent = gap.reason === Fetcher.NO_SUCH_IDS;
    if (!absent) this.unfetched = { ids: this.unfetched.ids + ids, reason: gap.reason };
    this.#log(
      absent ? "info" : "bad",
      `Not fetched: ${ids} ids of ${gap.symbol}, ${gap.from} to ${gap.to}: ${gap.reason}.`,
    );
  }

  /** @param {Unfetchable} past that cannot be begun */
  #cold(past) {
    this.delivery.unfetchable(past);
    this.#log(past.reason === Fetcher.NO_PAST ? "info" : "bad", `No warm start of ${past.symbol}: ${past.reason}.`);
  }

  #errand() {
    this.errands.routine((text) => this.#symbolsChecked(Symbols.check(this.plan.symbols, text)));
    this.#fetch();
  }

  /** @param {ReturnType<typeof Symbols.check>} result */
  #symbolsChecked({ problems, notes }) {
    for (const state of this.book.all) {
      state.note = notes.get(state.symbol) ?? "";
      if (state.count) continue; // it trades, whatever the list says
      state.problem = problems.get(state.symbol) ?? "";
      if (state.problem) this.#log("bad", state.problem);
    }
    const { usable } = this.book;
    if (problems.size && usable.length) this.delivery.subscribe(usable);
  }

  /**
   * A feed that never delivered asks whether trades happen at all.
   * @param {string} symbol
   * @param {Feed} feed
   */
  #probe(symbol, feed) {
    this.errands.newest(symbol, (id, objection) => {
      feed.proved(symbol, id, this.time.now);
      this.#objected(symbol, objection);
    });
  }

  /**
   * @param {string} symbol
   * @param {string} objection
   */
  #objected(symbol, objection) {
    const state = this.book.get(symbol);
    if (!objection || !state || state.count || state.problem) return;
    state.problem = `${symbol}: the exchange says ${objection}`;
    this.#log("bad", state.problem);
  }

  /** @param {number} now */
  #everySecond(now) {
    this.second = now;
    this.book.everySecond(now);
    if (this.losses.size && now - this.lossesAt >= 10_000) this.#nameLosses(now);
    if (this.phase !== "running" || now < this.watchAt) return;
    this.watchAt = now + 10_000;
    for (const feed of this.feeds) {
      const suspect = this.book.suspect(feed, now);
      if (suspect) this.#examine(suspect, feed);
    }
  }

  /** @param {number} now */
  #nameLosses(now) {
    this.lossesAt = now;
    for (const { symbol, from, to, rows } of this.losses.values()) {
      const what = `Queue full: gave up ${rows} rows of ${symbol}, ids ${from} to ${to}`;
      this.#log("bad", `${what}; the server will ask for them.`);
    }
    this.losses.clear();
  }

  /**
   * @param {SymbolState} state
   * @param {Feed} feed
   */
  #examine(state, feed) {
    state.askedAt = this.time.now;
    const { count } = state;
    this.errands.newest(state.symbol, (id, objection) => {
      this.#objected(state.symbol, objection);
      if (state.count !== count || !this.book.examine(state, id)) return; // it spoke meanwhile, or rests
      state.silent = true;
      this.#log("bad", `${state.symbol} trades on the exchange (id ${id}) and does not arrive.`);
      feed.renew(this.time.now, `${state.symbol} is silent`);
    });
  }

  /**
   * A freeze stops both clocks' ticks; while a computer sleeps the steady clock may stand still, so that only the
   * time of day jumps, as it does when someone sets it.
   * @param {number} stood since the tick before, by the steady clock
   * @param {number} passed since then, by the time of day
   */
  #jumped(stood, passed) {
    const clockJumped = Math.abs(passed - stood) > Machine.JUMP_MS;
    if (clockJumped || stood > Machine.JUMP_MS) this.errands.doubtClock();
    if (stood > Machine.JUMP_MS) {
      this.frozen = { ms: stood, at: this.time.now };
      this.#renew(this.time.now, `this page stood still for ${Math.round(stood / 1000)} s`);
    } else if (passed - stood > Machine.JUMP_MS) {
      this.#renew(this.time.now, `the clock jumped by ${Math.round((passed - stood) / 1000)} s: sleep, or it was set`);
    }
  }

  /**
   * @param {number} now
   * @param {string} why
   */
  #renew(now, why) {
    if (this.phase !== "running") return;
    for (const feed of this.feeds) feed.renew(now, why);
    this.delivery.retryNow(now);
  }

  /** @param {number} now */
  #finish(now) {
    const left = this.outbox.queued + this.outbox.rowsInFlight;
    if (left && now < this.stopAt && this.delivery.state === "live") return;
    const kept = `${left} rows without acknowledgement are kept in this page and sent on the next Start of this market`;
    this.#log(left ? "bad" : "info", `Stopped; ${left ? kept : "everything forwarded was acknowledged"}.`);
    this.delivery.stop(now);
    this.phase = "idle";
    this.stopAt = Infinity;
  }

  /** @returns {Vitals["upstream"]} the worst of all feeds */
  #upstream() {
    const delivered = this.feeds.some((feed) => !Number.isNaN(feed.lastTrade));
    if (!delivered && this.feeds.some((feed) => feed.wrong)) return "wrong-route";
    const states = this.feeds.map((feed) => feed.state);
    if (states.includes("closed")) return "closed";
    return states.includes("connecting") ? "connecting" : "open";
  }

  /** @returns {number} when the latest trade of any symbol came, NaN before the first */
  get #lastTrade() {
    return this.feeds.reduce(
      (latest, { lastTrade }) => (lastTrade > latest || Number.isNaN(latest) ? lastTrade : latest),
      NaN,
    );
  }

  /**
   * @param {number} now
   * @returns {Beat}
   */
  #beat(now) {
    const age = Math.round(now - this.#lastTrade);
    const told = { lag_ms: this.#lag(now), skew_ms: this.errands.skewMs, frozen_ms: this.#frozenMs(now) || NaN };
    const known = Object.entries(told).filter(([, ms]) => !Number.isNaN(ms));
    return {
      upstream: this.#upstream(),
      age_ms: Number.isNaN(age) ? null : age,
      visible: this.notices.visible,
      clock_ms: Math.round(this.#wallAt(now)),
      ...Object.fromEntries(known.map(([name, ms]) => [name, Math.round(ms)])),
      ...(this.#exchangeWithheld() ? { permission: this.notices.permission } : {}),
    };
  }

  /** @param {number} now how late trades come, NaN if none came lately or they are recorded ones */
  #lag(now) {
    const live = now - this.#lastTrade < Doctor.QUIET_MS && this.lagMs < Doctor.REPLAY_MS;
    return live ? this.lagMs : NaN;
  }

  /** @param {number} now how long the page had been stopped, if that was lately */
  #frozenMs(now) {
    return now - this.frozen.at < 60_000 ? this.frozen.ms : 0;
  }

  /** Whether the browser keeps this page from an exchange on this computer. */
  #exchangeWithheld() {
    const { permission } = this.notices;
    return permission === "denied" && Address.isLoopback(new URL(this.plan.stream)) && this.#upstream() !== "open";
  }

  /**
   * @param {number} now
   * @returns {Vitals}
   */
  #vitals(now) {
    const { book, delivery, errands, feeds } = this;
    const lastTrade = this.#lastTrade;
    const states = book.all;
    return {
      phase: this.phase,
      upstream: this.#upstream(),
      stream: this.plan.stream,
      retired: this.plan.retired,
      custom: this.plan.custom,
      online: this.notices.online,
      delivered: !Number.isNaN(lastTrade),
      quietMs: now - (Number.isNaN(lastTrade) ? Math.min(...feeds.map((feed) => feed.openedAt)) : lastTrade),
      upstreamTries: Math.max(...feeds.map((feed) => feed.attempts)),
      server: delivery.state,
      serverUrl: delivery.url,
      answering: delivery.answering,
      serverFailures: delivery.failures,
      hasToken: delivery.token !== "",
      refusal: delivery.refusal,
      stalled: delivery.stalled(now),
      queued: this.outbox.queued,
      lost: this.counts.lost,
      permission: this.notices.permission,
      unheard: delivery.unheard,
      exchangeWithheld: this.#exchangeWithheld(),
      visible: this.notices.visible,
      unknown: states.map((state) => state.problem).filter(Boolean),
      usable: book.usable.length,
      silent: states.filter((state) => state.silent).map((state) => state.symbol),
      standby: states.filter((state) => state.lease === "standby").map((state) => state.symbol),
      lagMs: this.#lag(now),
      skewMs: errands.skewMs,
      frozenMs: this.#frozenMs(now),
      holes: errands.fetcher.jobs.filter(({ warm }) => !warm).length,
      warming: errands.fetcher.jobs.filter(({ warm }) => warm).map(({ symbol }) => symbol),
      unfetched: this.unfetched,
      pausedMs: Math.max(0, errands.budget.pausedUntil - now),
    };
  }

  /** @param {number} socket */
  #feed(socket) {
    return this.feeds.find((feed) => feed.owns(socket));
  }

  /** @param {number} now the time of day, reckoned from the latest tick */
  #wallAt(now) {
    return this.time.wall + now - this.time.now;
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

  /** @param {string[]} symbols */
  static #shards(symbols) {
    const size = Exchange.STREAMS_PER_SOCKET;
    return Array.from({ length: Math.ceil(symbols.length / size) }, (_, i) => symbols.slice(i * size, (i + 1) * size));
  }
}
