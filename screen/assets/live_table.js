// @ts-check
"use strict";

/**
 * A table of many rows in a box that scrolls (screen/components/live_table.py): only the rows in view are in the
 * document, and only texts that change are written. A click on a head sorts.
 */
class PairbridgeTable {
  static AROUND = 6; // rows above and below those in view
  static SORTS = { ascending: "descending", descending: "none", none: "ascending" };

  /**
   * @param {string} id of the box
   * @param {Object<string, (value: any) => string>} texts of fields that are not texts
   * @param {{sort?: string[], row?: (element: HTMLElement, row: any) => void, open?: (row: any) => void, most?: number}}
   *   more sort: the field and direction from the start; row: called for each row that is drawn; open: what a click on
   *   a row does; most: so many rows are seen without scrolling, 0: as many as fit into the box as it is
   */
  constructor(id, texts, { sort = ["", "none"], row = () => {}, open = () => {}, most = 0 } = {}) {
    this.id = id;
    this.texts = texts;
    this.sort = sort;
    this.row = row;
    this.open = open;
    this.most = most;
    this.words = /** @type {string[]} */ ([]); // a row is shown if it has all of them
    this.rows = /** @type {any[]} */ ([]);
    this.sorted = /** @type {any[]|null} */ (null);
    this.isDue = false;
    this.box = /** @type {HTMLElement|null} */ (null);
  }

  /** Other rows, or rows in which something has changed. */
  show(rows) {
    this.rows = rows;
    this.sorted = null;
    this.drawSoon();
  }

  /** Only rows in which these words are, in any case and column. */
  filter(text) {
    this.words = text.toLowerCase().split(/\s+/).filter(Boolean);
    this.show(this.rows);
  }

  passing() {
    if (!this.words.length) return this.rows;
    const fields = this.heads.map((head) => head.dataset.field ?? "");
    return this.rows.filter((row) => {
      const said = fields.map((field) => this.text(row, field).toLowerCase());
      return this.words.every((word) => said.some((text) => text.includes(word)));
    });
  }

  /** Those that pass, as they are sorted; equal ones in the order in which they were given. */
  ordered() {
    this.sorted ??= PairbridgeCore.sorted(this.passing(), ...this.sort);
    return this.sorted;
  }

  text(row, field) {
    return this.texts[field]?.(row[field]) ?? String(row[field] ?? "");
  }

  drawSoon() {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => {
      this.isDue = false;
      this.draw();
    });
  }

  draw() {
    const box = PairbridgeDom.byId(this.id);
    if (box !== this.box) this.listen(box);
    if (!box) return; // another page is shown
    const rows = this.ordered();
    const height = parseFloat(getComputedStyle(box).getPropertyValue("--row")) * PairbridgeType.rem;
    if (this.most) box.style.height = `${(Math.min(Math.max(rows.length, 1), this.most) + 1) * height + 2}px`; // head, border
    const from = Math.max(Math.floor(box.scrollTop / height) - PairbridgeTable.AROUND, 0);
    const part = rows.slice(from, from + Math.ceil(box.clientHeight / height) + 2 * PairbridgeTable.AROUND);
    box.querySelector("table")?.setAttribute("aria-rowcount", String(rows.length + 1));
    box.toggleAttribute("data-empty", !rows.length);
    if (!rows.length) this.sayNone(box);
    const body = /** @type {HTMLTableSectionElement} */ (box.querySelector("tbody"));
    body.style.setProperty("--above", `${from * height}px`);
    body.style.setProperty("--below", `${(rows.length - from - part.length) * height}px`);
    while (body.rows.length > part.length) body.lastElementChild?.remove();
    part.forEach((row, at) => this.fill(body.rows[at] ?? this.added(body), row, from + at));
  }

  /** Why there is no row. */
  sayNone(box) {
    const said = box.querySelector(".rows-empty");
    PairbridgeDom.write(said, this.rows.length ? "No row has these words." : said.dataset.said);
  }

  get heads() {
    return [...(this.box?.querySelectorAll("th") ?? [])];
  }

  added(body) {
    const line = document.createElement("tr");
    for (const head of this.heads) {
      const cell = document.createElement("td");
      cell.className = head.className;
      line.append(cell);
    }
    body.append(line);
    return line;
  }

  fill(line, row, at) {
    line.setAttribute("aria-rowindex", String(at + 2));
    line.dataset.row = String(at);
    this.heads.forEach((head, column) => {
      const text = this.text(row, head.dataset.field ?? "");
      const cell = line.cells[column];
      const target = cell.firstElementChild ?? cell;
      if (target.textContent !== text) target.textContent = text;
    });
    this.row(line, row);
  }

  /** Once per mounted box. */
  listen(box) {
    this.box = box;
    if (!box) return;
    box.addEventListener("scroll", () => this.drawSoon(), { passive: true });
    box.addEventListener("click", (event) => this.clicked(event));
    this.showSort();
  }

  clicked(event) {
    const target = event.target instanceof Element ? event.target : null;
    const head = /** @type {HTMLElement|null} */ (target?.closest("th") ?? null);
    const line = /** @type {HTMLElement|null} */ (target?.closest("tr[data-row]") ?? null);
    if (head) this.sortBy(head.dataset.field ?? "");
    else if (line) {
      event.preventDefault(); // a link in the row leads to the same place, without a reload
      this.open(this.ordered()[Number(line.dataset.row)]);
    }
  }

  sortBy(field) {
    const [sorted, direction] = this.sort;
    this.sort = [field, PairbridgeTable.SORTS[field === sorted ? direction : "none"]];
    this.showSort();
    this.show(this.rows);
  }

  showSort() {
    const [field, direction] = this.sort;
    for (const head of this.heads) head.setAttribute("aria-sort", head.dataset.field === field ? direction : "none");
  }
}
