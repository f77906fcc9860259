// @ts-check
"use strict";

/**
 * @typedef {"bad" | "warn" | "wait" | "good" | "note"} Level a note is shown beside the status, never as the status
 * @typedef {{code: string, level: Level, title: string, text: string}} Diagnostic `text` describes the problem and the
 * remedy
 *
 * @typedef {object} Vitals the inputs of the diagnostics
 * @property {"idle" | "running" | "stopping"} phase
 * @property {"open" | "connecting" | "closed" | "wrong-route"} upstream
 * @property {string} stream address without streams
 * @property {boolean} retired
 * @property {boolean} custom the stream address was typed by the user
 * @property {boolean} online what the browser says of the network
 * @property {boolean} delivered whether any trade has arrived since Start
 * @property {number} quietMs since the latest trade of any symbol, or since the stream opened
 * @property {number} upstreamTries consecutive failed attempts
 * @property {ServerLink["state"]} server
 * @property {string} serverUrl
 * @property {boolean} answering something answers there, but accepts no connection
 * @property {number} serverFailures consecutive connections that ended or never opened
 * @property {boolean} hasToken
 * @property {Refusal | null} refusal
 * @property {boolean} stalled the server receives rows but confirms none
 * @property {number} queued rows
 * @property {number} lost rows given up
 * @property {string} permission of the browser to reach this computer's own addresses: granted, denied, prompt or ""
 * @property {boolean} unheard the last attempt to reach the server hung, as during the browser's permission prompt
 * @property {boolean} exchangeWithheld permission is denied, and the exchange is on this computer
 * @property {boolean} visible
 * @property {string[]} unknown messages about symbols that are not traded
 * @property {number} usable number of traded symbols
 * @property {string[]} silent symbols that trade but do not arrive
 * @property {string[]} standby
 * @property {number} lagMs of the latest trade behind the exchange's own clock, NaN if not known
 * @property {number} skewMs this clock minus the exchange's, NaN if not known
 * @property {number} frozenMs how long the browser recently suspended this page
 * @property {number} gaps being fetched
 * @property {string[]} warming symbols with a warm start in progress
 * @property {{ids: number, reason: string}} unfetched missing trades that could not be fetched here, and why
 * @property {number} pausedMs until REST may be called again
 */

/** Explains why data does not flow, worst first, each with a remedy. Pure. */
class Diagnostics {
  static RANK = { bad: 0, warn: 1, wait: 2, good: 3, note: 4 };
  static QUIET_MS = 15_000;
  static SKEW_MS = 1_000;
  static REPLAY_MS = 86_400_000; // behind by more than a day: recorded data, not lag
  static ASKS = "If the browser asks whether this page may reach apps on this device, allow it.";

  /**
   * @param {Vitals} v
   * @returns {Diagnostic[]} never empty; the first is the page's status
   */
  static findings(v) {
    if (v.phase === "idle") return [Diagnostics.idle()];
    if (v.phase === "stopping") return [Diagnostics.stopping()];
    const all = [Diagnostics.symbols(v), Diagnostics.upstream(v), Diagnostics.server(v), Diagnostics.flow(v), Diagnostics.clocks(v)].flat();
    const { RANK } = Diagnostics;
    if (!all.some(({ level }) => RANK[level] < RANK.good)) all.unshift(Diagnostics.fine(v));
    return all.sort((a, b) => RANK[a.level] - RANK[b.level]);
  }

  /**
   * @param {Level} level
   * @param {string} code
   * @param {string} title
   * @param {string[]} sentences
   * @returns {Diagnostic}
   */
  static finding(level, code, title, ...sentences) {
    return { code, level, title, text: sentences.filter(Boolean).join(" ") };
  }

  static idle() {
    const todo = "Choose a market and symbols, then press Start Bridge.";
    return Diagnostics.finding("wait", "stopped", "STOPPED", "Nothing is forwarded.", todo);
  }

  static stopping() {
    return Diagnostics.finding("wait", "stopping", "STOPPING", "Waiting up to 2 s for the last acknowledgements.");
  }

  /** @param {Vitals} v */
  static fine(v) {
    if (!v.standby.length || v.standby.length < v.usable) {
      const keep = "Keep this page open; it may be in the background.";
      return Diagnostics.finding("good", "live", "LIVE", "Trades arrive and are stored.", keep);
    }
    const other = "Another bridge forwards these symbols.";
    const then = "This one listens and takes over within 3 s if it stops.";
    return Diagnostics.finding("good", "standby", "STANDBY", other, then);
  }

