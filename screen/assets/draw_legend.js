// @ts-check
"use strict";

/**
 * The legends over the panes: a button for each series, which hides or shows it, with its value at the bar under the
 * cross-hair, and the decision of that bar.
 */
class PairbridgeLegend {
  static AIR = 14; // px between a legend and the data: a mark of a decision is half as high

  /**
   * @param {HTMLElement} box lies over the chart
   * @param {PairbridgeCharts} charts
   */
  constructor(box, charts) {
    this.box = box;
    this.charts = charts;
    this.built = "";
    this.values = /** @type {Map<string, HTMLElement>} */ (new Map());
    this.rows = /** @type {Map<string, HTMLElement>} */ (new Map());
    this.rooms = /** @type {Map<string, number>} */ (new Map()); // the height of each legend, px: the largest so far
    this.width = 0; // of the box, for which they are
    this.sizes = new ResizeObserver(() => this.place());
    box.addEventListener("click", (event) => this.clicked(event));
  }

  clicked(event) {
    const button = event.target instanceof Element ? event.target.closest("[data-series]") : null;
    if (!(button instanceof HTMLElement)) return;
    const key = button.dataset.series ?? "";
    button.setAttribute("aria-pressed", String(this.charts.toggle(key)));
  }

  /** Show the values of a bar; of the newest without one (null). `panes`: those in which they may have changed. */
  show(at, panes = this.charts.panes) {
    this.build();
    const { pair, leg } = this.charts;
    for (const pane of panes) {
      const base = pane.base();
      for (const series of this.charts.seriesOf(pane.spec.id)) {
        const text = PairbridgeSeries.legendOf(series, pair, at, base);
        const element = this.values.get(series.key);
        if (element) PairbridgeDom.write(element, text);
      }
    }
    if (panes.length < this.charts.panes.length) return; // only the forming candle is another
    const time = this.values.get("time");
    const text = PairbridgeSeries.timeText(pair, at ?? pair.bars.size - 1);
    if (time && time.textContent !== text) time.textContent = text;
    this.box.dataset.leg = leg;
  }

  /** Show the values of the candle that forms. */
  traded() {
    if (this.charts.chart && !this.charts.isStale) this.show(this.charts.at, this.charts.prices);
  }

  /** The buttons, anew when the series are others. */
  build() {
    const wanted = this.charts.panes.map((pane) => this.charts.seriesOf(pane.spec.id).map(({ key, name }) => [key, name]));
    const key = JSON.stringify(wanted);
    if (key === this.built) return;
    this.built = key;
    this.values.clear();
    this.rows.clear();
    this.rooms.clear();
    this.sizes.disconnect();
    const rows = this.charts.panes.map((pane) => this.row(pane.spec));
    this.box.replaceChildren(...rows);
    this.place();
  }

  row(spec) {
    const row = document.createElement("div");
    row.className = "legend";
    row.dataset.pane = spec.id;
    const title = document.createElement("strong");
    title.textContent = spec.title;
    row.append(title);
    if (spec === this.charts.panes[0].spec) row.append(this.value("time", "span"));
    for (const series of this.charts.seriesOf(spec.id)) row.append(this.button(series));
    this.rows.set(spec.id, row);
    this.sizes.observe(row);
    return row;
  }

  button(series) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.series = series.key;
    button.title = `Hide or show: ${series.name}`;
    button.setAttribute("aria-pressed", String(!this.charts.hidden.has(series.key)));
    const swatch = document.createElement("i");
    swatch.style.background = `var(--${series.colour})`;
    button.append(swatch, document.createTextNode(`${series.name} `), this.value(series.key, "b"));
    return button;
  }

  value(key, tag) {
    const element = document.createElement(tag);
    element.dataset.value = key;
    this.values.set(key, element);
    return element;
  }

  /** Data are drawn under the legend, not beneath it; the room only grows, so that nothing jumps with a value's digits. */
  makeRoom(pane, legend, height) {
    const room = Math.max(this.rooms.get(pane.spec.id) ?? 0, legend);
    this.rooms.set(pane.spec.id, room);
    if (height) pane.leaveAbove((room + PairbridgeLegend.AIR) / height);
  }

  /** Put legends and the texts over empty panes where the panes are. */
  place() {
    if (!this.charts.chart) return; // another page is shown
    for (const { id } of PairbridgeSeries.PANES) {
      const note = document.getElementById(`${id}-note`);
      if (note) note.hidden = !this.charts.order.includes(id);
    }
    if (this.box.offsetWidth !== this.width) this.rooms.clear();
    this.width = this.box.offsetWidth;
    for (const pane of this.charts.panes) {
      const { spec } = pane;
      const element = pane.element();
      if (!element) continue;
      const row = this.rows.get(spec.id);
      if (row) row.style.top = `${element.offsetTop}px`;
      if (row) this.makeRoom(pane, row.offsetHeight, element.offsetHeight);
      const note = document.getElementById(`${spec.id}-note`);
      if (note) Object.assign(note.style, { top: `${element.offsetTop}px`, height: `${element.offsetHeight}px` });
    }
  }
}
