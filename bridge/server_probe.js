// @ts-check
"use strict";

/** Polls the server over HTTP before a WebSocket is tried. */
class ServerProbe {
  static PAUSE_MS = 600; // between two polls
  static ANSWER_MS = 2_000; // timeout for an answer
  static HELD_MS = 1_000; // refusals are immediate: a longer attempt is being delayed by the browser
  static MOST = 50; // unanswered polls after which a socket is tried anyway

  /**
   * @param {string} url of the server's WebSocket
   * @param {Emit} emit
   */
  constructor(url, emit) {
    this.url = url;
    this.emit = emit;
    this.asking = false;
    this.askedAt = 0;
    this.unanswered = 0;
    this.unheard = false; // the last poll failed, and not immediately
  }

  /** @param {number} now */
  ask(now) {
    this.asking = true;
    this.askedAt = now;
    const url = new URL("/health", this.url.replace(/^ws/, "http")).href;
    this.emit({ do: "askServer", url, timeoutMs: ServerProbe.ANSWER_MS });
  }

  /**
   * @param {boolean} answered
   * @param {number} now
   * @returns {boolean} whether to poll again, instead of trying a socket
   */
  answered(answered, now) {
    this.asking = false;
    this.unheard = !answered && now - this.askedAt >= ServerProbe.HELD_MS;
    this.unanswered = answered ? 0 : this.unanswered + 1;
    return !answered && this.unanswered < ServerProbe.MOST;
  }
}
