// Globals of the scripts in screen/assets: the other scripts, and the libraries that Dash loads or that are vendored.

declare const PairbridgeBars: typeof import("./assets/bars.js");
declare const PairbridgeCore: typeof import("./assets/core.js");
declare const PairbridgePace: typeof import("./assets/pace.js");
declare const PairbridgeSavedCore: typeof import("./assets/saved_core.js");
declare const PairbridgeSeries: typeof import("./assets/draw_series.js");
declare const PairbridgeTimes: typeof import("./assets/clock_times.js");
declare const PairbridgeShapes: typeof import("./assets/draw_shapes.js");

interface Window {
  LightweightCharts: any;
  dash_ag_grid: any;
  dash_clientside: any;
  Plotly: any;
  React: any;
  pairbridge_markup: any;
  dashAgGridComponentFunctions: any;
  dashAgGridFunctions: any;
  pairbridgeNumber: (value: unknown, digits: number) => string;
  pairbridgePainted?: { newest: { [leg: string]: [number, number] }; frames: number };
  pairbridgeLogged: () => any[];
  pairbridgeSymbols: () => any[];
  pairbridgeCharts: PairbridgeChartState;
}
