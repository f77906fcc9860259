"use strict";

const test = require("node:test");
const assert = require("node:assert/strict");
const { Venues } = require("./load.js");

const plan = (wish) => Venues.plan({ venue: "usdm", symbols: ["BTCUSDT"], ...wish });

test("each market's own addresses are those of 2026", () => {
  const expected = {
    usdm: ["usdm", "wss://fstream.binance.com/market/stream", "https://fapi.binance.com/fapi/v1"],
    spot: ["spot", "wss://stream.binance.com:9443/stream", "https://api.binance.com/api/v3"],
    "spot-data": ["spot", "wss://data-stream.binance.vision/stream", "https://data-api.binance.vision/api/v3"],
    us: ["us", "wss://stream.binance.us:9443/stream", "https://api.binance.us/api/v3"],
    testnet: ["testnet", "wss://fstream.binancefuture.com/market/stream", "https://demo-fapi.binance.com/fapi/v1"],
    sim: ["sim", "ws://127.0.0.1:9443/market/stream", "http://127.0.0.1:9443/fapi/v1"],
  };
  for (const [venue, [market, stream, rest]] of Object.entries(expected)) {
    const { retired, ...found } = plan({ venue });
    assert.deepEqual([found.market, found.stream, found.rest, retired], [market, stream, rest, false], venue);
  }
  assert.deepEqual(Object.keys(Venues.ALL), Object.keys(expected));
});

test("an address of one's own is completed, and is market sim", () => {
  const cases = [
    ["ws://127.0.0.1:1234", "ws://127.0.0.1:1234/market/stream", "http://127.0.0.1:1234/fapi/v1"],
    ["ws://127.0.0.1:1234/", "ws://127.0.0.1:1234/market/stream", "http://127.0.0.1:1234/fapi/v1"],
    ["ws://localhost:1/market", "ws://localhost:1/market/stream", "http://localhost:1/fapi/v1"],
    ["http://localhost:1", "ws://localhost:1/market/stream", "http://localhost:1/fapi/v1"],
    ["wss://proxy.example/binance", "wss://proxy.example/binance/market/stream", "https://proxy.example/fapi/v1"],
  ];
  for (const [exchange, stream, rest] of cases) {
    const found = plan({ exchange });
    assert.deepEqual([found.stream, found.rest, found.market, found.retired], [stream, rest, "sim", false], exchange);
  }
});

test("rows are a real market's only if the stream and REST both are", () => {
  assert.equal(plan({ rest: "http://127.0.0.1:5/" }).market, "sim");
  assert.equal(
    plan({ exchange: "ws://fstream.binance.com" }).market,
    "sim",
    "without encryption anyone may have written it",
  );
  assert.equal(plan({ exchange: "wss://fstream.binance.com.evil.example" }).market, "sim");
  assert.equal(plan({ exchange: "wss://fstream.binance.com", rest: "https://api.binance.com" }).market, "sim");
  assert.equal(plan({ exchange: "wss://fstream.binance.com", rest: "https://fapi.binance.com/" }).market, "usdm");
  assert.equal(plan({ venue: "spot", exchange: "wss://data-stream.binance.vision" }).market, "spot");
});

test("an official address brings its own market, whatever was chosen", () => {
  const found = plan({ venue: "usdm", exchange: "wss://stream.binance.com:9443" });
  assert.deepEqual([found.venue, found.market, found.stream], ["spot", "spot", "wss://stream.binance.com:9443/stream"]);
});

test("addresses that were retired are known", () => {
  for (const path of ["/stream", "/ws", "/public", "/public/stream", "/private"]) {
    assert.equal(plan({ exchange: `wss://fstream.binance.com${path}` }).retired, true, path);
    assert.equal(plan({ venue: "sim", exchange: `ws://127.0.0.1:9443${path}` }).retired, true, path);
  }
  for (const path of ["", "/market", "/market/stream", "/market/ws"]) {
    assert.equal(plan({ exchange: `wss://fstream.binance.com${path}` }).retired, false, path);
  }
  assert.equal(plan({ venue: "spot", exchange: "wss://stream.binance.com:9443/ws" }).retired, false);
});

test("an address that is none is refused in a sentence", () => {
  assert.throws(
    () => plan({ exchange: "binance" }),
    /"binance" is not an address; expected one that begins with ws:\/\/ or wss:\/\//,
  );
  assert.throws(() => plan({ rest: "ftp://x" }), /expected one that begins with http:\/\/ or https:\/\//);
  assert.throws(() => plan({ venue: "coinm" }), /market "coinm" is not known; choose one of usdm, spot/);
});

test("COIN-M is refused with its reason, by name and by address, and never taken for another market", () => {
  const why = /COIN-M is not supported: its quantities are contracts/;
  for (const wish of [
    { venue: "coinm" },
    { venue: "coin-m" },
    { exchange: "wss://dstream.binance.com" },
    { exchange: "wss://dstream.binancefuture.com/market/stream" },
    { venue: "sim", rest: "https://dapi.binance.com" },
  ])
    assert.throws(() => plan(wish), why, JSON.stringify(wish));
  assert.throws(() => plan({ venue: "other" }), /choose one of [a-z, -]+\.$/);
});