  /** @param {Vitals} v */
  static symbols(v) {
    const level = v.usable ? "note" : "bad";
    const texts = Symbols.brief(v.unknown);
    const found = texts.map((text) => Diagnostics.finding(level, "unknown-symbol", "NO SUCH SYMBOL", text));
    if (v.silent.length) {
      const names = v.silent.slice(0, 5).join(", ");
      const what = `The exchange trades ${names}, but nothing of it arrives here.`;
      const todo = "A new connection is being tried; if this stays, stop and start.";
      found.push(Diagnostics.finding("warn", "symbol-silent", "SYMBOL SILENT", what, todo));
    }
    return found;
  }

  /**
   * @param {Vitals} v
   * @returns {Diagnostic[]}
   */
  static upstream(v) {
    if (v.upstream === "wrong-route") return [Diagnostics.wrongRoute(v)];
    if (v.upstream === "open") return v.usable || !v.unknown.length ? Diagnostics.quiet(v) : []; // no symbol: no trade
    if (v.upstream === "connecting" && v.upstreamTries === 0) {
      return [Diagnostics.finding("wait", "starting", "CONNECTING", "Connecting to the exchange.")];
    }
    if (v.exchangeWithheld) return [Diagnostics.permissionDenied()];
    let what = `No connection to the exchange at ${v.stream}.`;
    let todo = v.delivered
      ? "The page reconnects automatically; missed trades are fetched afterwards."
      : "Check the internet connection, a firewall or VPN, and the address. " +
        "If the exchange blocks your country, choose another market.";
    if (!v.online) [what, todo] = ["This computer is offline.", "Check the network; the bridge then continues."];
    return [Diagnostics.finding("bad", "upstream-down", "UPSTREAM DOWN", what, todo)];
  }

  /** @param {Vitals} v */
  static wrongRoute(v) {
    const why = v.retired
      ? "This address was retired: it connects, acknowledges, and never delivers a trade."
      : "The exchange reports new trades, but this address delivers none of them.";
    const todo = v.custom
      ? "Press Stop Bridge, clear “Stream address” under Other addresses (and exchange=… in this page's address), and " +
        "start again: the built-in route ends in /market/stream for futures, /stream for spot."
      : "The exchange has probably moved this stream: look for a newer version of this program, " +
        "or choose another market.";
    return Diagnostics.finding("bad", "wrong-route", "WRONG ROUTE", why, todo);
  }

  /**
   * @param {Vitals} v
   * @returns {Diagnostic[]}
   */
  static quiet(v) {
    if (v.quietMs < Diagnostics.QUIET_MS) {
      const waiting = "Connected to the exchange; waiting for the first trade.";
      return v.delivered ? [] : [Diagnostics.finding("wait", "starting", "STARTING", waiting)];
    }
    const text = v.delivered
      ? "Connected, and no trade of any symbol for a while. " +
        "Quiet symbols do that; a second connection checks that it is not the line."
      : "Connected, and no trade has come yet. Either these symbols trade rarely or the address is wrong, " +
        "and the exchange's REST address shows no new trade that would tell.";
    return [Diagnostics.finding("wait", "market-quiet", "MARKET QUIET", text)];
  }

  /**
   * @param {Vitals} v
   * @returns {Diagnostic[]}
   */
  static server(v) {
    if (v.refusal) return [Diagnostics.refused(v.refusal)];
    if (!v.hasToken) return [Diagnostics.tokenMissing()];
    if (v.server === "live") return v.stalled ? [Diagnostics.stalled()] : [];
    if (v.server !== "waiting" && !v.serverFailures) {
      return [Diagnostics.finding("wait", "starting", "CONNECTING", "Connecting to the bridge server.")];
    }
    if (v.permission === "denied") return [Diagnostics.permissionDenied()];
    const kept = "Rows are kept here and sent when it is back.";
    const [what, todo] = v.answering
      ? [
          `Something answers at ${v.serverUrl} and takes no connection from this page.`,
          "Is another program using this port?",
        ]
      : [`The bridge server at ${v.serverUrl} does not answer.`, "Start it (make run) or look at its log."];
    const asks = v.permission === "prompt" && (v.answering || v.unheard) ? Diagnostics.ASKS : "";
    return [Diagnostics.finding("bad", "server-down", "SERVER DOWN", what, todo, asks, kept)];
  }

  static tokenMissing() {
    return Diagnostics.finding(
      "bad",
      "token-missing",
      "NO TOKEN",
      "This page has no key of the bridge server yet. Start the server (make run) and open the page by the file that",
      "the line below names; bridge/index.html opened as a file reads the key. Or paste the token below.",
    );
  }

  static permissionDenied() {
    return Diagnostics.finding(
      "bad",
      "permission-denied",
      "PERMISSION DENIED",
      "The browser forbids this page to reach programs on this computer.",
      "Open the site settings (icon left of the address) and allow local network access,",
      "or open the page at the server's own address.",
    );
  }

