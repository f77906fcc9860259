// @ts-check
"use strict";

/**
 * Plotly's time axes in the chosen zone. Plotly knows no zones: the times of its points are moved, and its hover text
 * names the zone.
 */
class PairbridgePlotTimes {
  constructor() {
    this.sent = /** @type {WeakMap<object, any>} */ (new WeakMap()); // by list of moved times: the list that was sent
    this.isDue = false;
  }

  /** Call when a plot may have been drawn, or the zone is another. */
  check() {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => {
      this.isDue = false;
      for (const plot of document.querySelectorAll(".js-plotly-plot")) this.bring(plot);
    });
  }

  /** @param {any} plot */
  bring(plot) {
    const lists = (plot.data ?? []).map((trace) => trace.x);
    if (plot.layout?.xaxis?.type !== "date" || !lists.length) return;
    const zone = PairbridgeTimes.zone();
    const isThere = lists.every((list) => (zone === "UTC" ? !this.sent.has(list) : this.sent.get(list)?.zone === zone));
    if (isThere) return;
    const name = PairbridgeTimes.zoneAt(Date.now());
    const layout = { "xaxis.hoverformat": `%Y-%m-%d %H:%M:%S ${name}`, "xaxis.autorange": true };
    window.Plotly.update(plot, { x: lists.map((list) => this.moved(list, zone)) }, layout);
  }

  moved(list, zone) {
    const times = this.sent.get(list)?.times ?? list;
    if (zone === "UTC") return times;
    const moved = Array.from(times, (ms) => PairbridgeTimes.shifted(ms));
    this.sent.set(moved, { times, zone });
    return moved;
  }
}
