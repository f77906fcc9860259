"use strict";

const test = require("node:test");
const assert = require("node:assert/strict");
const { Exchange, Venues } = require("./load.js");

const plan = (wish) => Venues.plan({ venue: "usdm", symbols: ["BTCUSDT"], ...wish });

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
