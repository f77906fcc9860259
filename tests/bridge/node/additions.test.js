"use strict";

const test = require("node:test");
const assert = require("node:assert/strict");
const { World } = require("./world.js");
const { Additions, Exchange } = require("./load.js");

const BOTH = ["BTCUSDT", "ETHUSDT"];
const add = (world, symbols) => world.serverSays({ type: "add_symbols", symbols });
const streams = (world) => [...world.sockets.values()].filter(({ isServer }) => !isServer);
const added = (world) => world.machine.view(world.now).added;

function running(options = {}) {
  const world = new World({ others: ["SOLUSDT", "XRPUSDT"], ...options }).start().run(500);
  world.trade("BTCUSDT");
  return world.run(500);
}

test("symbols that a program asks for are received, without a gap and with the stream open throughout", () => {
  const world = running();
  for (let i = 0; i < 400; i++) world.after(i * 10, () => world.trade(BOTH[i % 2]));
  world.run(500);
  const began = world.server.beats.length;
  add(world, ["SOLUSDT"]);
  world.run(1_000);
  assert.deepEqual(world.server.subscribed, [...BOTH, "SOLUSDT"]);
  assert.deepEqual(added(world), ["SOLUSDT"]);
  assert.ok(world.log.includes("Added at a program's request: SOLUSDT."));
  for (let i = 0; i < 50; i++) world.after(i * 10, () => world.trade("SOLUSDT"));
  world.run(20_000).check();
  assert.equal([...world.server.stored.keys()].filter((key) => key.startsWith("SOLUSDT")).length, 50);
  assert.equal([...world.server.stored.keys()].filter((key) => !key.startsWith("SOLUSDT")).length, 401);
  assert.ok(world.server.beats.slice(began).every(({ upstream }) => upstream === "open"), "no false alarm");
  assert.equal(streams(world).length, 1, "the old socket is closed");
  assert.ok(world.machine.view(world.now).symbols.some(({ symbol, count }) => symbol === "SOLUSDT" && count === 50));
});

test("what is received already is answered and changes nothing", () => {
  const world = running();
  const before = world.actions.length;
  world.server.subscribed = [];
  add(world, [...BOTH, "BTCUSDT"]);
  world.run(500);
  assert.deepEqual(world.server.subscribed, BOTH);
  assert.deepEqual(world.actions.slice(before), [], "no request, no socket, no line in the log");
  assert.deepEqual(added(world), []);
});

test("of symbols with a typo none is added, and the program is told which is meant", () => {
  const world = running();
  add(world, ["SOLUSDT", "XRPUSTD"]);
  world.run(500);
  assert.deepEqual(world.server.subscribed, BOTH);
  const [{ symbols, reason }] = world.server.unaddable;
  assert.deepEqual(symbols, ["SOLUSDT", "XRPUSTD"]);
  assert.equal(reason, "XRPUSTD is not a symbol of this market; did you mean XRPUSDT?");
  assert.equal(world.status().code, "live");
  assert.ok(world.log.some((line) => line.includes("were not added: XRPUSTD is not a symbol")));
});

test("if the exchange does not say what it has, the symbols are added: their trades prove them", () => {
  const world = running();
  world.exchange.rest = "blocked";
  add(world, ["SOLUSDT"]);
  world.run(1_000);
  world.trade("SOLUSDT");
  world.run(500).check();
  assert.deepEqual(world.server.subscribed, [...BOTH, "SOLUSDT"]);
  assert.ok([...world.server.stored.keys()].some((key) => key.startsWith("SOLUSDT")));
});

test("a symbol that was a typo of the form is added once the exchange lists it", () => {
  const world = running({ symbols: [...BOTH, "XRPUSDT"], others: [], listed: BOTH });
  assert.deepEqual(world.server.subscribed, BOTH);
  add(world, ["XRPUSDT"]);
  world.run(500);
  assert.equal(world.server.unaddable.length, 1);
  world.exchange.listed = [...BOTH, "XRPUSDT"];
  add(world, ["XRPUSDT"]);
  world.run(500);
  assert.deepEqual(world.server.subscribed, [...BOTH, "XRPUSDT"]);
  assert.deepEqual(added(world), [], "it is in the form already");
});

for (const [what, symbols] of Object.entries({
  "no list": "SOLUSDT",
  nothing: undefined,
  "an empty list": [],
  "a number in it": ["SOLUSDT", 7],
  "lower case": ["solusdt"],
  "an address": ["SOLUSDT/../x"],
  "too long a name": ["A".repeat(33)],
  "more than the server takes": Array.from({ length: Additions.MOST + 1 }, (_, i) => `S${i}`),
}))
  test(`a malformed request is refused and said: ${what}`, () => {
    const world = running();
    const sent = world.server.subscribed;
    const requests = world.exchange.requests.length;
    add(world, symbols);
    world.run(1_000);
    assert.equal(world.server.subscribed, sent);
    assert.equal(world.exchange.requests.length, requests);
    assert.deepEqual([added(world), world.server.unaddable], [[], []]);
    assert.equal(world.log.filter((line) => /symbols that are none/.test(line)).length, 1);
  });

test("more symbols than a bridge may have are refused with the number", () => {
  const many = Array.from({ length: Additions.MOST - 1 }, (_, i) => `S${i}`);
  const world = running({ listed: [...BOTH, ...many] });
  add(world, many);
  world.run(500);
  assert.match(world.server.unaddable[0].reason, /would have 1025 symbols/);
  assert.deepEqual(world.server.subscribed, BOTH);
});

test("the last socket takes what it has room for, further ones the rest", () => {
  const many = Array.from({ length: Exchange.STREAMS_PER_SOCKET }, (_, i) => `S${i}`);
  const world = running({ others: many });
  add(world, many);
  world.run(20_000);
  assert.deepEqual(streams(world).map((socket) => socket.streams.size), [200, 2]);
  for (const symbol of many) world.trade(symbol);
  world.run(1_000).check();
  assert.equal(world.server.stored.size, 201);
});

test("symbols that are added while a socket is being replaced, or is away, are on the next one", () => {
  const world = running();
  world.machine.feeds.renew(world.now, "a test");
  world.perform(world.machine.tick(world.now, world.wall));
  add(world, ["SOLUSDT"]);
  world.run(20_000);
  assert.deepEqual(streams(world).map(({ streams: of }) => [...of]), [[...BOTH, "SOLUSDT"]]);
  world.exchange.up = false;
  world.dropExchange();
  world.run(2_000);
  add(world, ["XRPUSDT"]);
  world.run(100);
  world.exchange.up = true;
  world.run(40_000);
  assert.deepEqual(streams(world).map(({ streams: of }) => [...of]), [[...BOTH, "SOLUSDT", "XRPUSDT"]]);
  world.trade("XRPUSDT");
  world.run(500).check();
  assert.equal(world.status().code, "live");
});

test("a server that was away gets the whole list, and a stopped page adds nothing", () => {
  const world = running();
  add(world, ["SOLUSDT"]);
  world.run(15);
  world.killServer();
  world.run(300);
  world.server.up = true;
  world.run(5_000);
  add(world, ["SOLUSDT"]);
  world.run(500);
  assert.deepEqual(world.server.subscribed, [...BOTH, "SOLUSDT"]);
  world.stop();
  add(world, ["XRPUSDT"]);
  world.run(1_000);
  assert.deepEqual(added(world), ["SOLUSDT"]);
});
