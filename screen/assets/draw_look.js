// @ts-check
"use strict";

/** How the charting library draws: the colours of the theme, the size of the page's type, the zone of times. */
class PairbridgeLook {
  static coloursOf(box) {
    const style = getComputedStyle(box);
    const names = ["ink", "muted", "line", "cyan", "violet", "green", "red", "amber", "on"];
    return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  }

  static options(colours) {
    const grid = { color: colours.line };
    const touch = PairbridgeGestures.options();
    return {
      autoSize: true,
      layout: {
        background: { color: "transparent" },
        textColor: colours.muted,
        fontSize: PairbridgeType.px(12),
        panes: { separatorColor: colours.line, separatorHoverColor: colours.line, ...touch.panes },
      },
      ...touch.gestures,
      grid: { vertLines: grid, horzLines: grid },
      crosshair: { mode: 0 },
      rightPriceScale: { borderVisible: false },
      timeScale: { borderVisible: false, minBarSpacing: 0.001, shiftVisibleRangeOnNewBar: false, timeVisible: true, secondsVisible: true, tickMarkFormatter: PairbridgeTimes.tick },
      localization: { timeFormatter: (time) => PairbridgeTimes.text(time * 1000) },
    };
  }
}
