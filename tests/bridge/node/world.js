"use strict";

// A machine between a simulated exchange and a simulated server, in simulated time: all events follow a schedule
// determined by a seed.

const assert = require("node:assert/strict");
const { Venues, Machine } = require("./load.js");

/** @param {number} seed */
function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

class World {
  constructor({
    seed = 1,
    symbols = ["BTCUSDT", "ETHUSDT"],
    exchange = "ws://127.0.0.1:9443",
    venue = "sim",
    others = [],
    listed = [...symbols, ...others],
    token = "secret",
    ackMs = 0,
    ...rest
  } = {}) {
    this.random = randomFrom(seed);
    this.now = 1_000;
    this.wallOffset = 1_790_000_000_000;
    this.events = [];
    this.sockets = new Map();
    this.log = [];
    this.actions = [];
    this.frozen = false;
    this.ackMs = ackMs;
    this.tradeHistory = new Map([...symbols, ...others].map((symbol) => [symbol, []]));
    this.nextId = new Map([...symbols, ...others].map((symbol) => [symbol, 1_000]));
    this.exchange = { up: true, silent: false, rest: "ok", listed, requests: [] };
    this.server = {
      up: true,
      answerMs: 2,
      token: "secret",
      acks: true,
      stored: new Map(),
      batches: [],
      beats: [],
      unfetchable: [],
      unaddable: [],
      history: [],
      subscribed: [],
      standby: new Set(),
      limits: { rows: 500, in_flight: 32 },
      hellos: [],
    };
    this.seen = new Set();
    this.expected = []; // rows that came from the exchange while they were ours, and fetched ones, in order
    this.acknowledged = [];
    this.checked = 0;
    this.spare = [];
    this.lease = new Map();
    const plan = Venues.plan({ venue, exchange, symbols });
    this.machine = new Machine({
      plan,
      server: "ws://127.0.0.1:8765/",
      session: "s",
      token,
      random: this.random,
      ...rest,
    });
    this.tick();
  }

  get wall() {
    return Math.floor(this.wallOffset + this.now);
  }

  start() {
    this.perform(this.machine.start(this.now, this.wall));
    return this;
  }

  stop() {
    this.perform(this.machine.stop(this.now));
  }

