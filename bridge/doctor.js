// @ts-check
"use strict";

/**
 * @typedef {"bad" | "warn" | "wait" | "good" | "note"} Level a note stands beside the status and never is it
 * @typedef {{code: string, level: Level, title: string, text: string}} Finding `text` says what is so and what to do
 *
 * @typedef {object} Vitals what the doctor looks at
 * @property {"idle" | "running" | "stopping"} phase
 * @property {"open" | "connecting" | "closed" | "wrong-route"} upstream
 * @property {string} stream address without streams
 * @property {boolean} retired
 * @property {boolean} custom the stream address was typed by the user
 * @property {boolean} online what the browser says of the network
 * @property {boolean} delivered whether any trade has come since Start
 * @property {number} quietMs since the latest trade of any symbol, or since the stream opened
 * @property {number} upstreamTries attempts in a row that failed
 * @property {Delivery["state"]} server
 * @property {string} serverUrl
 * @property {boolean} answering something answers there, and takes no connection
 * @property {number} serverFailures connections in a row that ended or never began
 * @property {boolean} hasToken
 * @property {Refusal | null} refusal
 * @property {boolean} stalled
 * @property {number} queued rows
 * @property {number} lost rows given up
 * @property {string} permission of the browser to reach this computer's own addresses
 * @property {string[]} unknown sentences about symbols that are not traded
 * @property {number} usable symbols that are
 * @property {string[]} silent symbols that trade and do not come
 * @property {string[]} standby
 * @property {number} lagMs of the latest trade behind the exchange's own clock, NaN if not known
 * @property {number} skewMs this clock minus the exchange's, NaN if not known
 * @property {number} frozenMs how long the browser had stopped this page, lately
 * @property {number} holes being fetched
 * @property {number} pausedMs until REST may be asked again
 */

/** Says why data does not flow, worst first, each with what to do. Pure. */
class Doctor {
  static QUIET_MS = 15_000;
  static QUEUE_ROWS = 20_000;
  static LAG_MS = 2_000;
  static SKEW_MS = 1_000;
  static REPLAY_MS = 86_400_000; // behind by more than a day: recorded data, not lag

  /**
   * @param {Vitals} v
   * @returns {Finding[]} never empty; the first is the page's status
   */
  static findings(v) {
    if (v.phase === "idle") return [Doctor.idle()];
    if (v.phase === "stopping") return [Doctor.stopping()];
    const all = [...Doctor.symbols(v), ...Doctor.upstream(v), ...Doctor.server(v), ...Doctor.flow(v), ...Doctor.clocks(v)];
    const rank = { bad: 0, warn: 1, wait: 2, good: 3, note: 4 };
    if (!all.some((finding) => rank[finding.level] < 3)) all.unshift(Doctor.fine(v));
    return all.sort((a, b) => rank[a.level] - rank[b.level]);
  }

  /** @returns {Finding} */
  static idle() {
    return { code: "stopped", level: "wait", title: "STOPPED", text: "Nothing is forwarded. Choose a market and symbols, then press Start Bridge." };
  }

  /** @returns {Finding} */
  static stopping() {
    return { code: "stopping", level: "wait", title: "STOPPING", text: "Waiting up to 2 s for the last acknowledgements." };
  }

  /**
   * @param {Vitals} v
   * @returns {Finding}
   */
  static fine(v) {
    if (v.standby.length && v.standby.length >= v.usable) {
      return { code: "standby", level: "good", title: "STANDBY", text: "Another bridge forwards these symbols. This one listens and takes over within 3 s if it stops." };
    }
    return { code: "live", level: "good", title: "LIVE", text: "Trades arrive and are stored. Keep this page open; it may be in the background." };
  }

  /**
   * @param {Vitals} v
   * @returns {Finding[]}
   */
  static symbols(v) {
    /** @type {Finding[]} */
    const found = v.unknown.map((text) => ({ code: "unknown-symbol", level: v.usable ? "note" : "bad", title: "NO SUCH SYMBOL", text }));
    if (!v.silent.length) return found;
    const names = v.silent.slice(0, 5).join(", ");
    const text = `The exchange trades ${names}, but nothing of it arrives here. A new connection is being tried; if this stays, stop and start.`;
    return [...found, { code: "symbol-silent", level: "warn", title: "SYMBOL SILENT", text }];
  }

  /**
   * @param {Vitals} v
   * @returns {Finding[]}
   */
  static upstream(v) {
    if (v.upstream === "wrong-route") return [Doctor.wrongRoute(v)];
    if (!v.online && v.upstream !== "open") {
      return [{ code: "upstream-down", level: "bad", title: "UPSTREAM DOWN", text: "This computer is offline. Check the network; the bridge goes on by itself." }];
    }
    if (v.upstream === "open") return Doctor.quiet(v);
    if (v.upstream === "connecting" && v.upstreamTries === 0) {
      return [{ code: "starting", level: "wait", title: "CONNECTING", text: "Connecting to the exchange." }];
    }
    const hint = v.delivered
      ? "It is tried again by itself; what is missed is fetched afterwards."
      : "Check the internet connection, a firewall or VPN, and the address. If the exchange blocks your country, choose another market.";
    return [{ code: "upstream-down", level: "bad", title: "UPSTREAM DOWN", text: `No connection to the exchange at ${v.stream}. ${hint}` }];
  }

