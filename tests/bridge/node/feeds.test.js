"use strict";

const test = require("node:test");
const assert = require("node:assert/strict");
const { World } = require("./world.js");
const { Feeds, Venues } = require("./load.js");

const RETIRED = "ws://127.0.0.1:9443/stream";

test("a retired address is called WRONG ROUTE well within 6 s, with what to do", () => {
  const world = new World({ exchange: RETIRED }).start();
  world.exchange.silent = true;
  world.run(3_500);
  assert.equal(world.status().title, "WRONG ROUTE");
  assert.match(world.status().text, /retired.*market\/stream/s);
  assert.equal(world.server.beats.at(-1).upstream, "wrong-route");
});

test("a silent address is called WRONG ROUTE within 6 s if REST shows trades", () => {
  const world = new World().start();
  world.exchange.silent = true;
  for (let i = 0; i < 55; i++) world.after(i * 100, () => world.trade("BTCUSDT"));
  world.run(3_000);
  assert.notEqual(world.status().code, "wrong-route", "too early to say");
  world.run(2_500);
  assert.equal(world.status().code, "wrong-route");
  const asked = world.exchange.requests.length;
  world.run(30_000);
  assert.ok(world.exchange.requests.length <= asked + 1, "once it is proved, REST is left alone");
  world.exchange.silent = false;
  world.trade("BTCUSDT");
  world.run(200);
  assert.equal(world.status().code, "live");
});

test("a silent address is a quiet market if REST shows no trades either", () => {
  const world = new World().start();
  world.trade("BTCUSDT", { hidden: true });
  world.run(20_000);
  assert.equal(world.status().code, "market-quiet");
  assert.equal(world.server.beats.at(-1).upstream, "open");
});

test("without REST nothing is proved, and nothing is claimed", () => {
  const world = new World().start();
  world.exchange.silent = true;
  world.exchange.rest = "blocked";
  for (let i = 0; i < 150; i++) world.after(i * 100, () => world.trade("BTCUSDT"));
  world.run(20_000);
  assert.equal(world.status().code, "market-quiet");
  assert.match(world.status().text, /Either these symbols trade rarely or the address is wrong/);
});

test("connections are replaced before they end, without a gap and without a duplicate", () => {
  const world = new World({ rotateMs: 5_000 }).start();
  for (let i = 0; i < 3_000; i++) world.after(i * 20, () => world.trade(i % 2 ? "BTCUSDT" : "ETHUSDT"));
  world.run(61_000).check();
  assert.ok(world.actions.filter(({ do: what, url }) => what === "connect" && url.includes("9443")).length >= 10);
  assert.equal(world.server.stored.size + missedBeforeOpen(world), 3_000);
  assert.ok(world.machine.view(world.now).counts.duplicates > 0, "the overlap was real");
});

/** Trades before the very first connection was open. */
function missedBeforeOpen(world) {
  const first = Math.min(...[...world.server.stored.values()].map((row) => JSON.parse(row)[4]));
  return [...world.tradeHistory.values()].flat().filter((trade) => trade.T < first).length;
}

test("serverShutdown starts the replacement at once", () => {
  const world = new World().start().run(1_000);
  world.trade("BTCUSDT");
  world.run(100);
  world.streamSays('{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}');
  world.run(100);
  assert.equal([...world.sockets.values()].filter(({ isServer }) => !isServer).length, 2);
  for (let i = 0; i < 5; i++) (world.trade("BTCUSDT"), world.trade("ETHUSDT"), world.run(200));
  assert.equal([...world.sockets.values()].filter(({ isServer }) => !isServer).length, 1);
  world.check();
});

test("pauses before reconnecting to the exchange grow to 30 s and shrink when it is back for good", () => {
  const world = new World().start().run(1_000);
  world.exchange.up = false;
  world.dropExchange();
  const at = [];
  const connect = world.connect.bind(world);
  world.connect = (action) => {
    if (action.url.includes("9443")) at.push(world.now);
    connect(action);
  };
  world.run(200_000);
  const pauses = at.slice(1).map((time, i) => time - at[i]);
  assert.ok(pauses[0] < 1_000 && Math.max(...pauses) <= 30_200 && pauses.at(-1) > 14_000, pauses.join());
  assert.equal(world.status().title, "UPSTREAM DOWN");
  assert.equal(world.server.beats.at(-1).upstream, "closed");
  world.exchange.up = true;
  world.perform(world.machine.notice("online", false, world.now));
  world.perform(world.machine.notice("online", true, world.now));
  world.run(300);
  assert.equal(world.machine.view(world.now).upstream, "open", "the network's return is not waited out");
});

test("1,024 symbols are spread over sockets, each address short enough", () => {
  const symbols = Array.from({ length: 1_024 }, (_, i) => `COIN${i}USDT`);
  const world = new World({ symbols }).start().run(500);
  const urls = world.actions
    .filter(({ do: what, url }) => what === "connect" && url.includes("9443"))
    .map(({ url }) => url);
  assert.equal(urls.length, 6);
  assert.ok(urls.every((url) => url.length < 8_000));
  assert.equal(world.machine.view(world.now).upstream, "open");
});

/** The feeds of 401 symbols, which need three sockets, numbered 1 to 3. */
function three(exchange) {
  let ids = 0;
  const symbols = Array.from({ length: 401 }, (_, i) => `COIN${i}USDT`);
  const plan = Venues.plan({ venue: "sim", exchange, symbols });
  const feeds = new Feeds(plan, { random: () => 0.5, emit: () => {}, newId: () => ++ids, probe: () => {} });
  feeds.start(0);
  return feeds;
}

test("several sockets are as well as the worst of them", () => {
  const feeds = three();
  for (const socket of [1, 2]) feeds.of(socket).opened(socket, 100);
  assert.equal(feeds.upstream, "connecting");
  assert.ok(Number.isNaN(feeds.quietMs(200)), "not open, so not quiet");
  feeds.of(3).opened(3, 300);
  assert.equal(feeds.upstream, "open");
  assert.equal(feeds.quietMs(1_000), 900, "before the first trade: since the first was open");
  feeds.of(2).closed(2, 1006, 1_100);
  assert.deepEqual([feeds.upstream, feeds.attempts], ["closed", 1]);
  assert.equal(feeds.of(2), undefined);
});

test("one trade on any socket proves the address that the others share", () => {
  const feeds = three(RETIRED);
  for (const socket of [1, 2, 3]) feeds.of(socket).opened(socket, 100);
  feeds.tick(3_000);
  assert.deepEqual([feeds.upstream, feeds.delivered], ["wrong-route", false]);
  feeds.of(3).delivered(3, "COIN400USDT", 1, 3_100);
  assert.deepEqual([feeds.upstream, feeds.delivered, feeds.quietMs(3_150)], ["open", true, 50]);
});
