"use strict";

const test = require("node:test");
const assert = require("node:assert/strict");
const { World } = require("./world.js");

test("a typo is named with its neighbours and no longer subscribed", () => {
  const world = new World({ symbols: ["BTCUSDT", "ETHUSTD"], listed: ["BTCUSDT", "ETHUSDT", "ETCUSDT"] })
    .start()
    .run(1_000);
  world.trade("BTCUSDT");
  world.run(500);
  assert.ok(world.has("unknown-symbol"));
  assert.match(
    world.machine.view(world.now).findings.find(({ code }) => code === "unknown-symbol").text,
    /did you mean ETHUSDT/,
  );
  assert.deepEqual(world.server.subscribed, ["BTCUSDT"]);
  assert.equal(world.status().code, "live", "the others go on");
});

test("of 300 typos ten are told, and how many more there are", () => {
  const typos = Array.from({ length: 300 }, (_, i) => `NONE${i}`);
  const world = new World({ symbols: ["BTCUSDT", ...typos], listed: ["BTCUSDT"] }).start().run(1_000);
  const told = world.log.filter((line) => /not a symbol|more symbols/.test(line));
  assert.equal(told.length, 11);
  assert.match(told[9], /^NONE9 is not a symbol/);
  assert.equal(told[10], "… and 290 more symbols; the table shows which.");
  const found = world.machine.view(world.now).findings.filter(({ code }) => code === "unknown-symbol");
  assert.deepEqual(
    found.map(({ text }) => text),
    told,
  );
  assert.deepEqual(world.server.subscribed, ["BTCUSDT"]);
});

test("of ten typos each is told", () => {
  const typos = Array.from({ length: 10 }, (_, i) => `NONE${i}`);
  const world = new World({ symbols: ["BTCUSDT", ...typos], listed: ["BTCUSDT"] }).start().run(1_000);
  assert.equal(world.log.filter((line) => /not a symbol/.test(line)).length, 10);
  assert.ok(!world.log.some((line) => /more symbols/.test(line)));
});

test("a symbol that trades in spite of the list is subscribed again", () => {
  const world = new World({ listed: ["BTCUSDT"] }).start().run(1_000);
  assert.deepEqual(world.server.subscribed, ["BTCUSDT"]);
  world.trade("ETHUSDT");
  world.run(500);
  assert.deepEqual(world.server.subscribed, ["BTCUSDT", "ETHUSDT"]);
  assert.ok(!world.has("unknown-symbol"));
});

test("if no symbol is known the page says so and does not ask for nothing", () => {
  const world = new World({ listed: ["SOLUSDT"] }).start().run(1_000);
  assert.equal(world.status().code, "unknown-symbol");
  assert.equal(world.server.subscribed.length, 2);
});

test("a delivery contract is noted beside its trades", () => {
  const world = new World();
  world.answer = () => ({
    status: 200,
    text: '{"symbols":[{"symbol":"BTCUSDT","status":"TRADING","contractType":"CURRENT_QUARTER","deliveryDate":1798185600000},{"symbol":"ETHUSDT","status":"TRADING","contractType":""}]}',
    retryAfter: null,
    cause: null,
  });
  world.start().run(21);
  world.trade("BTCUSDT");
  world.run(500);
  const notes = world.machine.view(world.now).symbols.map(({ note }) => note);
  assert.deepEqual(notes, [
    "delivery contract, current quarter, ends 2026-12-25",
    "the exchange gives no contract type",
  ]);
});

test("a list that cannot be read is said, and nothing is refused for it", () => {
  const world = new World();
  world.exchange.rest = { status: 503 };
  world.start().run(1_000);
  assert.ok(world.log.some((line) => /could not be checked: .*HTTP 503/.test(line)));
  assert.ok(!world.has("unknown-symbol"));
});

test("one silent symbol is named when REST shows that it trades", () => {
  const world = new World().start().run(500);
  world.trade("BTCUSDT");
  world.trade("ETHUSDT");
  for (let i = 0; i < 130; i++)
    world.after(i * 1_000, () => (world.trade("BTCUSDT"), world.trade("ETHUSDT", { hidden: true })));
  world.run(100_000);
  assert.equal(world.status().code, "symbol-silent");
  assert.match(world.status().text, /ETHUSDT/);
  world.trade("ETHUSDT");
  world.run(500);
  assert.equal(world.status().code, "live");
});

test("a symbol that rests is left alone", () => {
  const world = new World().start().run(500);
  world.trade("ETHUSDT");
  for (let i = 0; i < 130; i++) world.after(i * 1_000, () => world.trade("BTCUSDT"));
  world.run(130_000);
  assert.equal(world.status().code, "live");
});

test("of many silent symbols one is asked about every 10 s", () => {
  const symbols = ["BTCUSDT", "AUSDT", "BUSDT", "CUSDT"];
  const world = new World({ symbols }).start().run(500);
  for (const symbol of symbols) world.trade(symbol);
  world.run(1_000);
  const before = world.exchange.requests.length;
  for (let i = 0; i < 100; i++) world.after(i * 1_000, () => world.trade("BTCUSDT"));
  world.run(100_000);
  const asked = world.exchange.requests.slice(before).filter(({ url }) => /limit=1$/.test(url));
  assert.deepEqual(
    asked.map(({ url }) => new URL(url).searchParams.get("symbol")),
    ["AUSDT", "BUSDT", "CUSDT"],
  );
  const gaps = asked.slice(1).map(({ at }, i) => at - asked[i].at);
  assert.ok(Math.min(...gaps) >= 10_000, gaps.join());
});
