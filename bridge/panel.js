// @ts-check
"use strict";

/** Draws a view. It remembers what it drew and updates only the changes; it contains no logic. */
class Panel {
  static LOG_LINES = 200;
  static UPSTREAM = {
    open: "Connected", connecting: "Connecting", closed: "Disconnected", "wrong-route": "Wrong route",
  };
  static NOTHING = "Connected, and nothing to receive: none of these symbols is traded here.";
  static SERVER = {
    off: "Not connected",
    waiting: "Disconnected",
    connecting: "Connecting",
    greeting: "Connecting",
    subscribing: "Connecting",
    live: "Connected",
  };
  static LEASE = { active: "forwarding", standby: "standby", refused: "not granted" };

  /** @param {Document} document */
  constructor(document) {
    this.document = document;
    /** @type {Map<string, HTMLTableRowElement>} */ this.rows = new Map();
    /** @type {string} */ this.findings = "";
  }

  /** @param {View} view */
  draw(view) {
    this.status(view.findings[0]);
    this.others(view.findings.slice(1));
    this.sides(view);
    for (const [name, value] of Object.entries(view.counts)) this.count(name, value);
    this.symbols(view.symbols, view.phase === "idle" ? "off" : view.serverState);
    this.title(view.findings[0], view.phase);
  }

  /** @param {Diagnostic} finding */
  status({ code, level, title, text }) {
    const status = this.element("status");
    if (status.dataset.state === code && this.element("status-text").textContent === text) return;
    Object.assign(status.dataset, { state: code, level });
    this.text("status-title", title);
    this.text("status-text", text);
  }

  /** @param {Diagnostic[]} findings besides the status */
  others(findings) {
    const drawn = JSON.stringify(findings);
    if (drawn === this.findings) return;
    this.findings = drawn;
    const items = findings.map(({ code, level, title, text }) => {
      const item = this.document.createElement("li");
      Object.assign(item.dataset, { state: code, level });
      const name = this.document.createElement("strong");
      name.textContent = title;
      item.append(name, ` ${text}`);
      return item;
    });
    this.element("findings").replaceChildren(...items);
  }

  /** @param {View} view both connections, each with a status text */
  sides(view) {
    const idle = view.phase === "idle";
    const exchange = this.element("exchange-side");
    exchange.dataset.state = idle ? "off" : view.upstream;
    this.text("exchange-state", idle ? "Not connected" : Panel.UPSTREAM[view.upstream]);
    this.text("exchange-address", `${view.market} · ${view.stream}`);
    this.text("exchange-text", idle ? "Connects when you press Start Bridge." : Panel.exchangeSentence(view));
    const server = this.element("server-side");
    server.dataset.state = idle ? "off" : view.serverState;
    this.text("server-state", idle ? "Not connected" : Panel.SERVER[view.serverState]);
    this.text("server-address", view.server);
    this.text("server-text", idle ? "Connects when you press Start Bridge." : Panel.serverSentence(view));
  }

  /** @param {View} view */
  static exchangeSentence({ upstream, quietMs, lagMs, counts, findings }) {
    if (upstream === "wrong-route") return "Connected, but this address delivers no trades. The status says what to do.";
    if (upstream !== "open")
      return upstream === "connecting"
        ? "Waiting for the exchange to answer."
        : "Reconnects automatically, after growing pauses of up to 30 s.";
    if (findings.some(({ code, level }) => code === "unknown-symbol" && level === "bad")) return Panel.NOTHING;
    if (!counts.received) return "Waiting for the first trade, which proves that this address delivers.";
    const lag = lagMs >= 0 && lagMs < 60_000 ? `, ${Math.round(lagMs)} ms after they happen` : "";
    return quietMs < 3_000 ? `Trades arrive${lag}.` : `No trade for ${Math.round(quietMs / 1000)} s.`;
  }

  /** @param {View} view */
  static serverSentence({ serverState, ackMs, counts, findings }) {
    if (findings.some(({ code }) => code === "token-missing")) return "Waits for the token.";
    if (serverState !== "live") {
      const kept = counts.queued ? ` ${Panel.number(counts.queued)} rows wait here.` : "";
      return serverState === "waiting" ? `Tried again every second.${kept}` : `Saying hello.${kept}`;
    }
    if (Number.isNaN(ackMs)) return "Ready for rows.";
    return `Rows are confirmed as stored within ${Math.max(1, Math.round(ackMs))} ms.`;
  }

  /**
   * @param {string} name
   * @param {number} value
   */
  count(name, value) {
    const cell = this.document.getElementById(`count-${name}`);
    if (!cell || cell.dataset.value === String(value)) return;
    cell.dataset.value = String(value);
    cell.textContent = Panel.number(value);
  }

  /**
   * @param {View["symbols"]} symbols
   * @param {View["serverState"]} server
   */
  symbols(symbols, server) {
    this.element("no-symbols").hidden = symbols.length > 0;
    const known = new Set(symbols.map(({ symbol }) => symbol));
    for (const [symbol, row] of this.rows) {
      if (known.has(symbol)) continue;
      row.remove();
      this.rows.delete(symbol);
    }
    for (const symbol of symbols) this.symbol(symbol, server);
  }

