"use strict";

const test = require("node:test");
const assert = require("node:assert/strict");
const { Symbols } = require("./load.js");

test("symbols are read as people type them", () => {
  assert.deepEqual(Symbols.read(" btcusdt,EthUSDT;  solusdt\nBTCUSDT,, "), {
    symbols: ["BTCUSDT", "ETHUSDT", "SOLUSDT"],
    bad: [],
  });
  assert.deepEqual(Symbols.read("btc/usdt, btcusd_perp, ok-1").bad, ["BTC/USDT"]);
  assert.deepEqual(Symbols.read("币安人生usdt").symbols, ["币安人生USDT"]);
  assert.deepEqual(Symbols.read("A".repeat(33)).bad.length, 1);
  assert.deepEqual(Symbols.read(""), { symbols: [], bad: [] });
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
  const near = (symbol) => Symbols.check([symbol], LISTED).problems.get(symbol);
  assert.match(near("ETHUSTD"), /^ETHUSTD is not a symbol of this market; did you mean ETHUSDT/);
  assert.match(near("BTC"), /did you mean BTCUSDT or/);
  assert.match(near("BTCUSD"), /did you mean BTCUSDT/);
  assert.match(near("XYZXYZXYZ"), /check its spelling and the market/);
  assert.equal(near("BTCUSDT"), undefined);
});

test("oddities of exchangeInfo are noted, and what does not trade is refused", () => {
  const { problems, notes } = Symbols.check(["BTCSTUSDT", "BTCUSDT_210924", "ODDUSDT"], LISTED);
  assert.match(problems.get("BTCSTUSDT"), /not trading now: the exchange calls it PENDING_TRADING/);
  assert.equal(notes.get("BTCUSDT_210924"), "delivery contract, current quarter, ends 2021-09-24");
  assert.equal(notes.get("ODDUSDT"), "the exchange gives no contract type");
  assert.equal(problems.size, 1);
  assert.throws(() => Symbols.check(["X"], "{}"));
  assert.throws(() => Symbols.check(["X"], "<html>"));
});

test("spot's list has no contract types, and that is no oddity", () => {
  const { problems, notes } = Symbols.check(["BTCUSDT"], '{"symbols":[{"symbol":"BTCUSDT","status":"TRADING"}]}');
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
    assert.equal(Symbols.edits(a, b), n, `${a} ${b}`);
  }
});
