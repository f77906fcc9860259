// @ts-check
"use strict";

/**
 * The size of type: theme.css sets it at the root, by the width of the window, and every text of the page follows in
 * rem. What CSS does not reach follows here: the canvases of the chart, Plotly's figures, the columns of the grids.
 */
class PairbridgeType {
  static PLAIN = 16; // px of a rem on which widths and sizes in scripts count

  /** @param {() => void} changed called after the size is another */
  constructor(changed) {
    PairbridgeType.rem = PairbridgeType.measured();
    this.wasOther = false;
    window.addEventListener("resize", () => {
      const before = PairbridgeType.rem;
      PairbridgeType.rem = PairbridgeType.measured();
      if (before === PairbridgeType.rem) return;
      this.bring();
      changed();
    });
  }

  static rem = PairbridgeType.PLAIN; // px, now

  static measured() {
    return parseFloat(getComputedStyle(document.documentElement).fontSize);
  }

  /** Pixels that are meant for plain type, as large as type is now. */
  static px(plain) {
    return (plain * PairbridgeType.rem) / PairbridgeType.PLAIN;
  }

  /** Call when grids or plots may have come. Free of cost where type has always been plain. */
  bring() {
    this.wasOther ||= PairbridgeType.rem !== PairbridgeType.PLAIN;
    if (!this.wasOther) return;
    for (const each of document.querySelectorAll(".grid")) this.grid(PairbridgeDom.grid(each.id));
    for (const each of document.querySelectorAll(".js-plotly-plot")) this.plot(each);
  }

  /** The columns of a grid, as wide as their texts need. */
  grid(api) {
    const before = api?.pairbridgeRem ?? PairbridgeType.PLAIN;
    if (!api || before === PairbridgeType.rem) return;
    api.pairbridgeRem = PairbridgeType.rem;
    const factor = PairbridgeType.rem / before;
    const state = api.getColumnState().map(({ colId, width }) => ({ colId, width: Math.round(width * factor) }));
    api.applyColumnState({ state });
  }

  /** A figure's text has one size, which titles of axes and texts in cells name again. @param {any} plot */
  plot(plot) {
    const size = PairbridgeType.px(12);
    if (!plot.layout?.font || plot.layout.font.size === size) return;
    const titled = ["xaxis", "yaxis"].filter((axis) => plot.layout[axis]?.title?.font);
    const titles = Object.fromEntries(titled.map((axis) => [`${axis}.title.font.size`, size]));
    const cells = plot.data.flatMap((trace, at) => (trace.textfont ? [at] : []));
    window.Plotly.update(plot, cells.length ? { "textfont.size": size } : {}, { "font.size": size, ...titles }, cells);
  }
}
