// @ts-check
"use strict";

/**
 * The live connection: a WebSocket that says what is shown and gets what has changed in it. While it is refused, the
 * whole state is polled.
 */
class PairbridgeConnection {
  static SILENT_MS = 2500; // the dashboard sends a message every second
  static POLL_AFTER_MS = 3000;
  static FIRST_MS = 10_000; // how long the first message may take: both may just be starting

  /**
   * @param {(message: any) => void} receive
   * @param {(silentMs: number, isFirst: boolean) => void} silent called a few times a second while nothing is heard;
   *   `isFirst`: while the first message may still come
   */
  constructor(receive, silent) {
    this.receive = receive;
    this.silent = silent;
    this.topics = /** @type {string[]} */ ([]);
    this.follow = /** @type {number|null} */ (null);
    this.socket = /** @type {WebSocket|null} */ (null);
    this.heard = performance.now();
    this.isFirst = true; // nothing was heard yet
    this.retry = 250;
    this.polls = /** @type {number|undefined} */ (undefined);
    this.connect();
    setInterval(() => this.watchOver(), 250);
  }

  /** From now on these topics are shown; `follow`: the number of the pair's watch, null for the first. */
  show(topics, follow) {
    if (follow === this.follow && topics.join(" ") === this.topics.join(" ")) return;
    Object.assign(this, { topics, follow });
    this.ask();
  }

  connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    this.socket = new WebSocket(`${scheme}//${location.host}/api/live`);
    this.socket.onopen = () => {
      this.retry = 250;
      this.ask();
    };
    this.socket.onmessage = (event) => {
      this.poll(false);
      this.hear(JSON.parse(event.data));
    };
    this.socket.onclose = () => {
      setTimeout(() => this.connect(), this.retry);
      this.retry = Math.min(this.retry * 2, 2000);
    };
  }

  get isOpen() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  ask() {
    if (this.isOpen) this.socket?.send(JSON.stringify({ topics: this.topics, follow: this.follow }));
  }

  hear(message) {
    this.heard = performance.now();
    this.isFirst = false;
    this.receive(message);
  }

  watchOver() {
    const silentMs = performance.now() - this.heard;
    const isFirst = this.isFirst && silentMs < PairbridgeConnection.FIRST_MS;
    if (isFirst || silentMs > PairbridgeConnection.SILENT_MS) this.silent(silentMs, isFirst);
    if (silentMs > PairbridgeConnection.POLL_AFTER_MS && !this.isOpen) this.poll(true);
  }

  poll(on) {
    if (on === (this.polls !== undefined)) return;
    const page = /** @type {HTMLElement | null} */ (document.querySelector("[data-refresh-ms]"));
    const everyMs = Number(page?.dataset.refreshMs ?? 1000);
    clearInterval(this.polls);
    this.polls = on ? window.setInterval(() => void this.pollOnce(), everyMs) : undefined;
  }

  async pollOnce() {
    const query = new URLSearchParams({ topics: this.topics.join(" ") });
    if (this.follow !== null) query.set("follow", String(this.follow));
    try {
      const answer = await fetch(`/api/live/state?${query}`);
      if (answer.ok && this.polls !== undefined) this.hear(await answer.json());
    } catch {
      // not there: watchOver tells how long nothing has been heard
    }
  }
}
