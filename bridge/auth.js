// @ts-check
"use strict";

/** Where this page's token comes from and where it may go. */
class Auth {
  static DEFAULT_PORT = "8765";
  static KEY = "key"; // under which a served page keeps it

  /** @param {Location} location */
  constructor(location) {
    this.location = location;
    this.served = location.protocol.startsWith("http");
    this.typed = "";
  }

  /** The key that the file of the data folder brought in the fragment: kept, and taken out of the address. */
  takeKey() {
    const found = this.served ? /^#key=([0-9A-Za-z_-]+)$/.exec(this.location.hash) : null;
    if (!found) return;
    this.keep(found[1]);
    history.replaceState(null, "", this.location.pathname + this.location.search);
  }

  /** @param {string} key for this server, from now on and after a reload */
  keep(key) {
    this.typed = key;
    if (this.served) PageStorage.keep(Auth.KEY, key);
  }

  /** The file that brings the key, as the server names it; "" where the page is a file itself. */
  get openFile() {
    const meta = /** @type {HTMLMetaElement | null} */ (document.querySelector('meta[name="pairbridge-open"]'));
    return (this.served && meta?.content) || "";
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
    return String(/** @type {any} */ (globalThis).PAIRBRIDGE_NEWEST ?? Auth.DEFAULT_PORT);
  }

  /**
   * @param {string} server
   * @returns {string} "" if it is not known yet
   */
  token(server) {
    if (this.typed) return this.typed;
    return this.served ? PageStorage.recall(Auth.KEY) : (this.tokens[new URL(server).port] ?? "");
  }

  /** Reads the token again: the server may have been started, or started afresh, after this page was opened. */
  async refresh() {
    if (!this.served) await this.#loadScript();
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
