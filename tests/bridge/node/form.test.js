"use strict";

const test = require("node:test");
const assert = require("node:assert/strict");
const { Form } = require("./load.js");

const NOTHING = { market: "", symbols: "", exchange: "", rest: "" };
const LAST = { market: "sim", symbols: "SOLUSDT", exchange: "ws://127.0.0.1:9444", rest: "http://127.0.0.1:9445" };
const begin = (query, last = LAST) => ({ ...Form.begin(new URLSearchParams(query), last) });

test("without a word in the page's address all is as it was last, the addresses too", () => {
  assert.deepEqual(begin(""), LAST);
  assert.deepEqual(begin("?server=ws://127.0.0.1:8765&rotate=1"), LAST);
  assert.deepEqual(begin("?symbols=BNBUSDT"), { ...LAST, symbols: "BNBUSDT" });
});

test("the first time two symbols are proposed and no address", () => {
  assert.deepEqual(begin("", NOTHING), { ...NOTHING, symbols: "BTCUSDT, ETHUSDT" });
});

test("market and addresses are one place: none is filled up from the last one's", () => {
  assert.deepEqual(begin("?market=usdm"), { market: "usdm", symbols: "SOLUSDT", exchange: "", rest: "" });
  assert.deepEqual(begin("?rest=http://localhost:1"), { ...LAST, exchange: "", rest: "http://localhost:1" });
  assert.deepEqual(begin("?exchange=ws://localhost:1"), { ...LAST, exchange: "ws://localhost:1", rest: "" });
  assert.deepEqual(begin("?exchange="), { ...LAST, exchange: "", rest: "" }, "the market's own, said aloud");
});
