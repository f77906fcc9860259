// @ts-check
"use strict";

/*
 * The page's own part: form, token, memory, worker.
 *
 * All files here are classic scripts, because from file:// a browser loads no modules, fetches no files and starts
 * no worker from a file. A worker made from a Blob does start, so the classes above are declared once as scripts
 * and their own source text (Function.prototype.toString) is what the worker runs.
 *
 * The token: the page served by the bridge server has it in <meta name="pairbridge-token" content="...">. The page
 * opened from the file system loads the classic script token.js beside it, which the server writes:
 *     globalThis.PAIRBRIDGE_TOKENS = globalThis.PAIRBRIDGE_TOKENS ?? {};
 *     PAIRBRIDGE_TOKENS[8765] = "...";          one line for each port on which a server was started
 */

/** @type {Function[]} */
const WORKER_CLASSES = [Exchange, Outbox, Recent, Budget, Fetcher, Feed, Delivery, Doctor, Book, Errands, Machine, Performer];

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
    const url = Exchange.address(given, "ws");
    if (this.served && url.host !== this.location.host) {
      throw new Error(`This page talks only to the server it came from, not to ${url.host}. Open the file bridge/index.html to use another.`);
    }
    if (!Exchange.isLoopback(url)) throw new Error(`The server ${url.host} is not on this computer; the bridge talks to no other.`);
    return url.href;
  }

  /** The default port if a server was started there, else the one port that is known. */
  port() {
    const ports = Object.keys(this.tokens);
    return ports.includes(Access.DEFAULT_PORT) || !ports.length ? Access.DEFAULT_PORT : ports[0];
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

/** What outlives a reload (this tab) or the browser (this profile). A browser may forbid both on file://. */
class Memory {
  static JUMP = 1_000_000; // of seq at a reload: more than could have been sent since it was last noted

  /** @param {string} key */
  static recall(key) {
    try {
      return localStorage.getItem(`pairbridge.${key}`) ?? "";
    } catch {
      return "";
    }
  }

  /**
   * @param {string} key
   * @param {string} value
   */
  static keep(key, value) {
    try {
      localStorage.setItem(`pairbridge.${key}`, value);
    } catch {
      // forbidden here: forgotten on reload
    }
  }

  /**
   * @param {string} key
   * @returns {any} null if there is nothing
   */
  static tab(key) {
    try {
      return JSON.parse(sessionStorage.getItem(`pairbridge.${key}`) ?? "null");
    } catch {
      return null;
    }
  }

  /**
   * @param {string} key
   * @param {any} value
   */
  static keepTab(key, value) {
    try {
      sessionStorage.setItem(`pairbridge.${key}`, JSON.stringify(value));
    } catch {
      // forbidden here: forgotten on reload
    }
  }

  /**
   * This tab's session on a market. A copied tab finds the original's lock taken and gets a session of its own.
   * The lock is held as long as the page lives, which also tells the browser not to freeze it.
   * @param {string} market
   * @returns {Promise<{id: string, seq: number}>}
   */
  static async session(market) {
    const noted = Memory.tab(`session.${market}`);
    const again = noted && { id: noted.id, seq: noted.seq + Memory.JUMP };
    if (again && (await Memory.#lock(again.id))) return again;
    const fresh = { id: crypto.randomUUID(), seq: 1 };
    await Memory.#lock(fresh.id);
    return fresh;
  }

  /**
   * @param {string} id
   * @returns {Promise<boolean>} false if another page has it; a reloaded page waits for its former self to let go
   */
  static #lock(id) {
    if (!navigator.locks) return Promise.resolve(true);
    return new Promise((done) => {
      const signal = AbortSignal.timeout(1_500);
      const held = () => {
        done(true);
        return new Promise(() => {});
      };
      navigator.locks.request(`pairbridge-session-${id}`, { signal }, held).catch((error) => done(error?.name !== "TimeoutError" && error?.name !== "AbortError"));
    });
  }
}

/** A short falling tone when the line breaks, made without a file. */
class Chime {
  constructor() {
    /** @type {AudioContext | null} */ this.context = null;
    this.on = false;
    this.worst = false;
  }

  /** @param {boolean} on from a click: before one a browser plays nothing */
  switch(on) {
    this.on = on;
    if (on) {
      this.context ??= new AudioContext();
      void this.context.resume();
    }
  }

  /** @param {boolean} bad */
  hear(bad) {
    if (bad && !this.worst && this.on) this.play();
    this.worst = bad;
  }

  play() {
    if (!this.context) return;
    const { currentTime, destination } = this.context;
    const [tone, volume] = [this.context.createOscillator(), this.context.createGain()];
    tone.frequency.setValueAtTime(660, currentTime);
    tone.frequency.exponentialRampToValueAtTime(330, currentTime + 0.35);
    volume.gain.setValueAtTime(0.15, currentTime);
    volume.gain.exponentialRampToValueAtTime(0.001, currentTime + 0.4);
    tone.connect(volume).connect(destination);
    tone.start();
    tone.stop(currentTime + 0.4);
  }
}

/** The page. */
class BridgePage {
  constructor() {
    this.query = new URLSearchParams(location.search);
    this.access = new Access(location);
    this.panel = new Panel(document);
    this.chime = new Chime();
    /** @type {Worker | null} */ this.worker = null;
    this.running = false;
    /** @type {Map<string, {id: string, seq: number}>} */ this.sessions = new Map();
    this.server = "";
    this.starting = false;
  }

  async open() {
    if (window.top !== window.self) {
      this.#problem("FRAMED", "This page does not run inside another page. Open it in a tab of its own.");
      this.panel.element("start").setAttribute("disabled", "");
      return;
    }
    this.#fill();
    this.#wire();
    if (!this.access.served) await this.access.refresh();
    if (this.#startsItself()) await this.start();
  }

  /** The market, symbols and addresses in the form: from the page's address, else as they were last. */
  #fill() {
    const market = this.#input("market");
    for (const [key, venue] of Object.entries(Exchange.VENUES)) market.append(new Option(venue.label, key));
    const wanted = this.query.get("market") ?? Memory.recall("market");
    market.value = Object.hasOwn(Exchange.VENUES, wanted) ? wanted : "usdm";
    this.#input("symbols").value = this.query.get("symbols") ?? (Memory.recall("symbols") || "BTCUSDT, ETHUSDT");
    this.#input("exchange").value = this.query.get("exchange") ?? "";
    this.#input("rest").value = this.query.get("rest") ?? "";
    this.#hint();
  }

  #wire() {
    const on = (/** @type {string} */ id, /** @type {string} */ event, /** @type {(event: Event) => void} */ listener) =>
      this.panel.element(id).addEventListener(event, listener);
    on("controls", "submit", (event) => {
      event.preventDefault();
      if (this.running) this.stop();
      else void this.start();
    });
    for (const id of ["market", "exchange", "rest"]) on(id, "input", () => this.#hint());
    on("sound", "change", () => this.chime.switch(this.#input("sound").checked));
    on("token-form", "submit", (event) => {
      event.preventDefault();
      this.access.typed = this.#input("token").value.trim();
      this.#giveToken();
    });
    document.addEventListener("visibilitychange", () => this.#noticeVisible());
    document.addEventListener("resume", () => this.#notice("resumed", true));
    window.addEventListener("online", () => this.#notice("online", true));
    window.addEventListener("offline", () => this.#notice("online", false));
  }

  /** The addresses that are used when none is typed. */
  #hint() {
    const venue = Exchange.VENUES[this.#input("market").value];
    const [stream, rest] = [this.#input("exchange").value.trim(), this.#input("rest").value.trim()];
    this.#input("exchange").placeholder = venue.ws;
    this.#input("rest").placeholder = stream ? "beside the stream" : venue.rest;
    this.panel.text("addresses-used", stream || rest ? `in use: ${stream || rest}` : "");
  }

  /**
   * A tab that was running when it was reloaded goes on. `autostart` starts too, but a served page may have been
   * opened by a hostile link: then only for the exchanges' own addresses and this computer's.
   */
  #startsItself() {
    const asked = !["0", "false", "no"].includes((this.query.get("autostart") ?? "no").toLowerCase());
    if (Memory.tab("running") === location.search) return true; // not after a link to another exchange
    if (!asked || !this.access.served) return asked;
    const given = [this.query.get("exchange"), this.query.get("rest")].filter(Boolean);
    const trusted = given.every((text) => URL.canParse(String(text)) && Exchange.isLoopback(new URL(String(text))));
    if (!trusted) this.#problem("READY", "The address of this page names an exchange elsewhere. Press Start Bridge if you trust it.", "wait");
    return trusted;
  }

  async start() {
    if (this.starting || this.running) return;
    this.starting = true;
    try {
      const { symbols, plan, server } = this.#wish();
      if (!this.query.has("market")) Memory.keep("market", this.#input("market").value);
      if (!this.query.has("symbols")) Memory.keep("symbols", symbols.join(", "));
      Memory.keepTab("running", location.search);
      this.server = server;
      const session = this.sessions.get(plan.market) ?? (await Memory.session(plan.market));
      this.sessions.set(plan.market, session);
      this.running = true;
      this.panel.running(true);
      this.#post({ type: "start", plan, server, session: session.id, seq: session.seq, token: this.access.token(server), rotateMs: this.#rotateMs() });
      this.#noticeVisible();
      this.#notice("online", navigator.onLine);
      void this.#noticePermission();
    } catch (error) {
      Memory.keepTab("running", null);
      this.running = false;
      this.panel.running(false);
      this.#problem("CANNOT START", error instanceof Error ? error.message : String(error));
    } finally {
      this.starting = false;
    }
  }

  stop() {
    Memory.keepTab("running", null);
    this.panel.running(true, true);
    this.#post({ type: "stop" });
  }

  /** What the form asks for; throws an Error with a sentence for the user. */
  #wish() {
    const { symbols, bad } = Exchange.readSymbols(this.#input("symbols").value);
    if (bad.length) throw new Error(`“${bad[0].slice(0, 40)}” is not a symbol; expected up to 32 letters, digits, _ or -, for example BTCUSDT.`);
    if (!symbols.length) throw new Error("No symbol is named. Type at least one, for example BTCUSDT.");
    if (symbols.length > 1024) throw new Error(`${symbols.length} symbols are named; the server takes at most 1,024 a market.`);
    const [venue, exchange, rest] = ["market", "exchange", "rest"].map((id) => this.#input(id).value);
    const plan = Exchange.plan({ venue, exchange, rest, symbols });
    return { symbols, plan, server: this.access.server(this.query.get("server") ?? "") };
  }

  /** @returns {number | undefined} query parameter `rotate`, seconds: to see many rotations in a short test */
  #rotateMs() {
    const seconds = Number(this.query.get("rotate"));
    return seconds >= 1 ? seconds * 1000 : undefined;
  }

  /** @param {ToWorker} message */
  #post(message) {
    this.worker ??= this.#makeWorker();
    this.worker.postMessage(message);
  }

  #makeWorker() {
    const source = `"use strict";\n${WORKER_CLASSES.map(String).join("\n")}\nnew Performer(self);\n`;
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    const worker = new Worker(url, { name: "Pairbridge bridge" });
    worker.onmessage = (/** @type {MessageEvent<FromWorker>} */ { data }) => {
      if (data.type === "view") this.#show(data.view, data.log);
      else void this.#renewToken();
    };
    worker.onerror = ({ message }) => {
      this.panel.log([{ at: Date.now(), level: "bad", text: `A fault of this page; please report it: ${message}` }]);
      this.#problem("FAULT", `Please report this and reload the page: ${message}`);
    };
    return worker;
  }

  /**
   * @param {View} view
   * @param {LogLine[]} log
   */
  #show(view, log) {
    this.running = view.phase !== "idle";
    Memory.keepTab(`session.${view.market}`, { id: view.session, seq: view.seq });
    const session = this.sessions.get(view.market);
    if (session) session.seq = view.seq;
    this.panel.draw(view);
    this.panel.log(log);
    this.chime.hear(view.phase !== "idle" && view.findings[0].level === "bad");
    this.panel.element("token-form").hidden = !view.findings.some(({ code, text }) => code === "token-missing" || text.includes("bad-token"));
    this.panel.running(this.running, view.phase === "stopping");
  }

  /** The token is missing or was refused, a typed one included. */
  async #renewToken() {
    this.access.typed = "";
    await this.access.refresh();
    this.#giveToken();
  }

  #giveToken() {
    const token = this.access.token(this.server);
    if (token) this.#notice("token", token);
  }

  #noticeVisible() {
    this.#notice("visible", document.visibilityState === "visible");
  }

  /** Whether the browser keeps pages away from this computer's own addresses, where it has such a permission. */
  async #noticePermission() {
    for (const name of ["loopback-network", "local-network-access"]) {
      try {
        const status = await navigator.permissions.query({ name: /** @type {PermissionName} */ (name) });
        const tell = () => this.#notice("permission", status.state);
        status.onchange = tell;
        tell();
        return;
      } catch {
        // a browser without this permission
      }
    }
  }

  /**
   * @param {string} name
   * @param {any} value
   */
  #notice(name, value) {
    this.worker?.postMessage({ type: "notice", name, value });
  }

  /**
   * @param {string} title
   * @param {string} text
   * @param {Level} [level]
   */
  #problem(title, text, level = "bad") {
    this.panel.status({ code: title.toLowerCase().replaceAll(" ", "-"), level, title, text });
  }

  /** @param {string} id */
  #input(id) {
    return /** @type {HTMLInputElement & HTMLSelectElement} */ (this.panel.element(id));
  }
}

void new BridgePage().open();
