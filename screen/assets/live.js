// @ts-check
"use strict";

/**
 * Live updates of the screen: receives frames over a WebSocket (or, when that is down, by polling through Dash) and
 * updates the texts, the lists and the charts.
 */
(() => {
  const core = PairbridgeCore;
  const SILENT_MS = 2500; // the dashboard sends a message every second
  const POLL_AFTER_MS = 3000;

  const pair = core.emptyPair();
  const charts = new PairbridgeCharts(pair);
  let wanted = null; // the watch to follow; null: the first
  let tradesOnly = true;
  let socket = null;
  let heard = performance.now();
  let retry = 250;
  let polling = false;
  let banner = null;
  let listed = ""; // the table's watch list
  let told = null; // the newest scan reported to the page

  const byId = (id) => document.getElementById(id);

  function connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    socket = new WebSocket(`${scheme}//${location.host}/api/live`);
    socket.onopen = () => {
      retry = 250;
      ask();
    };
    socket.onmessage = (event) => {
      if (polling) setPolling(false);
      receive(JSON.parse(event.data));
    };
    socket.onclose = () => {
      setTimeout(connect, retry);
      retry = Math.min(retry * 2, 2000);
    };
  }

  function ask() {
    if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ follow: wanted }));
  }

  function receive(message) {
    heard = performance.now();
    if (message.banner) showBanner(message.banner);
    if (message.leaders) showLeaders(message.leaders);
    if (message.notes) showNotes(message.notes);
    if (message.type === "frame") receiveFrame(message);
  }

  function receiveFrame(message) {
    if (wanted !== null && message.watch !== null && message.watch !== wanted && !message.reset) return;
    const isOther = message.reset && message.watch !== pair.watch;
    core.absorb(pair, message);
    if (message.reset || message.log.length || (message.columns.t ?? []).length) charts.invalidate();
    if (isOther) charts.unzoom();
    showTexts(message);
    showLog(message);
    charts.traded(message.trade_ms);
  }

  function showBanner(status) {
    const key = JSON.stringify(status);
    const box = byId("bridge-banner");
    if (!box || (key === banner && box.childElementCount)) return;
    banner = key;
    const tone = { LIVE: "is-live", "MARKET QUIET": "is-quiet", "WAITING FOR BRIDGE": "is-waiting" }[status.state];
    box.className = `banner ${tone ?? "is-down"}`;
    box.replaceChildren();
    const state = document.createElement("strong");
    state.textContent = status.state;
    const words = document.createElement("span");
    words.textContent = [status.cause, status.advice].filter(Boolean).join(" ");
    box.append(state, words);
    if ((status.findings ?? []).length) box.append(findingsList(status.findings));
    document.title = tone ? "Pairbridge" : `⚠ ${status.state} – Pairbridge`;
  }

  let isOpen = false; // whether the list of findings is unfolded; kept over a redraw

  function findingsList(findings) {
    const box = document.createElement("details");
    box.open = isOpen;
    box.addEventListener("toggle", () => (isOpen = box.open));
    const summary = document.createElement("summary");
    summary.textContent = findings.length === 1 ? "1 finding" : `${findings.length} findings`;
    const list = document.createElement("ul");
    for (const finding of findings) {
      const item = document.createElement("li");
      item.dataset.code = finding.code;
      item.textContent = `${finding.what} ${finding.advice}`;
      list.append(item);
    }
    box.append(summary, list);
    return box;
  }

  function showTexts(message) {
    message.text.title = `${pair.names.y} ~ ${pair.names.x}`;
    for (const [name, text] of Object.entries(message.text)) {
      const element = byId(`live-${name}`);
      if (element && element.textContent !== text) element.textContent = text;
    }
    for (const [name, tone] of Object.entries(message.tone)) {
      const element = byId(`live-${name}`);
      if (element) element.dataset.tone = tone;
    }
  }

  /** The texts over charts without data; an empty text uncovers the chart. */
  function showNotes(notes) {
    for (const [chart, sentence] of Object.entries(notes)) {
      const element = byId(`${chart}-note`);
      if (element && element.textContent !== sentence) element.replaceChildren(...(sentence ? [linked(sentence)] : []));
    }
  }

  /** A text with clickable addresses. */
  function linked(sentence) {
    const box = document.createElement("span");
    for (const part of sentence.split(/(https?:\/\/\S+)/)) {
      const isAddress = /^https?:/.test(part);
      const piece = isAddress ? document.createElement("a") : document.createTextNode(part);
      if (isAddress) Object.assign(piece, { href: part, textContent: part, target: "_blank", rel: "noopener" });
      box.append(piece);
    }
    return box;
  }

  function grid(id) {
    try {
      return window.dash_ag_grid.getApi(id);
    } catch {
      return null; // not mounted yet: retried with the next frame
    }
  }

  function isLogged(row) {
    return !tradesOnly || row.kind !== "no_entry";
  }

  function showLog(message) {
    if (!message.reset && !message.log.length) return;
    if (message.reset) log = core.emptyLog(message.log_kept);
    const dropped = core.remember(log, message.log);
    const api = grid("signal-log");
    if (!api || message.reset) fillLog();
    else api.applyTransaction({ add: message.log.filter(isLogged), addIndex: 0, remove: dropped.filter(isLogged) });
  }

  function fillLog() {
    const api = grid("signal-log");
    if (api) api.setGridOption("rowData", core.rowsOf(log).filter(isLogged));
    else setTimeout(fillLog, 100);
  }
  let log = core.emptyLog([0, 0]);

  /** The values of a column that pass its filter in the log's table; null without a filter. */
  function passing(column) {
    const api = grid("signal-log");
    if (!api?.getFilterModel()[column]) return null;
    const values = new Set();
    api.forEachNodeAfterFilter((node) => values.add(node.data[column]));
    return [...values];
  }

  function exportShown(event) {
    const link = event.target instanceof Element ? event.target.closest("#export-log") : null;
    const address = link?.getAttribute("href");
    if (!link || !address) return;
    link.setAttribute(
      "href",
      core.exportAddress(address, tradesOnly, { kind: passing("kind"), reason: passing("reason") }),
    );
  }

  function showLeaders(rows) {
    const api = grid("watch-list");
    if (!api) return;
    for (const row of rows) row.chosen = row.id === String(pair.watch);
    const key = JSON.stringify(rows);
    if (key === listed && api.getDisplayedRowCount()) return; // setting it again would exceed the frame's time
    listed = key;
    api.setGridOption("rowData", rows); // the grid identifies rows by id, and keeps unchanged ones
  }

  function setPolling(on) {
    polling = on;
    window.dash_clientside.set_props("poll", { disabled: !on });
  }

  function watchOver() {
    const silent = performance.now() - heard;
    if (silent > SILENT_MS) {
      showBanner({
        state: "DASHBOARD DISCONNECTED",
        cause: `Nothing from the dashboard for ${Math.round(silent / 1000)} s.`,
        advice: "Is its process running? This page reconnects by itself.",
      });
    }
    if (silent > POLL_AFTER_MS && !polling && socket && socket.readyState !== WebSocket.OPEN) setPolling(true);
  }

  function step(by) {
    const api = grid("watch-list");
    if (!api) return;
    const nodes = [];
    api.forEachNodeAfterFilterAndSort((node) => nodes.push(node));
    const at = nodes.findIndex((node) => node.data.id === String(pair.watch));
    const next = nodes[(at + by + nodes.length) % nodes.length];
    if (next) window.dash_clientside.set_props("watch-id", { data: Number(next.data.id) });
  }

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target instanceof Element && event.target.closest("input, select, textarea, [role=textbox]")) return;
    const actions = {
      j: () => step(1),
      k: () => step(-1),
      f: () => charts.unzoom(),
      e: () => byId("export-log")?.click(),
      "?": () => byId("help-open")?.click(),
    };
    actions[event.key]?.();
  }

  window.pairbridgeNumber = core.number;
  window.pairbridgeCharts = new PairbridgeChartState(charts);
  window.dashAgGridFunctions = Object.assign(window.dashAgGridFunctions ?? {}, {
    pairbridgeNumber: core.number,
    pairbridgeShare: core.share,
    pairbridgeMoment: core.moment,
  });
  window.dash_clientside = Object.assign(window.dash_clientside ?? {}, {
    pairbridge: {
      polled(frame) {
        if (frame && polling) receive(frame);
      },
      follow(watch) {
        if (watch !== null && watch !== undefined && watch !== wanted) {
          wanted = watch;
          ask();
        }
      },
      showTab(value) {
        /** @type {HTMLElement} */ (document.querySelector(".page")).dataset.tab = value;
        window.dash_clientside.set_props("scan-poll", { disabled: value !== "scan" });
        window.dispatchEvent(new Event("resize")); // charts that were hidden have no size yet
        charts.paintSoon();
      },
      freshScan(newest) {
        if (newest === null || newest === undefined || newest === told) return window.dash_clientside.no_update;
        told = newest;
        return newest;
      },
      showLeg(value) {
        charts.showLeg(value);
      },
      filterLog(value) {
        tradesOnly = (value ?? []).includes("trades");
        fillLog();
      },
    },
  });
  document.addEventListener("keydown", onKey);
  document.addEventListener("click", exportShown, true); // before the browser follows the link
  setInterval(watchOver, 250);
  connect();
})();
