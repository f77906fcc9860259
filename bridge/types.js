// @ts-check
"use strict";

// Types that several of the page's classes share. Nothing runs here, and no page loads it: the type checker does.

/**
 * @typedef {{do: "connect", socket: number, url: string}
 *   | {do: "send", socket: number, text: string, rows: number}
 *   | {do: "close", socket: number, code: number}
 *   | {do: "request", id: number, url: string}
 *   | {do: "askServer", url: string, timeoutMs: number}
 *   | {do: "wake", at: number}
 *   | {do: "token"}
 *   | {do: "log", level: "info" | "good" | "bad", text: string}} Action
 *   `send` has `rows` > 0 for a batch of trades; `request` and `askServer` are HTTP, answered by `answered` and
 *   `serverAnswered`; `wake` wants a tick at that time; `token` asks the page for the token anew
 *
 * @typedef {(level: "info" | "good" | "bad", text: string) => void} Log
 *
 * @typedef {object} Host what the parts of the machine need of it
 * @property {Clock} clock
 * @property {Emit} emit
 * @property {Log} log
 * @property {() => number} newId of a socket or a request, never the same twice
 *
 * @typedef {{code: string, message: string}} Refusal what the server gave as the reason before it closed
 *
 * @typedef {object} Beat
 * @property {string} upstream open, connecting, closed or wrong-route
 * @property {number | null} age_ms since the latest trade of any symbol; null before the first
 * @property {boolean} visible
 * @property {number} clock_ms this computer's clock
 * @property {number} [lag_ms] how late trades come
 * @property {number} [skew_ms] this clock minus the exchange's
 * @property {string} [permission] the browser's word, if it keeps this page from the exchange
 *
 * @typedef {object} Conn one socket to the exchange
 * @property {number} id
 * @property {number} since when it was asked for, ms
 * @property {number} openedAt NaN until open
 * @property {number} frames trades delivered
 * @property {Map<string, {first: number, last: number, at: number}>} seen per symbol: first and latest id, and when
 *
 * @typedef {(action: Action) => void} Emit
 */
