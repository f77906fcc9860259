// @ts-check
"use strict";

/**
 * @typedef {object} StartMessage
 * @property {"start"} type
 * @property {StreamPlan} plan
 * @property {string} server
 * @property {string} session
 * @property {number} seq number of the session's next batch
 * @property {string} token
 * @property {number} [rotateMs]
 *
 * @typedef {{at: number, level: string, text: string}} LogLine
 * @typedef {ReturnType<Machine["view"]>} View
 *
 * @typedef {{type: "view", view: View, log: LogLine[]} | {type: "token"}} FromWorker
 * @typedef {StartMessage | {type: "stop"} | {type: "notice", name: string, value: any}} ToWorker
 */

/**
 * Performs the machine's actions: sockets, requests, timers. It runs in a worker, because browsers throttle a hidden
 * page's timers to one a minute, but not a worker's.
 */
class WorkerIo {
  static TICK_MS = 100;
  static VIEW_MS = 250;
  static HIDDEN_VIEW_MS = 1000;
  static REQUEST_MS = 15_000;

  /** @param {any} scope of the worker */
  constructor(scope) {
    this.scope = scope;
    /** @type {Machine | null} */ this.machine = null;
    /** @type {Map<number, WebSocket>} */ this.sockets = new Map();
    /** @type {LogLine[]} */ this.lines = [];
    this.viewAt = 0;
    this.forwarded = 0; // rows that the console has not been told of
    scope.onmessage = (/** @type {MessageEvent<ToWorker>} */ event) => this.told(event.data);
    setInterval(() => this.tick(), WorkerIo.TICK_MS);
  }

  /** @param {ToWorker} message from the page */
  told(message) {
    const now = performance.now();
    if (message.type === "start") this.#start(message);
    else if (!this.machine) return;
    else if (message.type === "stop") this.#perform(this.machine.stop(now));
    else this.#perform(this.machine.notice(message.name, message.value, now));
    this.#show();
  }

  tick() {
    if (!this.machine) return;
    const now = performance.now();
    const was = this.machine.phase;
    this.#perform(this.machine.tick(now, Date.now()));
    const pause = this.machine.notices.visible ? WorkerIo.VIEW_MS : WorkerIo.HIDDEN_VIEW_MS;
    const changed = this.machine.phase !== was;
    if (changed || (this.machine.phase !== "idle" && now - this.viewAt >= pause)) this.#show();
  }

