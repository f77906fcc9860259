// @ts-check
"use strict";

/** Parsing of typed addresses. Pure. */
class Address {
  /**
   * @param {string} text as typed; the corresponding http or ws scheme is accepted too
   * @param {"ws" | "http"} scheme
   * @returns {URL} throws an Error with a message for the user
   */
  static parse(text, scheme) {
    const kinds = scheme === "ws" ? "ws:// or wss://" : "http:// or https://";
    const swapped = scheme === "ws" ? text.trim().replace(/^http/i, "ws") : text.trim().replace(/^ws/i, "http");
    if (!URL.canParse(swapped) || !new RegExp(`^${scheme}s?:$`).test(new URL(swapped).protocol)) {
      throw new Error(`"${text}" is not an address; expected one that begins with ${kinds}.`);
    }
    return new URL(swapped);
  }

  /** @param {URL} url */
  static origin(url) {
    return `${url.protocol}//${url.host}`;
  }

  /** @param {URL} url */
  static isLoopback(url) {
    return ["127.0.0.1", "localhost", "[::1]"].includes(url.hostname);
  }
}
