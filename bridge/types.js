// @ts-check
"use strict";

// Types shared by several of the page's classes. Only the type checker loads this file.

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
 *   `serverAnswered`; `wake` requests a tick at that time; `token` requests the token from the page again
 *
 * @typedef {(level: "info" | "good" | "bad", text: string) => void} Log
 *
 * @typedef {object} Host the interface of the machine for its parts
 * @property {Clock} clock
 * @property {Emit} emit
 * @property {Log} log
 * @property {() => number} newId of a socket or a request, never the same twice
 *
 * @typedef {{code: string, message: string}} Refusal the server's reason before it closed
 *
 * @typedef {object} Beat
 * @property {string} upstream open, connecting, closed or wrong-route
 * @property {number | null} age_ms since the latest trade of any symbol; null before the first
 * @property {boolean} visible
 * @property {number} clock_ms this computer's clock
 * @property {number} [lag_ms] delay of trades
 * @property {number} [skew_ms] this clock minus the exchange's
 * @property {string} [permission] the browser's permission state, if it blocks this page from the exchange
 *
 * @typedef {(action: Action) => void} Emit
 */