  /** Events are kept in the order in which they will happen; those of one instant in the order of their making. */
  after(ms, happen) {
    const at = this.now + Math.max(0, ms);
    let [low, high] = [0, this.events.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.events[middle].at <= at) low = middle + 1;
      else high = middle;
    }
    this.events.splice(low, 0, { at, happen });
  }

  /** Let time pass. */
  run(ms) {
    const until = this.now + ms;
    while (this.events.length && this.events[0].at <= until) {
      const { at, happen } = /** @type {any} */ (this.events.shift());
      this.now = at;
      happen();
    }
    this.now = until;
    return this;
  }

  tick() {
    if (!this.frozen) this.perform(this.machine.tick(this.now, this.wall));
    this.after(100, () => this.tick());
  }

  /** The browser suspends the page: no timers, and every socket is closed on resume. */
  freeze(ms) {
    this.frozen = true;
    for (const id of [...this.sockets.keys()]) this.dropLater(id, ms);
    this.after(ms, () => (this.frozen = false));
  }

  dropLater(id, ms) {
    const socket = this.sockets.get(id);
    this.sockets.delete(id);
    if (socket) this.after(ms, () => this.perform(this.machine.closed(id, 1006, this.now)));
  }

  perform(actions) {
    for (const action of actions) {
      if (action.do !== "send") this.actions.push(action);
      if (action.do === "log") this.log.push(action.text);
      else if (action.do === "connect") this.connect(action);
      else if (action.do === "close") this.sockets.delete(action.socket);
      else if (action.do === "send") this.fromPage(action);
      else if (action.do === "request") this.request(action);
      else if (action.do === "askServer") this.askServer();
      else if (action.do === "wake")
        this.after(action.at - this.now, () => !this.frozen && this.perform(this.machine.tick(this.now, this.wall)));
    }
  }

  askServer() {
    this.after(this.server.answerMs, () => this.perform(this.machine.serverAnswered(this.server.up, this.now)));
  }

  connect({ socket: id, url }) {
    const isServer = url.includes(":8765");
    const end = isServer ? this.server : this.exchange;
    const socket = { id, isServer, streams: new Set(), deliverAt: 0, greeted: false, seq: null };
    socket.streams = new Set(
      isServer
        ? []
        : decodeURIComponent(new URL(url).search.slice(9))
            .split("/")
            .map((name) => name.split("@")[0].toUpperCase()),
    );
    this.sockets.set(id, socket);
    this.after(this.random() * 20, () => {
      if (!this.sockets.has(id) || this.frozen) return;
      socket.open = end.up;
      if (end.up) this.perform(this.machine.opened(id, this.now));
      else this.dropLater(id, 0);
    });
  }

  /** Text to the page, in order of sending on its socket, unless the socket ends before. */
  toPage(id, text) {
    const socket = this.sockets.get(id);
    if (!socket) return;
    socket.deliverAt = Math.max(socket.deliverAt, this.now + this.random() * 10);
    this.after(socket.deliverAt - this.now, () => {
      if (this.sockets.has(id) && !this.frozen) this.hand(id, text);
    });
  }

  hand(id, text) {
    const message = JSON.parse(text);
    if (message.type === "lease") this.leased(message);
    if (message.data?.e === "aggTrade") this.listened(message.data);
    if (message.type === "ack") this.acked(message);
    this.perform(this.machine.received(id, text, this.now));
  }

  // what the machine ought to do, kept apart from how it does it

  listened({ s, a, p, q, T, m }) {
    const row = JSON.stringify([s, a, p, q, T, m]);
    if (this.lease.get(s) === "standby") this.spare.push({ s, row, at: this.now });
    else this.expect(row);
  }

  expect(row) {
    if (this.seen.has(row)) return;
    this.seen.add(row);
    this.expected.push(row);
  }

  leased({ active, standby }) {
    for (const s of standby) this.lease.set(s, "standby");
    for (const s of active) {
      if (this.lease.get(s) === "standby")
        for (const spare of this.spare) if (spare.s === s && this.now - spare.at <= 10_000) this.expect(spare.row);
      this.spare = this.spare.filter((spare) => spare.s !== s);
      this.lease.set(s, "active");
    }
  }

  acked({ seq }) {
    const batch = this.machine.sendQueue.inFlight.find((one) => one.seq === seq);
    if (batch) this.acknowledged.push(...JSON.parse(batch.text).map((row) => JSON.stringify(row)));
  }

  /** The invariant: every row that arrived while this page was active is acknowledged once or still queued, in order of
   * arrival. */
  check() {
    const { sendQueue } = this.machine;
    const kept = [...sendQueue.inFlight, ...sendQueue.waiting].flatMap((batch) => JSON.parse(batch.text));
    const here = [...kept.map((row) => JSON.stringify(row)), ...sendQueue.open];
    const since = this.checked; // what was acknowledged before does not change
    assert.deepEqual([...this.acknowledged.slice(since), ...here], this.expected.slice(since));
    this.checked = this.acknowledged.length;
    assert.ok(sendQueue.outstanding <= this.server.limits.in_flight);
  }

  // the server

  fromPage({ socket: id, text }) {
    const socket = this.sockets.get(id);
    if (!socket?.isServer || !socket.open) return;
    const message = JSON.parse(text);
    if (message.type === "hello") this.greet(socket, message);
    if (message.type === "subscribe") this.subscribe(socket, message.symbols);
    if (message.type === "ticks") this.take(socket, message);
    if (message.type === "beat") this.server.beats.push({ at: this.now, ...message });
    if (message.type === "unfetchable") this.server.unfetchable.push(message);
    if (["bars", "unfetchable_bars", "funding", "tickers", "unfetchable_tickers"].includes(message.type)) this.server.history.push(message);
    if (message.type === "unaddable") this.server.unaddable.push(message);
    if (message.type === "bye") this.server.bye = message;
  }

  greet(socket, hello) {
    this.server.hellos.push(hello);
    if (hello.token !== this.server.token) {
      this.toPage(socket.id, JSON.stringify({ type: "refused", code: "bad-token", message: "not ours" }));
      this.after(30, () => this.dropLater(socket.id, 0));
      return;
    }
    socket.greeted = true;
    this.toPage(socket.id, JSON.stringify({ type: "welcome", proto: 1, high_water: {}, limits: this.server.limits }));
  }

  subscribe(socket, symbols) {
    this.server.subscribed = symbols;
    const [active, standby] = [
      symbols.filter((s) => !this.server.standby.has(s)),
      symbols.filter((s) => this.server.standby.has(s)),
    ];
    this.toPage(socket.id, JSON.stringify({ type: "lease", active, standby }));
  }

  take(socket, { seq, rows }) {
    assert.ok(socket.greeted, "ticks before welcome");
    assert.ok(socket.seq === null || seq === socket.seq + 1, `seq ${seq} after ${socket.seq}`);
    socket.seq = seq;
    assert.ok(rows.length >= 1 && rows.length <= this.server.limits.rows);
    this.server.batches.push({ at: this.now, seq, rows: rows.length });
    let [stored, duplicates] = [0, 0];
    for (const row of rows) {
      const key = `${row[0]} ${row[1]}`;
      if (this.server.stored.has(key)) duplicates++;
      else stored++;
      this.server.stored.set(key, JSON.stringify(row));
    }
    const ack = JSON.stringify({ type: "ack", seq, stored, duplicates, conflicts: 0, rejected: [] });
    if (this.server.acks) this.after(this.ackMs, () => this.toPage(socket.id, ack));
  }

  /** Puts any text on the stream, past what the model expects. */
  streamSays(text) {
    for (const { id, isServer } of [...this.sockets.values()])
      if (!isServer) this.perform(this.machine.received(id, text, this.now));
  }

  /** Says something to every page that is connected. */
  serverSays(message) {
    for (const socket of this.sockets.values())
      if (socket.isServer && socket.greeted) this.toPage(socket.id, JSON.stringify(message));
  }

  killServer() {
    this.server.up = false;
    for (const socket of [...this.sockets.values()]) if (socket.isServer && socket.open) this.dropLater(socket.id, 1);
  }

  // the exchange

  dropExchange() {
    for (const socket of [...this.sockets.values()]) if (!socket.isServer && socket.open) this.dropLater(socket.id, 1);
  }

  trade(symbol, { hidden = false } = {}) {
    const id = this.nextId.get(symbol);
    this.nextId.set(symbol, id + 1);
    const trade = {
      e: "aggTrade",
      E: this.wall,
      s: symbol,
      a: id,
      p: `${100 + (id % 7)}.${id % 10}0`,
      q: "0.5",
      T: this.wall,
      m: id % 2 === 0,
    };
    this.tradeHistory.get(symbol).push(trade);
    if (!hidden && !this.exchange.silent) this.deliver(trade);
    return trade;
  }

  deliver(trade) {
    const frame = JSON.stringify({ stream: `${trade.s.toLowerCase()}@aggTrade`, data: trade });
    for (const socket of this.sockets.values())
      if (!socket.isServer && socket.open && socket.streams.has(trade.s)) this.toPage(socket.id, frame);
  }

  skip(symbol, count) {
    this.nextId.set(symbol, this.nextId.get(symbol) + count);
  }

  request({ id, url }) {
    this.exchange.requests.push({ at: this.now, url });
    this.after(5 + this.random() * 50, () => {
      const answer = this.answer(new URL(url));
      const rows = answer.status === 200 && /fromId|startTime/.test(url) ? JSON.parse(answer.text) : [];
      const job = this.machine.backfill.fetcher.asking;
      if (job && rows.length)
        for (const row of rows)
          if (row.a >= job.next && row.a <= job.to)
            this.expected.push(JSON.stringify([job.symbol, row.a, row.p, row.q, row.T, row.m]));
      this.perform(this.machine.answered(id, answer, this.now));
    });
  }

  answer(url) {
    const { rest, listed } = this.exchange;
    const said = (body, status = 200, retryAfter = null) => ({
      status,
      text: JSON.stringify(body),
      retryAfter,
      cause: null,
    });
    if (rest === "blocked" || rest === "unreachable") return { status: 0, text: "", retryAfter: null, cause: rest };
    if (typeof rest === "object") return said({ code: -1003, msg: "no" }, rest.status, rest.retryAfter ?? null);
    if (url.pathname.endsWith("/time")) return said({ serverTime: Math.round(this.wall) });
    if (url.pathname.endsWith("/exchangeInfo"))
      return said({ symbols: listed.map((symbol) => ({ symbol, status: "TRADING", contractType: "PERPETUAL" })) });
    const market = this.exchange.market?.(url);
    if (market) return said(market);
    const trades = this.tradeHistory.get(url.searchParams.get("symbol"));
    if (!trades) return said({ code: -1121, msg: "Invalid symbol." }, 400);
    const [from, start, end] = ["fromId", "startTime", "endTime"].map((name) => url.searchParams.get(name));
    if (from !== null && (start ?? end) !== null) return said({ code: -1128, msg: "Combination invalid." }, 400);
    if (Number(end) - Number(start) > 3_600_000) return said({ code: -1127, msg: "More than 1 hours." }, 400);
    if (from === null && start === null) return said(trades.slice(-1));
    const [least, most] = start === null ? [0, Infinity] : [Number(start), Number(end)];
    return said(trades.filter(({ a, T }) => a >= Number(from) && T >= least && T <= most).slice(0, 1000));
  }

  // what a test asks for

  status() {
    return this.machine.view(this.now).findings[0];
  }

  has(code) {
    return this.machine.view(this.now).findings.some((finding) => finding.code === code);
  }
}

module.exports = { World, randomFrom };
