"use strict";

const test = require("node:test");
const assert = require("node:assert/strict");
const { World } = require("./world.js");
const { Budget, Fetcher } = require("./load.js");

const HOUR = 3_600_000;
const T0 = 1_790_046_000_000;

/** Rows of klines, as the exchange words them. */
function klines(url) {
  const [start, end, limit] = ["startTime", "endTime", "limit"].map((name) => Number(url.searchParams.get(name)));
  const rows = [];
  for (let at = start; at <= end && rows.length < limit; at += HOUR)
    rows.push([at, "1.5", "2", "1", "1.75", "10.5", at + HOUR - 1, "15", 3, "5", "7", "0"]);
  return rows;
}

function answering(more = {}) {
  const world = new World(more).start().run(500);
  world.exchange.market = (url) => {
    if (url.pathname.endsWith("/klines")) return klines(url);
    if (url.pathname.endsWith("/premiumIndex")) {
      const mark = { symbol: "BTCUSDT", time: T0, markPrice: "85000.1", indexPrice: "85000.2" };
      const marks = [{ ...mark, lastFundingRate: "0.0001", nextFundingTime: T0 + HOUR }, { ...mark, symbol: "X" }];
      return url.searchParams.get("symbol") ? marks[0] : marks;
    }
    if (url.pathname.endsWith("/fundingRate"))
      return [{ symbol: "BTCUSDT", fundingTime: T0, fundingRate: "-0.0002", markPrice: "" }];
    return undefined;
  };
  return world;
}

const asked = (world, path) => world.exchange.requests.filter(({ url }) => url.includes(path)).map(({ url }) => url);
const span = (bars, symbol = "BTCUSDT") => ({ symbol, width_ms: HOUR, from_ms: T0 - bars * HOUR, to_ms: T0 });

test("the page says what it can bring, by market", () => {
  assert.deepEqual(new World().start().run(500).server.hellos[0].can, ["klines", "tickers", "funding", "subscribe"]);
  assert.deepEqual(new World({ venue: "spot" }).start().machine.serverLink.hello.can, ["klines", "tickers", "subscribe"]);
});

test("candles are fetched and brought as they came, without what lies outside", () => {
  const world = answering();
  world.serverSays({ type: "fetch_bars", ...span(3), urgent: false });
  world.run(500);
  const rows = [3, 2, 1].map((n) => [T0 - n * HOUR, "1.5", "2", "1", "1.75", "10.5"]);
  assert.deepEqual(world.server.history, [{ type: "bars", ...span(3), rows }]);
  const [url] = asked(world, "klines");
  assert.match(url, /\/fapi\/v1\/klines\?symbol=BTCUSDT&interval=1h&startTime=\d+&endTime=\d+&limit=3$/);
  assert.equal(world.machine.serverRequests.history.bars, 3);
});

test("the same request twice is one, and a server that comes back has to ask again", () => {
  const world = answering();
  world.serverSays({ type: "fetch_bars", ...span(3) });
  world.serverSays({ type: "fetch_bars", ...span(3) });
  world.run(12);
  world.killServer();
  world.run(3_000);
  assert.equal(asked(world, "klines").length, 1);
  assert.equal(world.server.history.length, 0);
  world.server.up = true;
  world.run(3_000);
  world.serverSays({ type: "fetch_bars", ...span(3) });
  world.run(500);
  assert.equal(world.server.history.length, 1);
});

test("what cannot be had is told with its reason, after three tries or at once", () => {
  const world = answering();
  world.exchange.rest = { status: 500 };
  world.serverSays({ type: "fetch_bars", ...span(3) });
  world.run(20_000);
  assert.equal(asked(world, "klines").length, 3);
  assert.match(world.server.history[0].reason, /HTTP 500/);
  world.exchange.rest = { status: 451 };
  world.serverSays({ type: "fetch_bars", ...span(4) });
  world.run(1_000);
  assert.equal(world.server.history[1].reason, "geo-blocked (HTTP 451)");
  world.exchange.rest = "blocked";
  world.serverSays({ type: "fetch_bars", ...span(5) });
  world.run(20_000);
  assert.equal(world.server.history[2].reason, Fetcher.BLOCKED);
  world.serverSays({ type: "fetch_bars", ...span(5), width_ms: 7_000 });
  world.run(100);
  assert.match(world.server.history[3].reason, /no such candles/);
  assert.ok(world.server.history.every(({ type }) => type === "unfetchable_bars"));
});

test("a pause that the exchange asks for is kept, and then it goes on", () => {
  const world = answering();
  world.exchange.rest = { status: 429, retryAfter: "20" };
  world.serverSays({ type: "fetch_bars", ...span(3) });
  world.run(1_000);
  world.exchange.rest = "ok";
  world.run(15_000);
  assert.equal(asked(world, "klines").length, 1);
  world.run(6_000);
  assert.equal(world.server.history[0]?.type, "bars");
});

