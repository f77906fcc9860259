// @ts-check
"use strict";

/** The backtest's form outlives a change of the page: its values stay in this browser tab. */
(() => {
  const KEY = "pairbridge-backtest-form";

  /** What was kept, or nothing if the form had other fields then. */
  function kept(count) {
    const values = JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
    return Array.isArray(values) && values.length === count ? values : null;
  }

  window.dash_clientside = Object.assign(window.dash_clientside ?? {}, {
    pairbridgeBacktest: {
      keep(...values) {
        sessionStorage.setItem(KEY, JSON.stringify(values));
      },
      restore() {
        const clientside = window.dash_clientside;
        const count = clientside.callback_context.outputs_list.length;
        return kept(count) ?? new Array(count).fill(clientside.no_update);
      },
    },
  });
})();