  /** @param {StartMessage} message */
  #start({ plan, server, session, seq, token, rotateMs }) {
    const before = this.machine;
    if (before && before.phase !== "idle") return;
    const same = before?.plan.market === plan.market && before.session === session;
    const sendQueue = same ? before.sendQueue : new SendQueue({ seq });
    const left = before && !same ? before.sendQueue.queued + before.sendQueue.rowsInFlight : 0;
    const lost = `${left} rows of market ${before?.plan.market} were never delivered and are given up`;
    if (left) this.#log("bad", `${lost}; the server asks for them.`);
    this.machine = new Machine({ plan, server, session, token, sendQueue, rotateMs, random: Math.random });
    this.machine.notices = before?.notices ?? this.machine.notices;
    this.#perform(this.machine.start(performance.now(), Date.now()));
  }

  /** @param {Action[]} actions */
  #perform(actions) {
    for (const action of actions) {
      if (action.do === "send") this.#send(action);
      else if (action.do === "log") this.#log(action.level, action.text);
      else if (action.do === "wake") setTimeout(() => this.tick(), Math.ceil(action.at - performance.now()));
      else if (action.do === "connect") this.#connect(action.socket, action.url);
      else if (action.do === "close") this.#close(action.socket, action.code);
      else if (action.do === "request") void this.#request(action.id, action.url);
      else if (action.do === "askServer") this.#askServer(action.url, action.timeoutMs);
      else if (action.do === "token") this.scope.postMessage({ type: "token" });
    }
  }

  /** @param {(machine: Machine, now: number) => Action[]} input */
  #happened(input) {
    if (this.machine) this.#perform(input(this.machine, performance.now()));
  }

  /** @param {{socket: number, text: string, rows: number}} action */
  #send({ socket, text, rows }) {
    const target = this.sockets.get(socket);
    if (target?.readyState !== WebSocket.OPEN) return; // it is closing: the machine sends again
    target.send(text);
    this.forwarded += rows;
  }

  /**
   * @param {number} id
   * @param {string} url
   */
  #connect(id, url) {
    let socket;
    try {
      socket = new WebSocket(url);
    } catch (error) {
      this.#log("bad", `The browser does not open ${url}: ${error instanceof Error ? error.message : error}`);
      setTimeout(() => this.#happened((machine, now) => machine.closed(id, 1006, now)));
      return;
    }
    this.sockets.set(id, socket);
    socket.onopen = () => this.#happened((machine, now) => machine.opened(id, now));
    socket.onmessage = ({ data }) => {
      if (typeof data === "string") this.#happened((machine, now) => machine.received(id, data, now));
    };
    socket.onclose = ({ code }) => {
      this.sockets.delete(id);
      this.#happened((machine, now) => machine.closed(id, code, now));
    };
  }

  /**
   * @param {number} id
   * @param {number} code
   */
  #close(id, code) {
    const socket = this.sockets.get(id);
    if (!socket) return;
    this.sockets.delete(id);
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(code);
  }

  /**
   * @param {number} id
   * @param {string} url
   */
  async #request(id, url) {
    /** @type {Answer} */
    let answer;
    const { machine } = this;
    try {
      const response = await fetch(url, this.#options("cors"));
      answer = {
        status: response.status,
        text: await response.text(),
        retryAfter: response.headers.get("Retry-After"),
        cause: null,
      };
    } catch {
      answer = { status: 0, text: "", retryAfter: null, cause: await this.#cause(url) };
    }
    if (machine === this.machine) this.#happened((current, now) => current.answered(id, answer, now));
  }

  /**
   * A response blocked by CORS looks like none. A no-cors request distinguishes the two.
   * @param {string} url
   * @returns {Promise<Answer["cause"]>}
   */
  async #cause(url) {
    try {
      await fetch(url, this.#options("no-cors"));
      return "blocked";
    } catch {
      return "unreachable";
    }
  }

  /**
   * @param {RequestMode} mode
   * @returns {RequestInit}
   */
  #options(mode) {
    return {
      mode,
      credentials: "omit",
      cache: "no-store",
      referrerPolicy: "no-referrer",
      signal: AbortSignal.timeout(WorkerIo.REQUEST_MS),
    };
  }

  /**
   * Whether anything answers at an address of the server. File pages cannot read its answers, so fetch cannot detect
   * them; an EventSource can: it fails on an unreadable answer, and waits if there is none.
   * @param {string} url
   * @param {number} timeoutMs
   */
  #askServer(url, timeoutMs) {
    const source = new EventSource(url);
    const timer = setTimeout(() => done(false), timeoutMs);
    const done = (/** @type {boolean} */ answered) => {
      clearTimeout(timer);
      source.onopen = source.onerror = null;
      source.close();
      this.#happened((machine, now) => machine.serverAnswered(answered, now));
    };
    source.onopen = () => done(true);
    source.onerror = () => done(source.readyState === EventSource.CLOSED);
  }

  /**
   * @param {string} level
   * @param {string} text
   */
  #log(level, text) {
    this.lines.push({ at: Date.now(), level, text });
    if (this.lines.length > 400) this.lines.splice(0, 200);
  }

  #show() {
    if (!this.machine) return;
    this.viewAt = performance.now();
    if (this.forwarded) console.log(`Forwarding tick... ${this.forwarded}`); // open developer tools make each line slow
    this.forwarded = 0;
    this.scope.postMessage({ type: "view", view: this.machine.view(this.viewAt), log: this.lines });
    this.lines = [];
  }
}

/** @type {Function[]} the classes of the worker */
const WORKER_CLASSES = [
  Address,
  Limits,
  Symbols,
  Exchange,
  SendQueue,
  Recent,
  Clock,
  DedupQueue,
  Budget,
  Fetcher,
  Conn,
  Feed,
  Feeds,
  ServerProbe,
  DeliveryStats,
  ServerLink,
  Diagnostics,
  SymbolStates,
  RestRequests,
  SymbolHealth,
  FrameHandler,
  Backfill,
  MarketHistory,
  Additions,
  ServerRequests,
  StatusReporter,
  Machine,
  WorkerIo,
];
