// @ts-check
"use strict";

/** The log of a pair's decisions: its rows, and what filters them on the screen and in the export. */
class PairbridgeLog {
  static TEXTS = {
    bar_close: (value) => PairbridgeCore.moment(value),
    given_at: (value) => PairbridgeCore.moment(value),
    z: (value) => PairbridgeCore.signed(value, 2),
    gate_pvalue: (value) => PairbridgeCore.share(value),
    ...Object.fromEntries(
      Object.entries({
        spread: 6, beta: 4, y_price: -10, x_price: -10, quantity_y: -6, quantity_x: -6,
      }).map(([field, digits]) => [field, (value) => PairbridgeCore.number(value, digits)]),
    ),
  };

  constructor() {
    this.log = PairbridgeCore.emptyLog([0, 0]);
    this.tradesOnly = true;
    this.table = new PairbridgeTable("signal-log", PairbridgeLog.TEXTS, { sort: ["bar_close", "descending"] });
    document.addEventListener("change", (event) => {
      if (event.target instanceof Element && event.target.matches("[data-log-filter]")) this.fill();
    });
  }

  receive(message) {
    const fresh = message.log ?? [];
    if (!message.reset && !fresh.length) return;
    if (message.reset) this.log = PairbridgeCore.emptyLog(message.log_kept);
    PairbridgeCore.remember(this.log, fresh);
    this.fill();
  }

  /** The page has been mounted, with its filters as they are at first. */
  mounted() {
    this.tradesOnly = true;
    this.fill();
  }

  fill() {
    const { kind, reason } = this.filters();
    const passes = (value, wanted) => wanted === null || value === wanted[0];
    const isShown = (row) => !(this.tradesOnly && row.kind === "no_entry") && passes(row.kind, kind) && passes(row.reason, reason);
    this.table.show(PairbridgeCore.rowsOf(this.log).filter(isShown));
  }

  filter(value) {
    this.tradesOnly = (value ?? []).includes("trades");
    this.fill();
  }

  /** The values that pass, by column; null for all. */
  filters() {
    const chosen = (name) => {
      const select = document.querySelector(`[data-log-filter="${name}"]`);
      return select instanceof HTMLSelectElement && select.value ? [select.value] : null;
    };
    return { kind: chosen("kind"), reason: chosen("reason") };
  }

  /** Before the browser follows the link of the export: with the filters of the table. */
  exported(event) {
    const link = event.target instanceof Element ? event.target.closest("#export-log") : null;
    const address = link?.getAttribute("href");
    if (!link || !address) return;
    link.setAttribute("href", PairbridgeCore.exportAddress(address, this.tradesOnly, this.filters()));
  }
}
