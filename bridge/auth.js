// @ts-check
"use strict";

/** The page's token: its source, and the servers that may receive it. */
class Auth {
  static DEFAULT_PORT = "8765";
  static KEY = "key"; // localStorage key of a served page

  /** @param {Location} location */
  constructor(location) {
    this.location = location;
    this.served = location.protocol.startsWith("http");
    this.typed = "";
  }

  /** The key in the URL fragment, from the file in the data folder: stored, and removed from the address. */
  takeKey() {
    const found = this.served ? /^#key=([0-9A-Za-z_-]+)$/.exec(this.location.hash) : null;
    if (!found) return;
    this.keep(found[1]);
    history.replaceState(null, "", this.location.pathname + this.location.search);
  }

  /** @param {string} key for this server, also after a reload */
  keep(key) {
    this.typed = key;
    if (this.served) PageStorage.keep(Auth.KEY, key);
  }

  /** The path of the file with the key, from the server; "" if the page is a local file. */
  get openFile() {
    const meta = /** @type {HTMLMetaElement | null} */ (document.querySelector('meta[name="pairbridge-open"]'));
    return (this.served && meta?.content) || "";
  }

  /** @returns {Record<string, string>} by port */
  get tokens() {
    return /** @type {any} */ (globalThis).PAIRBRIDGE_TOKENS ?? {};
  }

  /**
   * The server's address. The token is sent only to this computer, and from a served page only to its own server: a
   * hostile link could contain any other address.
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

  /** The port of the most recently started server. (The keys of `tokens` are in numeric order, not by time.) */
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

  /** Reads the token again: the server may have been started or restarted after this page was opened. */
  async refresh() {
    if (!this.served) await this.#loadScript();
  }

  /** @returns {Promise<void>} always resolves: without the file the token stays unknown */
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
