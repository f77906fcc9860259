// @ts-check
"use strict";

/** Where this page's token comes from and where it may go. */
class Access {
  static DEFAULT_PORT = "8765";

  /** @param {Location} location */
  constructor(location) {
    this.location = location;
    this.served = location.protocol.startsWith("http");
    this.typed = "";
  }

  /** @returns {Record<string, string>} by port */
  get tokens() {
    return /** @type {any} */ (globalThis).PAIRBRIDGE_TOKENS ?? {};
  }

  /**
   * The server's address. The token goes nowhere but to this computer, and from a served page nowhere but back:
   * a link from a hostile page could name any other address.
   * @param {string} given query parameter `server`, "" if none
   * @returns {string} throws an Error with a sentence for the user
   */
  server(given) {
    const own = `ws://${this.served ? this.location.host : `127.0.0.1:${this.port()}`}/`;
    if (!given) return own;
    const url = Address.parse(given, "ws");
    if (this.served && url.host !== this.location.host) {
      const todo = "Open the file bridge/index.html to use another.";
      throw new Error(`This page talks only to the server it came from, not to ${url.host}. ${todo}`);
    }
    if (!Address.isLoopback(url)) {
      throw new Error(`The server ${url.host} is not on this computer; the bridge talks to no other.`);
    }
    return url.href;
  }

  /** The port of the server that was started last. (The keys of `tokens` come in order of number, not of time.) */
  port() {
    return String(/** @type {any} */ (globalThis).PAIRBRIDGE_NEWEST ?? Access.DEFAULT_PORT);
  }

  /**
   * @param {string} server
   * @returns {string} "" if it is not known yet
   */
  token(server) {
    if (this.typed) return this.typed;
    const meta = /** @type {HTMLMetaElement} */ (document.querySelector('meta[name="pairbridge-token"]'));
    return this.served ? meta.content : (this.tokens[new URL(server).port] ?? "");
  }

  /** Reads the token again: the server may have been started, or started afresh, after this page was opened. */
  async refresh() {
    if (this.served) await this.#refreshServed();
    else await this.#loadScript();
  }

  async #refreshServed() {
    try {
      const text = await (await fetch(this.location.pathname, { cache: "no-store" })).text();
      const found = new DOMParser().parseFromString(text, "text/html").querySelector('meta[name="pairbridge-token"]');
      const meta = document.querySelector('meta[name="pairbridge-token"]');
      const content = found?.getAttribute("content");
      if (content) meta?.setAttribute("content", content);
    } catch {
      // the server is away; it is asked again
    }
  }

  /** @returns {Promise<void>} settled either way: without the file the token stays unknown */
  #loadScript() {
    return new Promise((done) => {
      const script = document.createElement("script");
      script.src = "token.js";
      script.onload = script.onerror = () => {
        script.remove();
        done();
      };
      document.head.append(script);
    });
  }
}
