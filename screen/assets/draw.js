// @ts-check
"use strict";

/**
 * The charts of one pair, painted at most once per animation frame. They keep the user's zoom: data is replaced,
 * axes are not.
 */
class PairbridgeCharts {
  static IDS = ["price-chart", "legs-chart", "spread-chart", "z-chart", "beta-chart", "gate-chart"];
  static SHOWN_BARS = { "price-chart": 180 };
  static SHOWN = 480;
  static CANDLES = 360; // of a chart that the user has moved; more would exceed the frame's time
  static AT_ONCE = 2; // charts in one animation frame

  /** @param {ReturnType<typeof PairbridgeCore.emptyPair>} pair its data, owned by the caller */
  constructor(pair) {
    this.pair = pair;
    this.leg = "y";
    this.zoomed = new Set();
    this.stale = new Set(PairbridgeCharts.IDS); // stale charts, the longest stale first
    this.isDue = false;
    this.frames = 0;
    this.trade_ms = 0; // the newest known trade, for measurements
  }

  /** Call when more than the last candle has changed. */
  invalidate() {
    this.stale = new Set([...this.stale, ...PairbridgeCharts.IDS]);
  }

  /** Makes all charts follow the market again. */
  unzoom() {
    this.zoomed.clear();
    this.invalidate();
    this.paintSoon();
  }

  /** Candles of "y" or "x". */
  showLeg(leg) {
    this.leg = leg;
    this.zoomed.delete("price-chart");
    this.stale.add("price-chart");
    this.paintSoon();
  }

  /** Call when a trade has moved the forming candle. */
  traded(trade_ms) {
    this.trade_ms = trade_ms ?? this.trade_ms;
    this.stale.add("price-chart");
    this.paintSoon();
  }

  /** Draw stale charts in the next animation frame. */
  paintSoon() {
    if (!this.isDue) requestAnimationFrame(() => this.paint());
    this.isDue = true;
  }

  /**
   * Draw a few of the stale charts, the price chart first: it changes with each trade, the others with a complete bar,
   * and drawing all six in one frame would delay the next trades.
   */
  paint() {
    this.isDue = false;
    const inOrder = [...this.stale].sort((a, b) => Number(b === "price-chart") - Number(a === "price-chart"));
    const mounted = inOrder.map((id) => [id, this.plot(id)]).filter(([, gd]) => gd?.data); // the rest stays stale
    for (const [id, gd] of mounted.slice(0, PairbridgeCharts.AT_ONCE)) {
      this.draw(id, gd);
      this.stale.delete(id);
    }
    if (mounted.length > PairbridgeCharts.AT_ONCE) this.paintSoon();
    this.frames += 1;
    if (!this.trade_ms) return;
    const painted = { at: this.trade_ms, frames: this.frames };
    requestAnimationFrame(() => (window.pairbridgePainted = { ...painted, painted_ms: Date.now() }));
  }

  plot(id) {
    return /** @type {any} */ (document.getElementById(id)?.querySelector(".js-plotly-plot"));
  }

  draw(id, gd) {
    if (!gd.pairbridge) this.listen(id, gd);
    const isZoomed = this.zoomed.has(id);
    const shown = PairbridgeCharts.SHOWN_BARS[id] ?? PairbridgeCharts.SHOWN;
    const candles = isZoomed ? PairbridgeCharts.CANDLES : shown;
    for (const trace of gd.data) {
      Object.assign(trace, PairbridgeCore.drawn(this.pair, trace.meta, this.leg, candles));
      if (trace.meta.optional) trace.visible = trace.y.length > 0;
    }
    if (id === "legs-chart") {
      gd.data[0].name = this.pair.names.y;
      gd.data[1].name = this.pair.names.x;
    }
    if (id === "spread-chart") gd.layout.yaxis.ticksuffix = this.pair.spreadUnit;
    if (this.pair.shapes[id]) gd.layout.shapes = this.pair.shapes[id];
    if (id === "price-chart") gd.layout.shapes = PairbridgeCore.boundaries(this.pair, this.leg);
    if (!isZoomed) this.fit(id, gd, shown);
    gd.layout.datarevision = (gd.layout.datarevision ?? 0) + 1;
    window.Plotly.react(gd, gd.data, gd.layout);
  }

  /** Notices the user's zoom. */
  listen(id, gd) {
    gd.pairbridge = true;
    for (const moved of ["plotly_relayouting", "plotly_relayout"]) {
      gd.on(moved, (change) => {
        if ("xaxis.range[0]" in change || "yaxis.range[0]" in change) this.zoomed.add(id);
      });
    }
    gd.on("plotly_doubleclick", () => this.follow(id, gd));
  }

  follow(id, gd) {
    this.zoomed.delete(id);
    this.draw(id, gd);
    return false; // instead of Plotly's double-click action
  }

  /** Shows the newest bars. */
  fit(id, gd, bars) {
    const range = PairbridgeCore.latest(this.pair, bars);
    if (range) gd.layout.xaxis.range = range;
    gd.layout.xaxis.autorange = !range;
    if (range && id !== "gate-chart") this.fitY(id, gd, range);
  }

  /** Fits the y axis to the visible x range, without older extremes. */
  fitY(id, gd, range) {
    const drawn = this.visibleExtremes(gd, range);
    if (drawn[0] > drawn[1]) return;
    const levels = (gd.layout.shapes ?? []).map(({ y0 }) => y0).filter((y0) => id === "z-chart" && Math.abs(y0) < 6);
    const low = Math.min(drawn[0], ...levels);
    const high = Math.max(drawn[1], ...levels);
    const air = (high - low) * 0.06 || Math.abs(high) * 1e-4 || 1e-9;
    gd.layout.yaxis.range = [low - air, high + air];
    gd.layout.yaxis.autorange = false;
  }

  /** The smallest and the largest drawn value of an x range; without any, [Infinity, -Infinity]. */
  visibleExtremes(gd, range) {
    let low = Infinity;
    let high = -Infinity;
    for (const trace of gd.data) {
      if (trace.yaxis === "y2" || trace.meta.marks) continue;
      const lows = trace.low ?? trace.y;
      const highs = trace.high ?? trace.y;
      for (let i = 0; i < trace.x.length; i++) {
        if (trace.x[i] < range[0] || lows[i] === null || highs[i] === null) continue;
        low = Math.min(low, lows[i]);
        high = Math.max(high, highs[i]);
      }
    }
    return [low, high];
  }
}
