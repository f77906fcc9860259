// @ts-check
"use strict";

/**
 * The link to the bridge server: hello, subscription, batches in order, acknowledgements, beats.
 *
 * While the server is down it is polled over HTTP, because browsers delay the WebSockets of a page after failed
 * attempts: Chromium, after about 15 failures, by 1 to 5 s each.
 */
class ServerLink {
  static COALESCE_MS = 5; // between batches that are not full: the longest delay of a row
  static ANSWER_MS = 5_000; // timeout for the socket to open, for welcome and for lease
  static DRAIN_MS = 2_000; // after Stop, for acknowledgements in transit

  /** @type {Log} */ #log = (level, text) => this.emit({ do: "log", level, text });

  /**
   * @param {{url: string, market: string, session: string, token: string, sendQueue: SendQueue, random: () => number,
   *   emit: Emit, newId: () => number, can: string[]}} options
   */
  constructor({ url, market, session, token, sendQueue, random, emit, newId, can }) {
    this.url = url;
    this.hello = { type: "hello", proto: 1, market, client: "page", session, can };
    this.token = token;
    this.sendQueue = sendQueue;
    this.random = random;
    this.emit = emit;
    this.newId = newId;
    /** @type {"off" | "waiting" | "connecting" | "greeting" | "subscribing" | "live"} */ this.state = "off";
    this.socket = 0;
    this.since = 0; // start of the current state
    this.retryAt = 0;
    this.attempts = 0; // failures although something answers there
    this.failures = 0; // consecutive, of any kind
    this.probe = new ServerProbe(url, emit);
    this.inFlightLimit = 32;
    /** @type {Refusal | null} */ this.refusal = null;
    /** @type {string[]} */ this.symbols = [];
    this.beatAt = 0;
    this.wakeAt = NaN;
    this.shippedAt = -Infinity;
    this.stats = new DeliveryStats();
  }

  /** @returns {boolean} whether something answers at the address but accepts no connection, several times in a row */
  get answering() {
    return this.attempts > 2;
  }

  get connected() {
    return ["greeting", "subscribing", "live"].includes(this.state);
  }

  /**
   * @param {string[]} symbols
   * @param {number} now
   */
  start(symbols, now) {
    this.symbols = symbols;
    this.#enter("waiting", now);
    this.retryAt = now;
    if (this.token) this.#connect(now);
  }

  /** @param {number} now ends at once; the caller may first wait for the send queue to empty */
  stop(now) {
    if (this.connected) this.#send({ type: "bye", reason: "stopped by the user" });
    if (this.socket) this.emit({ do: "close", socket: this.socket, code: 1000 });
    this.#lost(now);
    this.state = "off";
  }

  /** @param {Record<string, any>} message the answer to a request of the server */
  answer(message) {
    if (this.state === "live") this.#send(message);
  }

  /** @param {string[]} symbols replaces what was subscribed */
  subscribe(symbols) {
    this.symbols = symbols;
    if (this.state === "subscribing" || this.state === "live") this.#send({ type: "subscribe", symbols });
  }

  /**
   * @param {string} token
   * @param {number} now
   */
  useToken(token, now) {
    if (token === this.token) return;
    this.token = token;
    this.retryNow(now);
  }

  /** @param {number} now */
  opened(now) {
    if (this.state !== "connecting") return;
    this.#enter("greeting", now);
    this.#send({ ...this.hello, token: this.token });
  }

  /**
   * @param {number} code
   * @param {number} now
   */
  closed(code, now) {
    const was = this.state;
    this.#lost(now);
    if (was === "off") return;
    this.#enter("waiting", now);
    this.attempts++;
    this.failures++;
    const slow = this.refusal || this.attempts > 6 || code >= 4400;
    const pause = slow ? 5_000 : Math.min(1_000, 100 * 2 ** (this.attempts - 1));
    this.retryAt = now + pause * (0.8 + this.random() * 0.2);
    if (was === "live") this.#log("bad", `Lost the bridge server (${code}); rows are kept until it is back.`);
  }

  /** @param {number} now connect without delay */
  retryNow(now) {
    this.attempts = 0;
    if (this.state === "waiting") this.retryAt = now;
  }

  /**
   * The result of an HTTP poll of the server.
   * @param {boolean} answered
   * @param {number} now
   */
  serverAnswered(answered, now) {
    const again = this.probe.answered(answered, now);
    if (this.state !== "waiting") return;
    if (!answered) {
      this.attempts = 0;
      this.refusal = null;
    }
    if (again) this.retryAt = now + ServerProbe.PAUSE_MS;
    else this.#connect(now);
  }

  /** @param {number} now */
  tick(now) {
    if (this.state === "off") return;
    if (this.state === "waiting" && now >= this.retryAt && !this.probe.asking) this.#askServer(now);
    const answerDue = ["connecting", "greeting", "subscribing"].includes(this.state);
    if (answerDue && now - this.since > ServerLink.ANSWER_MS) {
      this.emit({ do: "close", socket: this.socket, code: 1000 });
      this.closed(1000, now);
    }
    this.wakeAt = NaN;
    this.pump(now);
  }

