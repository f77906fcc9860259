// @ts-check
"use strict";

/*
 * The page's main thread: form, token, page storage, worker.
 *
 * All files here are classic scripts, because on file:// a browser loads no modules, fetches no files and starts no
 * worker from a file. A worker from a Blob does start, so the classes above are declared once as scripts, and the
 * worker runs their source text (Function.prototype.toString).
 *
 * The token: the served page does not contain it, since every user of this computer can request the page. A file in the
 * data folder that only its owner can read opens the page with the token in the fragment of the address, #key=...; the
 * page keeps it in localStorage. The page opened from the file system loads the classic script token.js beside it,
 * written by the server:
 *   globalThis.PAIRBRIDGE_TOKENS = globalThis.PAIRBRIDGE_TOKENS ?? {};
 *   PAIRBRIDGE_TOKENS[8765] = "...";         one line for each port on which a server was started
 *   globalThis.PAIRBRIDGE_NEWEST = 8765;     the port of the one that was started last
 */

/** The page. */
class BridgePage {
  constructor() {
    this.query = new URLSearchParams(location.search);
    this.auth = new Auth(location);
    this.panel = new Panel(document);
    this.chime = new Chime();
    /** @type {Worker | null} */ this.worker = null;
    this.running = false;
    /** @type {Map<string, {id: string, seq: number}>} */ this.sessions = new Map();
    this.server = "";
    this.starting = false;
    this.resumes = false;
  }

  async open() {
    if (window.top !== window.self) {
      this.#problem("FRAMED", "This page does not run inside another page. Open it in a tab of its own.");
      this.panel.element("start").setAttribute("disabled", "");
      return;
    }
    this.auth.takeKey();
    this.#fill();
    this.#wire();
    this.#sayHowToOpen();
    if (!this.auth.served) await this.auth.refresh();
    if (this.#startsItself()) await this.start();
  }

  /** The form's values: of the running session before a reload, else from the page's address, else the last used. */
  #fill() {
    const market = this.#input("market");
    for (const [key, venue] of Object.entries(Venues.ALL)) market.append(new Option(venue.label, key));
    const tab = PageStorage.tab("form");
    const mine = tab?.search === location.search; // else a link has changed this tab's exchange
    this.resumes = mine && PageStorage.tab("running") === true;
    /** @type {Fields} */ const last = mine ? tab : PageStorage.form();
    const fields = this.resumes ? last : Form.begin(this.query, last);
    market.value = Object.hasOwn(Venues.ALL, fields.market) ? fields.market : "usdm";
    for (const name of ["symbols", "exchange", "rest"]) {
      this.#input(name).value = fields[/** @type {keyof Fields} */ (name)];
    }
    this.#hint();
  }