  /** @param {Refusal} refusal */
  static refused({ code, message }) {
    const todo =
      code === "bad-token"
        ? "The token has changed, or another server runs on this port. Open the page again by the file that the line " +
          "below names; opened as a file it reads bridge/token.js again. Or paste the token below."
        : "The page retries every 5 s; reload it if this message stays.";
    return Diagnostics.finding("bad", "refused", "REFUSED BY THE SERVER", `${message} (${code}).`, todo);
  }

  static stalled() {
    const what = "The server takes rows but has confirmed none for some seconds: its disk is full or slow.";
    const todo = "Nothing is lost; free some space and look at the server's log.";
    return Diagnostics.finding("bad", "storage-stalled", "STORAGE STALLED", what, todo);
  }

  /**
   * @param {Vitals} v
   * @returns {Diagnostic[]}
   */
  static flow(v) {
    const backlog = v.queued > Limits.BACKLOG_ROWS;
    const found = v.lost ? [Diagnostics.queueFull(v.lost, backlog)] : backlog ? [Diagnostics.backpressure()] : [];
    found.push(...Diagnostics.past(v));
    if (v.frozenMs > 0) {
      const what = `The browser or computer had stopped this page for ${Math.round(v.frozenMs / 1000)} s.`;
      const todo = "What was missed is fetched. Exempt the page from tab sleeping if it happens again.";
      found.push(Diagnostics.finding("note", "frozen", "PAGE WAS FROZEN", what, todo));
    }
    if (!v.visible) {
      const what = "This tab is hidden and continues to work.";
      const todo = "If the browser puts it to sleep, exempt it in the browser's performance settings.";
      found.push(Diagnostics.finding("note", "hidden", "IN THE BACKGROUND", what, todo));
    }
    return found;
  }

  /**
   * Missing trades, and their recovery.
   * @param {Vitals} v
   */
  static past(v) {
    const found = [];
    const pause = v.pausedMs > 0 ? `The exchange asked for a pause of ${Math.ceil(v.pausedMs / 1000)} s.` : "";
    if (v.gaps) {
      const what = `Missing trades are being fetched (${v.gaps} ${v.gaps === 1 ? "gap" : "gaps"}).`;
      found.push(Diagnostics.finding("note", "fetching", "FETCHING", what, pause));
    }
    if (v.warming.length) {
      const names =
        v.warming.slice(0, 5).join(", ") + (v.warming.length > 5 ? ` and ${v.warming.length - 5} more` : "");
      const what = `The trades before the first one of ${names} are being fetched, so that statistics begin warm.`;
      found.push(Diagnostics.finding("note", "warm-start", "WARM START", what, pause));
    }
    if (v.unfetched.ids) {
      const what = `${v.unfetched.ids.toLocaleString("en")} missing trades could not be fetched: ${v.unfetched.reason}.`;
      const todo = "Bars near them give no signal until they are filled; the dashboard says how.";
      found.push(Diagnostics.finding("note", "gaps-open", "GAPS OPEN", what, todo));
    }
    return found;
  }

  /**
   * @param {number} rows
   * @param {boolean} lasting
   */
  static queueFull(rows, lasting) {
    const what = `${rows.toLocaleString("en")} of the oldest rows were given up because the queue was full;`;
    const rest = "the ranges are in the log. The server asks for them again when it is back.";
    return Diagnostics.finding(lasting ? "bad" : "note", "queue-full", "QUEUE FULL", what, rest);
  }

  static backpressure() {
    const what = "Rows come faster than the server confirms them, or it was away:";
    return Diagnostics.finding("warn", "backpressure", "BACKPRESSURE", what, "they wait here and drain by themselves.");
  }

  /**
   * @param {Vitals} v
   * @returns {Diagnostic[]}
   */
  static clocks(v) {
    if (Math.abs(v.skewMs) > Diagnostics.SKEW_MS) {
      const way = v.skewMs > 0 ? "ahead of" : "behind";
      const what = `This computer's clock is ${(Math.abs(v.skewMs) / 1000).toFixed(1)} s ${way} the exchange's.`;
      const todo = "Trades keep the exchange's times; switch on automatic time.";
      return [Diagnostics.finding("note", "clock-skew", "CLOCK SKEW", what, todo)];
    }
    if (v.lagMs > Limits.LAG_MS && v.lagMs < Diagnostics.REPLAY_MS) {
      const what = `Trades arrive ${(v.lagMs / 1000).toFixed(1)} s late:`;
      const why = "the exchange, the line or this computer is overloaded.";
      return [Diagnostics.finding("note", "exchange-lag", "EXCHANGE LAG", what, why)];
    }
    return [];
  }
}