  /**
   * @param {number} now
   * @param {Beat} beat
   */
  beat(now, beat) {
    if (now < this.beatAt || this.state === "greeting" || !this.connected) return;
    this.beatAt = now - this.beatAt > 2 * Limits.BEAT_MS ? now + Limits.BEAT_MS : this.beatAt + Limits.BEAT_MS;
    this.#send({ type: "beat", ...beat, queued: this.sendQueue.queued, unacked: this.sendQueue.inFlight.length });
  }

  /**
   * Sends due batches: at once after a pause, in a busy market every COALESCE_MS or when a batch is full.
   * @param {number} now
   */
  pump(now) {
    const { sendQueue } = this;
    while (this.state === "live" && sendQueue.outstanding < this.inFlightLimit) {
      const resend = sendQueue.inFlight.some((batch) => !batch.sent);
      const due = this.shippedAt + ServerLink.COALESCE_MS;
      if (!resend && !sendQueue.queued) return;
      if (!resend && sendQueue.queued < sendQueue.batchRows && now < due) {
        this.#wake(due);
        return;
      }
      this.#ship(now);
    }
  }

  /**
   * @param {Record<string, any>} message from the server, except lease and fetch, which other parts handle
   * @param {number} now
   * @returns {Batch | null} the batch that it acknowledges
   */
  received(message, now) {
    if (message.type === "welcome") this.#welcome(message, now);
    else if (message.type === "lease") this.#leased(now);
    else if (message.type === "refused") this.#refused(message);
    else if (message.type === "ack") return this.#acknowledged(message, now);
    return null;
  }

  /** @param {number} now the server receives rows but has not confirmed any recently */
  stalled(now) {
    return this.state === "live" && this.stats.stalled(now);
  }

  /**
   * @param {Record<string, any>} message
   * @param {number} now
   */
  #welcome(message, now) {
    if (this.state !== "greeting") return;
    this.refusal = null;
    this.inFlightLimit = Math.max(1, Number(message.limits?.in_flight) || 32);
    this.sendQueue.limit(Number(message.limits?.rows) || SendQueue.ROWS);
    this.beatAt = now;
    this.#enter("subscribing", now);
    this.#send({ type: "subscribe", symbols: this.symbols });
  }

  /** @param {number} now */
  #leased(now) {
    if (this.state !== "subscribing") return;
    this.#enter("live", now);
    this.attempts = this.failures = 0;
    const rows = this.sendQueue.rowsInFlight;
    const again = rows ? `; sending ${rows} unconfirmed rows again` : "";
    this.#log("good", `Connected to the bridge server${again}.`);
    this.pump(now);
  }

  /** @param {Record<string, any>} message */
  #refused(message) {
    this.refusal = { code: String(message.code).slice(0, 40), message: String(message.message).slice(0, 300) };
    this.#log("bad", `The bridge server refused: ${this.refusal.message} (${this.refusal.code}).`);
    if (this.refusal.code === "bad-token") this.emit({ do: "token" });
  }

  /**
   * @param {Record<string, any>} message
   * @param {number} now
   */
  #acknowledged(message, now) {
    const batch = this.sendQueue.acknowledge(message.seq);
    if (!batch) return null;
    this.stats.acknowledged(batch, message, this.sendQueue.inFlight.length > 0, now);
    this.pump(now);
    return batch;
  }

  /** @param {number} now */
  #ship(now) {
    const batch = this.sendQueue.take();
    if (!batch) return;
    this.shippedAt = now;
    this.stats.sent(batch.seq, now);
    const text = `{"type":"ticks","seq":${batch.seq},"rows":${batch.text}}`;
    this.emit({ do: "send", socket: this.socket, text, rows: batch.rows });
  }

  /** @param {number} at */
  #wake(at) {
    if (this.wakeAt === at) return;
    this.wakeAt = at;
    this.emit({ do: "wake", at });
  }

  /** @param {number} now */
  #askServer(now) {
    if (!this.token) {
      this.retryAt = now + 2_000;
      this.emit({ do: "token" });
      return;
    }
    this.probe.ask(now);
  }

  /** @param {number} now */
  #connect(now) {
    this.probe.unanswered = 0;
    this.socket = this.newId();
    this.#enter("connecting", now);
    this.emit({ do: "connect", socket: this.socket, url: this.url });
  }

  /**
   * @param {ServerLink["state"]} state
   * @param {number} now
   */
  #enter(state, now) {
    this.state = state;
    this.since = now;
  }

  /** @param {number} now */
  #lost(now) {
    this.sendQueue.disconnected();
    this.socket = 0;
    this.stats.disconnected();
    this.since = now;
  }

  /** @param {Record<string, any>} message */
  #send(message) {
    this.emit({ do: "send", socket: this.socket, text: JSON.stringify(message), rows: 0 });
  }
}
