"use strict";

const test = require("node:test");
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const vm = require("node:vm");
const { BRIDGE, Diagnostics, classes, page, scripts } = require("./load.js");

const source = (name) => fs.readFileSync(path.join(BRIDGE, name), "utf8");

test("every file of the page is there, and none is left over", () => {
  const files = fs.readdirSync(BRIDGE).filter((name) => !name.startsWith(".") && !["token.js", "types.js"].includes(name));
  assert.deepEqual(files.sort(), ["bridge.css", "index.html", ...scripts].sort());
});

test("nothing is loaded from elsewhere and nothing runs inline", () => {
  assert.ok(!/(src|href)="(https?:)?\/\//.test(page));
  assert.ok(!/<script>|<style>|\son[a-z]+=|javascript:/i.test(page));
  assert.match(page, /default-src 'none'; script-src 'self' file:;/);
  assert.ok(!/unsafe/.test(page));
});

test("the token's place is exactly what the server fills in", () => {
  assert.equal(page.split('<meta name="pairbridge-open" content="">').length, 2);
});

test("every id that the scripts use is in the page, and every id is there once", () => {
  const ids = [...page.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id);
  assert.equal(new Set(ids).size, ids.length);
  const used = [...(source("panel.js") + source("bridge.js")).matchAll(/(?:element|text|#input|on)\("([a-z-]+)"/g)].map(
    ([, id]) => id,
  );
  const counts = [
    "received",
    "acknowledged",
    "queued",
    "inFlight",
    "refused",
    "duplicates",
    "conflicts",
    "fetched",
    "unfetchable",
    "lost",
  ];
  for (const id of [...used, ...counts.map((name) => `count-${name}`)]) assert.ok(ids.includes(id), id);
});

test("every status that the diagnostics gives is documented at the top of the page", () => {
  const codes = [...String(Diagnostics).matchAll(/"([a-z-]+)",\s*"[A-Z]{2}/g)].map(([, code]) => code); // code, TITLE
  assert.ok(codes.length > 20);
  const documented = page.slice(0, page.indexOf("-->"));
  for (const code of new Set(codes)) assert.match(documented, new RegExp(`[ |]${code}[ ;]`), code);
});

test("the worker gets every class that is not the page's own, in the page's order", () => {
  const own = ["Venues", "Auth", "PageStorage", "Form", "Panel", "Chime"];
  const list = source("worker_io.js")
    .match(/const WORKER_CLASSES = \[([^\]]+)\];/)[1]
    .match(/\w+/g);
  assert.deepEqual(
    list,
    Object.keys(classes).filter((name) => !own.includes(name)),
  );
});

test("the worker's source stands on its own", () => {
  const list = source("worker_io.js").match(/const WORKER_CLASSES = (\[[^\]]+\]);/)[1];
  const texts = vm.runInThisContext(list).map(String).join("\n");
  const sent = [];
  const timers = [];
  const scope = { postMessage: (message) => sent.push(message) };
  const sockets = [];
  class WebSocket {
    static OPEN = 1;
    constructor(url) {
      sockets.push(url);
    }
    close() {}
  }
  const world = {
    setInterval: (tick) => timers.push(tick),
    setTimeout: () => 0,
    performance: { now: () => 1 },
    console: { log() {} },
    URL,
    WebSocket,
    fetch: () => new Promise(() => {}),
    AbortSignal,
    EventSource: class {},
    scope,
  };
  vm.runInNewContext(`"use strict";\n${texts}\nnew WorkerIo(scope);`, world);
  const plan = {
    venue: "sim",
    market: "sim",
    stream: "ws://h/market/stream",
    combined: true,
    retired: false,
    rest: "http://h",
    weights: { trades: 20, info: 1, time: 1, minute: 2400 },
    symbols: ["BTCUSDT"],
  };
  scope.onmessage({ data: { type: "start", plan, server: "ws://127.0.0.1:8765/", session: "s", seq: 1, token: "t" } });
  for (const tick of timers) tick();
  assert.deepEqual(sockets, ["ws://127.0.0.1:8765/", "ws://h/market/stream?streams=btcusdt@aggTrade"]);
  assert.equal(sent[0].type, "view");
});