test("no more than a quarter of the weight is spent in any minute, and 60 % only while the user waits", () => {
  for (const [urgent, share] of [
    [false, Budget.SHARE],
    [true, Budget.URGENT_SHARE],
  ]) {
    const world = answering();
    for (let n = 0; n < 600; n++) {
      const { symbol, width_ms, from_ms, to_ms } = span(1_000, `S${n}`);
      world.serverSays({ type: "fetch_bars", symbol, width_ms, from_ms, to_ms, urgent });
    }
    const seen = [];
    for (let second = 0; second < 120; second++) {
      world.run(1_000);
      const { spent } = world.machine.restRequests.budget;
      seen.push(spent.filter(({ at }) => world.now - at < 60_000).reduce((sum, { weight }) => sum + weight, 0));
    }
    const most = Math.max(...seen);
    assert.ok(most <= 2_400 * share && most > 2_400 * share - 30, `${most}`);
    const others = world.exchange.requests.filter(({ url }) => !url.includes("klines")).length; // by 20 at most
    assert.ok(others < 10 && world.server.history.length >= (2 * 2_400 * share - 20 * others) / 5 - 4);
  }
});

test("marks come in one message, of many symbols with one request", () => {
  const world = answering();
  world.serverSays({ type: "fetch_funding", kind: "mark", symbols: ["BTCUSDT"] });
  world.run(500);
  const row = ["BTCUSDT", "mark", T0, "0.0001", "85000.1", "85000.2", T0 + HOUR];
  assert.deepEqual(world.server.history, [{ type: "funding", rows: [row] }]);
  world.serverSays({ type: "fetch_funding", kind: "mark", symbols: ["BTCUSDT", ..."ABCDEFGHI"] });
  world.run(500);
  assert.deepEqual(world.server.history[1], { type: "funding", rows: [row] }, "X was not asked for");
  assert.deepEqual(
    asked(world, "premiumIndex").map((url) => url.split("premiumIndex")[1]),
    ["?symbol=BTCUSDT", ""],
  );
});

test("settled rates are fetched since the newest that is known", () => {
  const world = answering();
  world.serverSays({ type: "fetch_funding", kind: "settled", symbols: ["BTCUSDT"], since_ms: 5 });
  world.run(500);
  assert.deepEqual(world.server.history[0].rows, [["BTCUSDT", "settled", T0, "-0.0002", null, null, null]]);
  assert.match(asked(world, "fundingRate")[0], /symbol=BTCUSDT&limit=500&startTime=5$/);
  world.exchange.rest = { status: 403 };
  world.serverSays({ type: "fetch_funding", kind: "settled", symbols: ["ETHUSDT"], since_ms: 0 });
  world.run(1_000);
  assert.equal(world.server.history.length, 1);
  assert.ok(world.log.some((line) => /^No funding of ETHUSDT/.test(line)));
});

test("the day's volumes are brought, the greatest first, or why not", () => {
  const world = answering();
  const market = world.exchange.market;
  const ticker = (symbol, quoteVolume, closeTime) => ({ symbol, quoteVolume, closeTime, lastPrice: "1" });
  const all = [ticker("AUSDT", "5.5", T0), ticker("BUSDT", "1234567.25", T0 + 7), ticker("CUSDT", "0", T0 - 9)];
  world.exchange.market = (url) => (url.pathname.endsWith("/ticker/24hr") ? all : market(url));
  world.serverSays({ type: "fetch_tickers" });
  world.run(500);
  const rows = [["BUSDT", "1234567.25"], ["AUSDT", "5.5"], ["CUSDT", "0"]]; // prettier-ignore
  assert.deepEqual(world.server.history, [{ type: "tickers", time_ms: T0 + 7, rows }]);
  const { spent } = world.machine.restRequests.budget;
  assert.ok(spent.some(({ weight, urgent }) => weight === 40 && urgent));
  world.exchange.rest = { status: 451 };
  world.serverSays({ type: "fetch_tickers" });
  world.run(1_000);
  assert.deepEqual(world.server.history[1], { type: "unfetchable_tickers", reason: "geo-blocked (HTTP 451)" });
});

test("what is not urgent keeps its quarter while a scan takes the rest, and neither waits for the other", () => {
  const budget = new Budget(2_400);
  let urgent = 0;
  while (budget.spend(5, 0, true)) urgent += 5;
  assert.equal(urgent, 1_440);
  assert.ok(!budget.spend(5, 0, false), "the sum stays below 60 %");
  const mixed = new Budget(2_400);
  let usual = 0;
  while (mixed.spend(20, 0)) usual += 20;
  assert.equal(usual, 600);
  assert.ok(mixed.spend(840, 0, true) && !mixed.spend(1, 0, true) && !mixed.spend(1, 0));
  const late = new Budget(2_400);
  assert.ok(late.spend(1_400, 0, true) && late.spend(20, 0) && !late.spend(40, 0));

  const world = answering();
  while (world.machine.restRequests.budget.spend(1, world.now));
  world.serverSays({ type: "fetch_bars", ...span(3), urgent: false });
  world.serverSays({ type: "fetch_bars", ...span(4), urgent: true });
  world.run(500);
  assert.deepEqual(
    world.server.history.map(({ rows }) => rows.length),
    [4],
  );
});

test("after Stop nothing is fetched any more", () => {
  const world = answering();
  world.perform(world.machine.stop(world.now));
  world.serverSays({ type: "fetch_bars", ...span(3) });
  world.run(3_000);
  assert.equal(asked(world, "klines").length, 0);
});
