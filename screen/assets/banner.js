// @ts-check
"use strict";

/** The banner over every page: the state of bridge and dashboard, with a list of findings that can be unfolded. */
class PairbridgeBanner {
  /** Whether data arrive in this state. */
  static arrives(state) {
    return ["LIVE", "MARKET QUIET"].includes(state);
  }

  constructor() {
    this.status = /** @type {any} */ (null); // the newest one from the dashboard
    this.drawn = "";
    this.isOpen = false; // whether the findings are unfolded; kept over a redraw
  }

  /** Show the newest status again, or a new one. */
  show(status = this.status) {
    if (!status) return;
    const box = document.getElementById("bridge-banner");
    const key = JSON.stringify(status);
    if (!box || (key === this.drawn && box.childElementCount)) return;
    this.drawn = key;
    const tone = { LIVE: "is-live", "MARKET QUIET": "is-quiet", "WAITING FOR BRIDGE": "is-waiting", CONNECTING: "is-waiting" }[status.state];
    box.className = `banner ${tone ?? "is-down"}`;
    const state = document.createElement("strong");
    state.textContent = status.state;
    const words = document.createElement("span");
    words.textContent = [status.cause, status.advice].filter(Boolean).join(" ");
    const findings = status.findings ?? [];
    box.replaceChildren(state, words, ...(findings.length ? [this.list(findings)] : []));
    document.title = tone ? "Pairbridge" : `⚠ ${status.state} – Pairbridge`;
  }

  list(findings) {
    const box = document.createElement("details");
    box.open = this.isOpen;
    box.addEventListener("toggle", () => (this.isOpen = box.open));
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
}