  #wire() {
    const on = (
      /** @type {string} */ id,
      /** @type {string} */ event,
      /** @type {(event: Event) => void} */ listener,
    ) => this.panel.element(id).addEventListener(event, listener);
    on("controls", "submit", (event) => {
      event.preventDefault();
      if (this.running) this.stop();
      else void this.start();
    });
    for (const id of ["market", "exchange", "rest"]) on(id, "input", () => this.#hint());
    on("sound", "change", () => this.chime.switch(this.#input("sound").checked));
    on("token-form", "submit", (event) => {
      event.preventDefault();
      this.auth.keep(this.#input("token").value.trim());
      this.#giveToken();
    });
    window.addEventListener("hashchange", () => {
      this.auth.takeKey();
      this.#giveToken();
    });
    window.addEventListener("storage", () => this.#giveToken()); // another tab was opened with the key
    document.addEventListener("visibilitychange", () => this.#noticeVisible());
    document.addEventListener("resume", () => this.#notice("resumed", true));
    window.addEventListener("online", () => this.#notice("online", true));
    window.addEventListener("offline", () => this.#notice("online", false));
  }

  /** A served page gets its key from a file in the data folder. */
  #sayHowToOpen() {
    const file = this.auth.openFile;
    if (!file) return;
    const how = "Open this file of the server's data folder in this browser; it opens this page with the key:";
    this.panel.text("token-hint", `${how} ${file}`);
  }

  /** The default addresses. */
  #hint() {
    const venue = Venues.ALL[this.#input("market").value];
    const [stream, rest] = [this.#input("exchange").value.trim(), this.#input("rest").value.trim()];
    this.#input("exchange").placeholder = venue.ws;
    this.#input("rest").placeholder = stream ? "beside the stream" : venue.rest;
    this.panel.text("addresses-used", stream || rest ? `in use: ${stream || rest}` : "");
  }

  /**
   * A tab that was running before a reload restarts. `autostart` starts too, but a hostile link may have opened a
   * served page: so only for the exchanges' own addresses and this computer's.
   */
  #startsItself() {
    const asked = !["0", "false", "no"].includes((this.query.get("autostart") ?? "no").toLowerCase());
    if (this.resumes) return true;
    if (!asked || !this.auth.served) return asked;
    const given = [this.query.get("exchange"), this.query.get("rest")].filter(Boolean);
    const trusted = given.every((text) => URL.canParse(String(text)) && Address.isLoopback(new URL(String(text))));
    const ask = "The address of this page names an exchange elsewhere. Press Start Bridge if you trust it.";
    if (!trusted) this.#problem("READY", ask, "wait");
    return trusted;
  }

  async start() {
    if (this.starting || this.running) return;
    this.starting = true;
    try {
      const { symbols, plan, server } = this.#wish();
      this.#remember(symbols);
      this.server = server;
      const session = this.sessions.get(plan.market) ?? (await PageStorage.session(plan.market));
      this.sessions.set(plan.market, session);
      this.running = true;
      this.panel.running(true);
      this.#post({
        type: "start",
        plan,
        server,
        session: session.id,
        seq: session.seq,
        token: this.auth.token(server),
        rotateMs: this.#rotateMs(),
      });
      this.#noticeVisible();
      this.#notice("online", navigator.onLine);
      void this.#noticePermission();
    } catch (error) {
      PageStorage.keepTab("running", null);
      this.running = false;
      this.panel.running(false);
      this.#problem("CANNOT START", error instanceof Error ? error.message : String(error));
    } finally {
      this.starting = false;
    }
  }

  /**
   * Stores the form for a reload of this tab, and as the default of the next tab unless it came from a link.
   * @param {string[]} symbols
   */
  #remember(symbols) {
    const [market, exchange, rest] = Form.PLACE.map((name) => this.#input(name).value.trim());
    const fields = { market, exchange, rest, symbols: symbols.join(", ") };
    PageStorage.keepTab("form", { search: location.search, ...fields });
    PageStorage.keepTab("running", true);
    if (!Form.namesPlace(this.query)) for (const name of Form.PLACE) PageStorage.keep(name, fields[name]);
    if (!this.query.has("symbols")) PageStorage.keep("symbols", fields.symbols);
  }

  stop() {
    PageStorage.keepTab("running", null);
    this.panel.running(true, true);
    this.#post({ type: "stop" });
  }

  /** The plan from the form; throws an Error with a message for the user. */
  #wish() {
    const { symbols, bad } = Symbols.read(this.#input("symbols").value);
    const expected = "expected up to 32 letters, digits, _ or -, for example BTCUSDT";
    if (bad.length) throw new Error(`“${bad[0].slice(0, 40)}” is not a symbol; ${expected}.`);
    if (!symbols.length) throw new Error("No symbol is named. Type at least one, for example BTCUSDT.");
    if (symbols.length > 1024) throw new Error(`Found ${symbols.length} symbols; the server takes at most 1,024.`);
    const [venue, exchange, rest] = ["market", "exchange", "rest"].map((id) => this.#input(id).value);
    const plan = Venues.plan({ venue, exchange, rest, symbols });
    return { symbols, plan, server: this.auth.server(this.query.get("server") ?? "") };
  }

  /** @returns {number | undefined} query parameter `rotate`, seconds: for many rotations in a short test */
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
    const source = `"use strict";\n${WORKER_CLASSES.map(String).join("\n")}\nnew WorkerIo(self);\n`;
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
    PageStorage.keepTab(`session.${view.market}`, { id: view.session, seq: view.seq });
    const session = this.sessions.get(view.market);
    if (session) session.seq = view.seq;
    if (view.phase === "running") this.#keepAdded(view.added);
    this.panel.draw(view);
    this.panel.log(log);
    this.chime.hear(view.phase !== "idle" && view.findings[0].level === "bad");
    const needsToken = view.findings.some(({ code }) => code === "token-missing" || code === "refused");
    this.panel.element("token-form").hidden = !needsToken;
    this.panel.running(this.running, view.phase === "stopping");
  }

  /** @param {string[]} added symbols that a program asked for: from now on as if they had been typed */
  #keepAdded(added) {
    const { symbols } = Symbols.read(this.#input("symbols").value);
    const fresh = added.filter((symbol) => !symbols.includes(symbol));
    if (!fresh.length) return;
    this.#input("symbols").value = [...symbols, ...fresh].join(", ");
    this.#remember([...symbols, ...fresh]);
    this.panel.text("symbols-hint", `Added at a program's request: ${Symbols.few(added)}.`);
  }

  /** The token is missing or was refused, including a typed one. */
  async #renewToken() {
    this.auth.typed = "";
    await this.auth.refresh();
    this.#giveToken();
  }

  #giveToken() {
    const token = this.auth.token(this.server);
    if (token) this.#notice("token", token);
  }

  #noticeVisible() {
    this.#notice("visible", document.visibilityState === "visible");
  }

  /** Whether the browser blocks pages from this computer's own addresses, if it has such a permission. */
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
