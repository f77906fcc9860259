// @ts-check
"use strict";

/** Says on every page that a scan or a backtest has ended: a note that stays until it is dismissed, and the tab's title. */
class PairbridgeJobs {
  constructor() {
    this.phases = /** @type {Object<string, string>} */ ({}); // by kind
    document.addEventListener("visibilitychange", () => this.seen());
  }

  /** @param {Object<string, {phase: string, said: string, path: string}>} jobs by kind */
  receive(jobs) {
    for (const [kind, job] of Object.entries(jobs)) {
      const isOver = this.phases[kind] === "running" && (job.phase === "done" || job.phase === "failed");
      this.phases[kind] = job.phase;
      if (isOver) this.tell(job);
    }
  }

  tell({ said, path }) {
    const note = document.createElement("div");
    note.className = "toast-note";
    const words = document.createElement("a");
    Object.assign(words, { href: path, textContent: said });
    words.addEventListener("click", (event) => {
      event.preventDefault();
      note.remove();
      PairbridgeDom.go(path);
    });
    const close = Object.assign(document.createElement("button"), { type: "button", textContent: "Dismiss" });
    close.addEventListener("click", () => note.remove());
    note.append(words, close);
    document.getElementById("toasts")?.replaceChildren(note);
    if (document.hidden || !document.hasFocus()) document.title = `✓ ${said} – Pairbridge`;
  }

  /** The tab is looked at again. */
  seen() {
    if (!document.hidden && document.title.startsWith("✓")) document.title = "Pairbridge";
  }
}
