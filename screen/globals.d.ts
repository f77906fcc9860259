// Globals of the scripts in screen/assets: the other scripts, and the libraries that Dash loads.

declare const PairbridgeCore: typeof import("./assets/core.js");

interface Window {
  Plotly: any;
  dash_ag_grid: any;
  dash_clientside: any;
  dashAgGridFunctions: any;
  pairbridgeNumber: (value: unknown, digits: number) => string;
  pairbridgePainted?: { painted_ms: number; at: number; frames: number };
}
