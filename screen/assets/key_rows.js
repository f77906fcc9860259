// @ts-check
"use strict";

/** `j` and `k` through the rows of the page's tables, the plain ones and the grids; Enter opens the row. */
class PairbridgeRows {
  static ROWS = "#page :is(.rows-table, .live-table) tbody tr, #page .ag-center-cols-container .ag-row";

  constructor() {
    this.table = /** @type {Element | null} */ (null); // in which the row is
    this.key = ""; // of the row in its table
  }

  /** The rows from top to bottom; a grid's are not in this order in the document. */
  rows() {
    const shown = [...document.querySelectorAll(PairbridgeRows.ROWS)].filter((row) => row.getClientRects().length);
    return shown.sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top);
  }

  /** What tells a row from the others of its table while it is drawn anew. */
  static keyOf(row) {
    return row.getAttribute("row-id") ?? row.dataset.row ?? String([...(row.parentElement?.children ?? [])].indexOf(row));
  }

  static tableOf(row) {
    return row.closest(".ag-root-wrapper, .rows-table, .rows-scroll, .live-table");
  }

  current(rows) {
    const isSame = (row) => PairbridgeRows.tableOf(row) === this.table && PairbridgeRows.keyOf(row) === this.key;
    return rows.findIndex(isSame);
  }

  /** To the next row, or the previous one (-1). */
  step(by) {
    const rows = this.rows();
    if (!rows.length) return;
    const at = this.current(rows);
    const next = at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + by, 0), rows.length - 1);
    this.choose(rows[next]);
  }

  choose(row) {
    for (const each of document.querySelectorAll(".is-at")) each.classList.remove("is-at");
    this.table = PairbridgeRows.tableOf(row);
    this.key = PairbridgeRows.keyOf(row);
    for (const part of this.parts(row)) part.classList.add("is-at");
    row.scrollIntoView({ block: "nearest" });
    const target = row.querySelector("a[href], .ag-cell") ?? row;
    if (target instanceof HTMLElement) {
      if (!target.matches("a, .ag-cell")) target.tabIndex = -1;
      target.focus({ preventScroll: true });
    }
  }

  /** A grid's row has a part in each of its containers. */
  parts(row) {
    const id = row.getAttribute("row-id");
    return id === null ? [row] : [...(this.table?.querySelectorAll(`[row-id="${CSS.escape(id)}"]`) ?? [])];
  }

  /** A click on a row of a plain table that is of a pair leads to its bar, as the link in it does. */
  clicked(event) {
    const target = event.target instanceof Element ? event.target : null;
    const row = target?.closest(".rows-table tbody tr");
    if (!row || target?.closest("a, button, input, select, summary, label") || String(getSelection() ?? "")) return;
    const link = row.querySelector("td.pair a[href]");
    if (link instanceof HTMLElement) link.click();
  }

  /** Enter on a row that is not a link: what a click on it does. */
  open(event) {
    const row = event.target instanceof Element ? event.target.closest(".ag-row, .rows-table tbody tr") : null;
    if (!row || event.target.closest("a, button, input, select, summary")) return false;
    const inside = row.querySelector("a[href]");
    const target = inside ?? row.querySelector(".ag-cell");
    if (target instanceof HTMLElement) target.click();
    return true;
  }
}
