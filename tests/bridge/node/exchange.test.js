"use strict";

const test = require("node:test");
const assert = require("node:assert/strict");
const { Exchange } = require("./load.js");

const plan = (wish) => Exchange.plan({ venue: "usdm", symbols: ["BTCUSDT"], ...wish });

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
  assert.deepEqual(Object.keys(Exchange.VENUES), Object.keys(expected));
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

test("streams stand in the address, lower case and URL-encoded", () => {
  const combined = plan({});
  assert.equal(
    Exchange.socketUrl(combined, ["BTCUSDT", "ETHUSDT"]),
    "wss://fstream.binance.com/market/stream?streams=btcusdt@aggTrade/ethusdt@aggTrade",
  );
  assert.match(
    Exchange.socketUrl(combined, ["币安人生USDT"]),
    /streams=%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9Fusdt@aggTrade$/,
  );
  assert.equal(
    Exchange.socketUrl(plan({ exchange: "ws://h/market/ws" }), ["A", "B"]),
    "ws://h/market/ws/a@aggTrade/b@aggTrade",
  );
});

test("fromId and a time are never mixed", () => {
  assert.equal(
    Exchange.tradesUrl(plan({}), "BTCUSDT", 7),
    "https://fapi.binance.com/fapi/v1/aggTrades?symbol=BTCUSDT&fromId=7&limit=1000",
  );
  assert.equal(
    Exchange.tradesUrl(plan({}), "BTCUSDT", null),
    "https://fapi.binance.com/fapi/v1/aggTrades?symbol=BTCUSDT&limit=1",
  );
});

test("frames of 2026 become rows to the last digit, wrapped or raw, in any order of fields", () => {
  const raw =
    '{"e":"aggTrade","E":1790046465702,"a":3460311795,"s":"BTCUSDT","p":"85595.90","q":"0.411","nq":"0.411","f":8105706701,"l":8105706719,"T":1790046465580,"m":false,"st":1}';
  const row = '["BTCUSDT",3460311795,"85595.90","0.411",1790046465580,false]';
  for (const text of [raw, `{"stream":"btcusdt@aggTrade","data":${raw}}`, `{"data":${raw},"new":1}`]) {
    const frame = Exchange.read(text);
    assert.deepEqual([frame.kind, frame.row, frame.id, frame.sent], ["trade", row, 3460311795, 1790046465702]);
  }
  const spot = Exchange.read(
    '{"m":true,"M":true,"T":1739202462289,"q":"0.00018000","p":"97020.30000000","s":"BTCUSDT","a":3427780726,"E":1,"e":"aggTrade"}',
  );
  assert.equal(spot.row, '["BTCUSDT",3427780726,"97020.30000000","0.00018000",1739202462289,true]');
});

test("everything else has its name", () => {
  const cases = {
    '{"result":null,"id":1}': "reply",
    '{"result":["btcusdt@aggTrade"],"id":3}': "reply",
    '{"e":"serverShutdown","E":1}': "shutdown",
    '{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}': "shutdown",
    '{"code":3,"msg":"Invalid JSON"}': "error",
    '{"error":{"code":2,"msg":"x"},"id":null}': "error",
    '{"e":"trade","s":"BTCUSDT","a":1,"p":"1","q":"1","T":1,"m":true}': "other",
    '{"e":"24hrTicker","a":"1"}': "other",
    '{"stream":"btcusdt@depth","data":{"e":"depthUpdate" ...': "unreadable",
    "[]": "other",
    null: "other",
    5: "other",
    '{"data":null}': "other",
  };
  for (const [text, kind] of Object.entries(cases)) assert.equal(Exchange.read(text).kind, kind, text);
});

test("a price of zero is carried: the server alone judges values", () => {
  const trade = { s: "BTCUSDT", a: 1, p: "0", q: "0", T: 1, m: true };
  assert.equal(Exchange.trade("BTCUSDT", trade).kind, "trade");
});

test("symbols are read as people type them", () => {
  assert.deepEqual(Exchange.readSymbols(" btcusdt,EthUSDT;  solusdt\nBTCUSDT,, "), {
    symbols: ["BTCUSDT", "ETHUSDT", "SOLUSDT"],
    bad: [],
  });
  assert.deepEqual(Exchange.readSymbols("btc/usdt, btcusd_perp, ok-1").bad, ["BTC/USDT"]);
  assert.deepEqual(Exchange.readSymbols("币安人生usdt").symbols, ["币安人生USDT"]);
  assert.deepEqual(Exchange.readSymbols("A".repeat(33)).bad.length, 1);
  assert.deepEqual(Exchange.readSymbols(""), { symbols: [], bad: [] });
});

const LISTED = JSON.stringify({
  symbols: [
    ...["BTCUSDT", "ETHUSDT", "ETCUSDT", "BTCUSDC", "BTCDOMUSDT", "SOLUSDT"].map((symbol) => ({
      symbol,
      status: "TRADING",
      contractType: "PERPETUAL",
    })),
    { symbol: "BTCUSDT_210924", status: "TRADING", contractType: "CURRENT_QUARTER", deliveryDate: 1632470400000 },
    { symbol: "BTCSTUSDT", status: "PENDING_TRADING", contractType: "" },
    { symbol: "ODDUSDT", status: "TRADING", contractType: "" },
  ],
});

test("a typo is named with the nearest symbols that trade", () => {
  const near = (symbol) => Exchange.check([symbol], LISTED).problems.get(symbol);
  assert.match(near("ETHUSTD"), /^ETHUSTD is not a symbol of this market; did you mean ETHUSDT/);
  assert.match(near("BTC"), /did you mean BTCUSDT or/);
  assert.match(near("BTCUSD"), /did you mean BTCUSDT/);
  assert.match(near("XYZXYZXYZ"), /check its spelling and the market/);
  assert.equal(near("BTCUSDT"), undefined);
});

test("oddities of exchangeInfo are noted, and what does not trade is refused", () => {
  const { problems, notes } = Exchange.check(["BTCSTUSDT", "BTCUSDT_210924", "ODDUSDT"], LISTED);
  assert.match(problems.get("BTCSTUSDT"), /not trading now: the exchange calls it PENDING_TRADING/);
  assert.equal(notes.get("BTCUSDT_210924"), "delivery contract, current quarter, ends 2021-09-24");
  assert.equal(notes.get("ODDUSDT"), "the exchange gives no contract type");
  assert.equal(problems.size, 1);
  assert.throws(() => Exchange.check(["X"], "{}"));
  assert.throws(() => Exchange.check(["X"], "<html>"));
});

test("spot's list has no contract types, and that is no oddity", () => {
  const { problems, notes } = Exchange.check(["BTCUSDT"], '{"symbols":[{"symbol":"BTCUSDT","status":"TRADING"}]}');
  assert.equal(problems.size + notes.size, 0);
});

test("edits count insertions, deletions, replacements and swaps", () => {
  for (const [a, b, n] of [
    ["ABC", "ABC", 0],
    ["ABC", "AC", 1],
    ["ABC", "ACB", 1],
    ["ABC", "ABXC", 1],
    ["ABC", "XYZ", 3],
    ["", "AB", 2],
  ]) {
    assert.equal(Exchange.edits(a, b), n, `${a} ${b}`);
  }
});