  /**
   * @param {View["symbols"][number]} state
   * @param {View["serverState"]} server
   */
  symbol(state, server) {
    const stopped = server === "off";
    const row = this.rows.get(state.symbol) ?? this.newRow(state.symbol);
    row.dataset.lease = stopped ? "unknown" : (state.lease ?? "unknown");
    row.dataset.first = String(state.count > 0);
    row.dataset.lastId = Number.isNaN(state.lastId) ? "" : String(state.lastId);
    row.dataset.price = state.price;
    row.dataset.problem = String(state.problem !== "");
    const [first, price, rate, id, gaps, lease] = [...row.cells].slice(1);
    Panel.set(first, state.count ? "✓" : "–");
    first.title = state.count ? "its trades arrive" : "no trade yet";
    Panel.set(price, state.price || "–");
    Panel.set(rate, stopped || Number.isNaN(state.rate) ? "–" : state.rate.toFixed(1));
    Panel.set(id, Number.isNaN(state.lastId) ? "–" : String(state.lastId));
    row.dataset.warmStart = String(state.warmStart !== null);
    Panel.set(gaps, Panel.gaps(state.gaps, state.warmStart));
    Panel.set(lease, Panel.condition(state, server));
    lease.title = [state.problem, state.note].filter(Boolean).join(" ");
  }

  /**
   * @param {View["symbols"][number]["gaps"]} gaps
   * @param {View["symbols"][number]["warmStart"]} warmStart
   */
  static gaps({ number, done, total }, warmStart) {
    const of = (/** @type {number} */ part, /** @type {number} */ whole) =>
      `${Panel.number(part)} of ${Number.isNaN(whole) ? "…" : Panel.number(whole)}`;
    const said = [
      ...(number ? [`${number}: ${of(done, total)}`] : []),
      ...(warmStart ? [`warm start: ${of(warmStart.done, warmStart.total)}`] : []),
    ];
    return said.join(" · ") || "none";
  }

  /**
   * @param {View["symbols"][number]} state
   * @param {View["serverState"]} server
   */
  static condition({ problem, silent, lease, note, count }, server) {
    if (server === "off") return "stopped";
    if (problem) return "unknown";
    if (silent) return "silent";
    const word =
      lease === "active" && server !== "live"
        ? "kept here"
        : lease === "active" && !count
          ? "no trade yet"
          : lease
            ? Panel.LEASE[lease]
            : "waiting";
    return note ? `${word} · ${note}` : word;
  }

  /** @param {string} symbol */
  newRow(symbol) {
    const row = /** @type {HTMLTableSectionElement} */ (this.element("symbol-rows")).insertRow();
    row.dataset.symbol = symbol;
    const name = this.document.createElement("th");
    name.scope = "row";
    name.textContent = symbol;
    row.append(name);
    for (const cell of ["first", "price", "rate", "id", "gaps", "lease"]) row.insertCell().dataset.cell = cell;
    this.rows.set(symbol, row);
    return row;
  }

  /** @param {LogLine[]} lines oldest first */
  log(lines) {
    if (!lines.length) return;
    const list = this.element("log");
    for (const { at, level, text } of lines.slice(-Panel.LOG_LINES)) {
      const item = this.document.createElement("li");
      item.dataset.level = level;
      const time = this.document.createElement("time");
      time.dateTime = new Date(at).toISOString();
      time.textContent = time.dateTime.slice(11, 19);
      item.append(time, this.document.createTextNode(text));
      list.prepend(item);
    }
    while (list.children.length > Panel.LOG_LINES) list.lastElementChild?.remove();
    this.element("no-log").hidden = true;
  }

  /**
   * @param {Diagnostic} finding
   * @param {View["phase"]} phase
   */
  title({ level, title }, phase) {
    const mark = { bad: "⚠", warn: "⚠", wait: "…", good: "●", note: "●" }[level];
    const text = phase === "idle" ? "Pairbridge · Bridge" : `${mark} ${title} · Pairbridge`;
    if (this.document.title !== text) this.document.title = text;
  }

  /** @param {boolean} running */
  running(running, stopping = false) {
    const button = /** @type {HTMLButtonElement} */ (this.element("start"));
    Panel.set(button, stopping ? "Stopping…" : running ? "Stop Bridge" : "Start Bridge");
    button.disabled = stopping;
    button.dataset.running = String(running);
    for (const id of ["market", "symbols", "exchange", "rest"]) {
      /** @type {HTMLInputElement} */ (this.element(id)).disabled = running || stopping;
    }
  }

  /** @param {string} id */
  element(id) {
    return /** @type {HTMLElement} */ (this.document.getElementById(id));
  }

  /**
   * @param {string} id
   * @param {string} text
   */
  text(id, text) {
    Panel.set(this.element(id), text);
  }

  /**
   * @param {Element} element
   * @param {string} text
   */
  static set(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  /** @param {number} value */
  static number(value) {
    return value.toLocaleString("en");
  }
}

/** A short falling tone when the connection breaks, synthesised without a file. */
class Chime {
  constructor() {
    /** @type {AudioContext | null} */ this.context = null;
    this.on = false;
    this.worst = false;
  }

  /** @param {boolean} on called from a click: browsers play no sound before one */
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