  /**
   * @param {Vitals} v
   * @returns {Finding}
   */
  static wrongRoute(v) {
    const why = v.retired
      ? "This address was retired: it connects, acknowledges, and never delivers a trade."
      : "The exchange reports new trades, but this address delivers none of them.";
    const todo = v.custom
      ? "Press Stop Bridge, clear “Stream address” under Other addresses (and exchange=… in the page's address), and start again: the built-in route ends in /market/stream for futures, /stream for spot."
      : "The exchange has probably moved this stream: look for a newer version of this program, or choose another market.";
    return { code: "wrong-route", level: "bad", title: "WRONG ROUTE", text: `${why} ${todo}` };
  }

  /**
   * @param {Vitals} v
   * @returns {Finding[]}
   */
  static quiet(v) {
    if (!v.delivered && v.quietMs < Doctor.QUIET_MS) {
      return [{ code: "starting", level: "wait", title: "STARTING", text: "Connected to the exchange; waiting for the first trade." }];
    }
    if (v.quietMs < Doctor.QUIET_MS) return [];
    const text = v.delivered
      ? "Connected, and no trade of any symbol for a while. Quiet symbols do that; a second connection checks that it is not the line."
      : "Connected, and no trade has come yet. Either these symbols trade rarely or the address is wrong, and the exchange's REST address shows no new trade that would tell.";
    return [{ code: "market-quiet", level: "wait", title: "MARKET QUIET", text }];
  }

  /**
   * @param {Vitals} v
   * @returns {Finding[]}
   */
  static server(v) {
    if (v.refusal) return [Doctor.refused(v.refusal)];
    if (!v.hasToken) {
      return [{ code: "token-missing", level: "bad", title: "NO TOKEN", text: "The server's token is not here yet. Start the bridge server first (make run): it writes bridge/token.js beside this page, which is then found by itself. Or paste the token below." }];
    }
    if (v.server === "live") return v.stalled ? [Doctor.stalled()] : [];
    if (v.server !== "waiting" && !v.serverFailures) return [{ code: "starting", level: "wait", title: "CONNECTING", text: "Connecting to the bridge server." }];
    if (v.permission === "denied") {
      return [{ code: "permission-denied", level: "bad", title: "PERMISSION DENIED", text: "The browser forbids this page to reach programs on this computer. Open the site settings (icon left of the address) and allow local network access, or open the page at the server's own address." }];
    }
    const text = v.answering
      ? `Something answers at ${v.serverUrl} and takes no connection from this page. Is another program using this port? Rows are kept here meanwhile.`
      : `The bridge server at ${v.serverUrl} does not answer. Start it (make run) or see its log; rows are kept here and sent when it is back.`;
    return [{ code: "server-down", level: "bad", title: "SERVER DOWN", text }];
  }

  /**
   * @param {Refusal} refusal
   * @returns {Finding}
   */
  static refused({ code, message }) {
    /** @type {Record<string, string>} */
    const todo = {
      "bad-token": "The token has changed, or another server runs on this port. Reload this page; opened as a file it reads bridge/token.js again by itself. Or paste the token below.",
    };
    return { code: "refused", level: "bad", title: "REFUSED BY THE SERVER", text: `${message} (${code}). ${todo[code] ?? "It is tried again every 5 s; reload this page if it stays."}` };
  }

  /** @returns {Finding} */
  static stalled() {
    return { code: "storage-stalled", level: "bad", title: "STORAGE STALLED", text: "The server takes rows but has confirmed none for some seconds: its disk is full or slow. Nothing is lost; free some space and look at the server's log." };
  }

  /**
   * @param {Vitals} v
   * @returns {Finding[]}
   */
  static flow(v) {
    /** @type {Finding[]} */ const found = [];
    if (v.lost) {
      const text = `${v.lost.toLocaleString("en")} of the oldest rows were given up because the queue was full; the ranges are in the log. The server asks for them again when it is back.`;
      found.push({ code: "queue-full", level: v.queued > Doctor.QUEUE_ROWS ? "bad" : "note", title: "QUEUE FULL", text });
    } else if (v.queued > Doctor.QUEUE_ROWS) {
      found.push({ code: "backpressure", level: "warn", title: "BACKPRESSURE", text: "Rows come faster than the server confirms them, or it was away: they wait here and drain by themselves." });
    }
    if (v.holes) {
      const pause = v.pausedMs > 0 ? ` The exchange asked for a pause of ${Math.ceil(v.pausedMs / 1000)} s.` : "";
      found.push({ code: "fetching", level: "note", title: "FETCHING", text: `Missing trades are being fetched (${v.holes} ${v.holes === 1 ? "hole" : "holes"}).${pause}` });
    }
    if (v.frozenMs > 0) {
      found.push({ code: "frozen", level: "note", title: "PAGE WAS FROZEN", text: `The browser or computer had stopped this page for ${Math.round(v.frozenMs / 1000)} s. What was missed is fetched. Exempt the page from tab sleeping if it happens again.` });
    }
    return found;
  }

  /**
   * @param {Vitals} v
   * @returns {Finding[]}
   */
  static clocks(v) {
    if (Math.abs(v.skewMs) > Doctor.SKEW_MS) {
      const way = v.skewMs > 0 ? "ahead of" : "behind";
      return [{ code: "clock-skew", level: "note", title: "CLOCK SKEW", text: `This computer's clock is ${(Math.abs(v.skewMs) / 1000).toFixed(1)} s ${way} the exchange's. Trades keep the exchange's times; switch on automatic time.` }];
    }
    if (v.lagMs > Doctor.LAG_MS && v.lagMs < Doctor.REPLAY_MS) {
      return [{ code: "exchange-lag", level: "note", title: "EXCHANGE LAG", text: `Trades arrive ${(v.lagMs / 1000).toFixed(1)} s late: the exchange, the line or this computer is overloaded.` }];
    }
    return [];
  }
}
