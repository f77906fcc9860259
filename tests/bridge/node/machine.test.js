"use strict";

const test = require("node:test");
const assert = require("node:assert/strict");
const { World } = require("./world.js");
const { Machine, Outbox, Exchange, Fetcher } = require("./load.js");

const RETIRED = "ws://127.0.0.1:9443/stream";

test("trades become acknowledged rows, their strings untouched", () => {
  const world = new World().start().run(500);
  const trade = world.trade("BTCUSDT");
  world.run(200).check();
  assert.deepEqual(world.acknowledged, [JSON.stringify(["BTCUSDT", trade.a, trade.p, trade.q, trade.T, trade.m])]);
  assert.equal(world.status().title, "LIVE");
  assert.equal(world.machine.view(world.now).counts.acknowledged, 1);
});

test("hello, subscribe, a first beat, lease come in this order, and no row before the lease", () => {
  const world = new World();
  const sent = [];
  world.fromPage = ({ text }) => sent.push(JSON.parse(text).type);
  world.start().run(50);
  for (let i = 0; i < 5; i++) world.trade("BTCUSDT");
  world.run(1_500);
  assert.deepEqual(sent, ["hello"]);
  const { socket } = world.machine.delivery;
  world.hand(socket, '{"type":"welcome","proto":1,"high_water":{},"limits":{"rows":500,"in_flight":32}}');
  assert.deepEqual(
    sent,
    ["hello", "subscribe", "beat"],
    "who never sent a beat would be taken for one that sends none",
  );
  world.hand(socket, '{"type":"lease","active":["BTCUSDT","ETHUSDT"],"standby":[]}');
  assert.deepEqual(sent, ["hello", "subscribe", "beat", "ticks"]);
});

test("the first row goes at once, those that follow wait at most 10 ms for company", () => {
  const world = new World().start().run(1_000);
  const came = [];
  const { received } = world.machine;
  world.machine.received = function (id, text, now) {
    if (text.includes("aggTrade")) came.push(now);
    return received.call(this, id, text, now);
  };
  for (let i = 0; i < 500; i++) world.after(i * 4 * world.random(), () => world.trade("BTCUSDT"));
  world.run(3_000).check();
  let row = 0;
  for (const batch of world.server.batches) {
    for (let i = 0; i < batch.rows; i++, row++)
      assert.ok(batch.at - came[row] <= 11, `row ${row} waited ${batch.at - came[row]} ms`);
  }
  assert.equal(row, 500);
  const gaps = world.server.batches.slice(1).map(({ at }, i) => at - world.server.batches[i].at);
  assert.ok(Math.min(...gaps) > 9.9, "rows that come close together travel together");
});

test("at most 32 batches are unacknowledged, and a full queue goes in batches of 500", () => {
  const world = new World().start().run(500);
  world.server.acks = false;
  for (let i = 0; i < 30_000; i++) world.trade("BTCUSDT");
  world.run(2_000).check();
  assert.equal(world.machine.outbox.inFlight.length, 32);
  assert.ok(world.has("storage-stalled") === false);
  world.run(2_000);
  assert.equal(world.status().code, "storage-stalled");
  world.server.acks = true;
  world.killServer();
  world.server.up = true;
  world.run(5_000).check();
  assert.equal(world.acknowledged.length, 30_000);
});

test("a backlog of 100,000 rows drains within a second of the server's own time", () => {
  const world = new World().start().run(500);
  world.killServer();
  world.run(100);
  for (let i = 0; i < 100_000; i++) world.machine.outbox.add(`["BTCUSDT",${i},"1","1",1,true]`);
  assert.equal(world.status().code, "server-down");
  assert.ok(world.has("backpressure"));
  world.server.up = true;
  world.run(3_000);
  assert.equal(world.machine.outbox.queued, 0);
  assert.equal(world.server.stored.size, 100_000);
});

test("the server's end is noticed, rows wait, and its return brings them within a second", () => {
  const world = new World().start().run(500);
  world.killServer();
  world.run(60_000);
  world.trade("ETHUSDT");
  world.run(100);
  assert.equal(world.status().title, "SERVER DOWN");
  assert.equal(world.machine.view(world.now).counts.queued, 1);
  world.server.up = true;
  world.run(1_000).check();
  assert.equal(world.acknowledged.length, 1);
  assert.equal(world.server.hellos.at(-1).session, "s");
});

test("a server that goes down again and again is found again as fast as the first time", () => {
  const world = new World().start().run(500);
  for (let i = 0; i < 20; i++) {
    world.killServer();
    world.run(60);
    world.server.up = true;
    world.run(500);
    assert.equal(world.machine.delivery.state, "live", `time ${i + 1}`);
  }
});

test("a server that accepts the connection and then says nothing is left after 5 s", () => {
  const world = new World();
  world.fromPage = () => {};
  world.start().run(5_500);
  assert.equal(world.actions.filter(({ do: what }) => what === "close").length, 1);
  assert.equal(world.status().code, "server-down");
});

test("a program that answers HTTP and takes no connection is not called a server that is down", () => {
  const world = new World();
  const perform = world.perform.bind(world);
  world.perform = (actions) => {
    for (const action of actions) {
      if (action.do === "knock") world.after(2, () => perform(world.machine.knocked(true, world.now)));
      else perform([action]);
    }
  };
  world.server.up = false;
  world.start().run(60_000);
  assert.match(world.status().text, /Is another program using this port/);
  const tries = world.actions.filter((action) => action.do === "connect" && action.url.includes("8765")).length;
  assert.ok(tries < 25, `${tries} attempts in a minute`);
});

test("while the browser holds an attempt back, its question to the user is spoken of", () => {
  const world = new World().start().run(500);
  world.perform(world.machine.notice("permission", "prompt", world.now));
  world.killServer();
  world.run(3_000);
  assert.ok(!world.status().text.includes("browser asks"), "refused at once: nobody is there");
  world.server.knockMs = 2_000;
  world.run(6_000);
  assert.match(world.status().text, /does not answer.*If the browser asks/);
});

test("sockets are not tried in vain while nobody answers: browsers punish that", () => {
  const world = new World();
  world.server.up = false;
  world.start().run(60_000);
  const tries = world.actions.filter((action) => action.do === "connect" && action.url.includes("8765")).length;
  assert.ok(tries >= 2 && tries <= 4, `${tries} attempts in a minute`);
  assert.ok(world.actions.filter((action) => action.do === "knock").length > 60);
});

test("beats go twice a second from welcome on, with what is waiting", () => {
  const world = new World().start().run(10_000);
  const { beats } = world.server;
  assert.ok(beats.length >= 20 && beats.length <= 21, `${beats.length}`);
  const always = ["age_ms", "at", "clock_ms", "queued", "type", "unacked", "upstream", "visible"];
  assert.deepEqual(Object.keys(beats[0]).sort(), always);
  assert.deepEqual(Object.keys(beats[1]).sort(), [...always, "skew_ms"].sort(), "the exchange's clock has answered");
  assert.equal(beats[0].age_ms, null, "no trade yet is not an age of 0");
  world.trade("BTCUSDT");
  world.perform(world.machine.notice("visible", false, world.now));
  world.run(1_000);
  assert.equal(beats.at(-1).visible, false);
  assert.ok(beats.at(-1).age_ms >= 400 && beats.at(-1).age_ms <= 1_000);
  assert.equal(beats.at(-1).upstream, "open");
});

test("beats tell lag, skew, a freeze and what the browser withholds, each only while it is known", () => {
  const world = new World().start().run(1_000);
  const beat = () => world.run(700).server.beats.at(-1);
  assert.ok(!("lag_ms" in beat()), "no trade, no lag");
  assert.ok(Math.abs(beat().skew_ms) < 60);
  const late = world.trade("BTCUSDT", { hidden: true });
  world.streamSays(JSON.stringify({ ...late, E: late.E - 3_000 }));
  assert.ok(beat().lag_ms > 2_900 && Number.isInteger(beat().lag_ms));
  world.run(20_000);
  assert.ok(!("lag_ms" in beat()), "the lag of a trade long ago is none of now");
  world.streamSays(JSON.stringify({ ...world.trade("BTCUSDT", { hidden: true }), E: 1_763_000_000_000 }));
  assert.ok(!("lag_ms" in beat()), "recorded trades do not lag");
  assert.ok(!("frozen_ms" in beat()));
  world.freeze(9_000);
  world.run(11_000);
  assert.ok(Math.abs(beat().frozen_ms - 9_000) < 500);
  world.run(61_000);
  assert.ok(!("frozen_ms" in beat()));
  world.perform(world.machine.notice("permission", "denied", world.now));
  assert.ok(!("permission" in beat()), "nothing is withheld: the exchange is connected");
  world.exchange.up = false;
  world.dropExchange();
  assert.equal(beat().permission, "denied");
  assert.equal(world.status().code, "permission-denied");
});

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

test("standby symbols are not forwarded; a takeover brings the last seconds too", () => {
  const world = new World();
  world.server.standby.add("BTCUSDT");
  world.start().run(500);
  for (let i = 0; i < 20; i++) {
    world.trade("BTCUSDT");
    world.trade("ETHUSDT");
    world.run(1_000);
  }
  assert.equal(world.server.stored.size, 20, "one symbol only");
  world.serverSays({ type: "lease", active: ["BTCUSDT", "ETHUSDT"], standby: [] });
  world.run(500).check();
  const taken = world.server.stored.size - 20;
  assert.ok(taken >= 9 && taken <= 11, `${taken} of the last 10 s`);
  assert.ok(world.log.some((line) => line.startsWith("Took over BTCUSDT")));
});

test("a lease that is told again is no takeover", () => {
  const world = new World().start().run(500);
  world.trade("BTCUSDT");
  for (let i = 0; i < 3; i++) world.serverSays({ type: "lease", active: ["BTCUSDT", "ETHUSDT"], standby: [] });
  world.run(500).check();
  assert.ok(!world.log.some((line) => line.startsWith("Took over")));
});

test("a hole is fetched into the stream of rows; a server that comes back has to ask again", () => {
  const world = new World().start().run(500);
  world.trade("BTCUSDT");
  for (let i = 0; i < 10; i++) world.trade("BTCUSDT", { hidden: true });
  world.trade("BTCUSDT");
  world.run(200);
  const asked = () => world.exchange.requests.filter(({ url }) => url.includes("fromId")).length;
  world.serverSays({ type: "fetch", symbol: "BTCUSDT", from: 1_001, to: 1_010 });
  world.run(12);
  world.killServer();
  world.run(500);
  world.server.up = true;
  world.run(3_000);
  assert.equal(asked(), 1, "forgotten with the server that asked");
  world.serverSays({ type: "fetch", symbol: "BTCUSDT", from: 1_001, to: 1_010 });
  world.run(500);
  assert.equal(world.server.stored.size, 12);
  assert.equal(world.machine.view(world.now).counts.fetched, 10);
  assert.equal(asked(), 2);
});

test("what cannot be fetched is told to the server with its reason", () => {
  const world = new World().start().run(500);
  world.trade("BTCUSDT");
  world.skip("BTCUSDT", 5);
  world.trade("BTCUSDT");
  world.run(200);
  world.serverSays({ type: "fetch", symbol: "BTCUSDT", from: 1_001, to: 1_005 });
  world.run(500);
  assert.deepEqual(world.server.unfetchable, [
    { type: "unfetchable", symbol: "BTCUSDT", from: 1_001, to: 1_005, reason: "the exchange has no such ids" },
  ]);
  world.exchange.rest = "blocked";
  world.serverSays({ type: "fetch", symbol: "BTCUSDT", from: 1_000, to: 1_000 });
  world.run(10_000);
  assert.match(world.server.unfetchable[1].reason, /^blocked or geo-blocked/);
});

/** A world that has traded before its first trade came here, and the message that asks for that. */
function withPast() {
  const world = new World();
  for (let i = 0; i < 2_500; i++) {
    world.trade("BTCUSDT");
    world.now += 400;
  }
  world.start().run(500);
  const { a, T } = world.trade("BTCUSDT");
  world.run(200);
  return { world, message: { type: "fetch", symbol: "BTCUSDT", since_ms: T - 600_000, to: a - 1 } };
}

test("a warm start is brought into the stream of rows, its progress shown, and nothing before its time", () => {
  const { world, message } = withPast();
  world.serverSays(message);
  world.run(15);
  assert.ok(world.has("warm-start") && !world.has("fetching"));
  assert.deepEqual(world.machine.view(world.now).symbols[0].warmStart, { done: 0, total: NaN });
  const shown = () => world.machine.view(world.now).symbols[0];
  while (Number.isNaN(shown().warmStart.total)) world.run(1);
  const { warmStart, holes } = shown();
  assert.ok(warmStart.total > 1_400 && warmStart.done === 1_000, JSON.stringify(warmStart));
  assert.equal(holes.number, 0);
  world.run(500).check();
  const wanted = world.tape.get("BTCUSDT").filter(({ T }) => T >= message.since_ms);
  assert.equal(world.server.stored.size, wanted.length);
  assert.equal(world.machine.view(world.now).counts.fetched, wanted.length - 1);
  assert.ok(!world.has("warm-start"));
  assert.equal(world.machine.view(world.now).symbols[0].warmStart, null);
  assert.ok(world.log.some((line) => /^Warm start: fetching the trades of BTCUSDT since 20\d\d-.* UTC/.test(line)));
  assert.equal(world.server.unfetchable.length, 0);
});

test("a warm start is dropped with the server that asked for it, and brought when it asks again", () => {
  const { world, message } = withPast();
  world.exchange.rest = { status: 502 };
  world.serverSays(message);
  world.run(300);
  world.killServer();
  world.run(500);
  assert.deepEqual(world.machine.errands.fetcher.jobs, []);
  world.exchange.rest = "ok";
  world.server.up = true;
  world.run(3_000);
  assert.equal(world.server.stored.size, 1);
  world.serverSays(message);
  world.run(500).check();
  assert.ok(world.server.stored.size > 1_400);
});

test("a warm start that cannot begin is told from id 0, and not counted as that many missing trades", () => {
  const { world, message } = withPast();
  world.serverSays({ ...message, since_ms: message.since_ms + 600_000 });
  world.run(500);
  const told = { type: "unfetchable", symbol: "BTCUSDT", from: 0, to: message.to };
  assert.deepEqual(world.server.unfetchable, [{ ...told, reason: Fetcher.NO_PAST }]);
  assert.ok(world.log.some((line) => line.startsWith("No warm start of BTCUSDT: ")));
  assert.equal(world.machine.view(world.now).counts.unfetchable, 0);
  assert.ok(!world.has("holes-open"));
});

test("by the exchange's clock the present hour is known, whatever this computer's says", () => {
  const { world, message } = withPast();
  world.wallOffset -= 7_200_000;
  world.answer = ((answer) => (url) => {
    if (!url.pathname.endsWith("/time")) return answer(url);
    return { status: 200, text: JSON.stringify({ serverTime: world.wall + 7_200_000 }), retryAfter: null, cause: null };
  })(world.answer.bind(world));
  world.run(1_000);
  world.serverSays({ ...message, since_ms: message.since_ms - 3_600_000 });
  world.run(1_000).check();
  assert.equal(world.machine.view(world.now).counts.fetched, 2_500, "an empty hour was passed");
});

test("holes wait while a backlog drains: live trades first", () => {
  const world = new World().start().run(500);
  world.trade("BTCUSDT");
  world.run(100);
  world.server.acks = false;
  for (let i = 0; i < 40_000; i++) world.machine.outbox.add(`["ETHUSDT",${i},"1","1",1,true]`);
  world.serverSays({ type: "fetch", symbol: "BTCUSDT", from: 1_000, to: 1_000 });
  world.run(2_000);
  assert.equal(world.exchange.requests.filter(({ url }) => url.includes("fromId")).length, 0);
});

test("requests of the server that make no sense are ignored", () => {
  const world = new World().start().run(500);
  for (const [from, to] of [
    [5, 4],
    [-1, 4],
    ["1", 2],
    [1, 2 ** 60],
    [null, null],
  ])
    world.serverSays({ type: "fetch", symbol: "BTCUSDT", from, to });
  world.serverSays({ type: "fetch", symbol: 7, from: 1, to: 2 });
  for (const since_ms of [-1, "1", 1.5, null, undefined])
    world.serverSays({ type: "fetch", symbol: "BTCUSDT", since_ms, to: 7 });
  world.serverSays({ type: "fetch", symbol: "BTCUSDT", since_ms: 1 });
  world.run(500);
  assert.equal(world.exchange.requests.filter(({ url }) => /fromId|startTime/.test(url)).length, 0);
});

test("the latest time that can be asked for is said without a fault", () => {
  const world = new World().start().run(500);
  world.serverSays({ type: "fetch", symbol: "BTCUSDT", since_ms: Number.MAX_SAFE_INTEGER, to: 7 });
  world.run(10_000);
  assert.equal(world.server.unfetchable.length, 1);
});

test("all on standby is a state of its own, not a fault", () => {
  const world = new World();
  world.server.standby.add("BTCUSDT").add("ETHUSDT");
  world.start().run(500);
  world.trade("BTCUSDT");
  world.run(500);
  assert.equal(world.status().code, "standby");
});

test("connections are replaced before they end, without a hole and without a duplicate", () => {
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
  return [...world.tape.values()].flat().filter((trade) => trade.T < first).length;
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

test("after a freeze both ends are connected again and the pause is told", () => {
  const world = new World().start().run(1_000);
  world.trade("BTCUSDT");
  world.run(200);
  world.freeze(60_000);
  world.run(61_500);
  world.trade("BTCUSDT");
  world.run(300).check();
  assert.equal(world.status().code, "live");
  assert.match(world.machine.view(world.now).findings.find(({ code }) => code === "frozen").text, /for 60 s/);
});

test("a clock that is set is not a freeze, and its skew is told", () => {
  const world = new World().start().run(1_000);
  world.trade("BTCUSDT");
  world.run(200);
  world.answer = () => ({
    status: 200,
    text: JSON.stringify({ serverTime: Math.round(world.wall - 600_000) }),
    retryAfter: null,
    cause: null,
  });
  world.wallOffset += 600_000;
  world.run(1_000);
  world.trade("BTCUSDT");
  world.run(300).check();
  assert.ok(!world.has("frozen"));
  assert.match(world.machine.view(world.now).findings.find(({ code }) => code === "clock-skew").text, /600\.0 s ahead/);
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

test("a bad token is told, asked for anew, and a good one goes at once", () => {
  const world = new World({ token: "old" }).start().run(300);
  assert.equal(world.status().code, "refused");
  assert.match(world.status().text, /bad-token.*token/s);
  assert.ok(world.actions.some(({ do: what }) => what === "token"));
  world.trade("BTCUSDT");
  world.perform(world.machine.notice("token", "secret", world.now));
  world.run(1_000).check();
  assert.equal(world.acknowledged.length, 1);
});

test("without a token nothing is sent, and it is asked for until it is there", () => {
  const world = new World({ token: "" }).start().run(5_000);
  assert.equal(world.server.hellos.length, 0);
  assert.equal(world.status().code, "token-missing");
  assert.ok(world.actions.filter(({ do: what }) => what === "token").length >= 2);
  world.perform(world.machine.notice("token", "secret", world.now));
  world.run(500);
  assert.equal(world.machine.delivery.state, "live");
});

test("rows that cannot be carried are refused by name and counted", () => {
  const world = new World().start().run(500);
  for (const bad of [{ a: 2 ** 53 }, { p: 1.5 }, { q: { deep: 1 } }, { T: "x" }, { m: "yes" }, { a: true }]) {
    world.streamSays(JSON.stringify({ ...world.trade("BTCUSDT", { hidden: true }), ...bad }));
  }
  world.streamSays("{truncated");
  world.run(500).check();
  assert.equal(world.machine.view(world.now).counts.refused, 7);
  assert.ok(world.log.some((line) => /Refused here: BTCUSDT .*2\^53/.test(line)));
});

test("frames of other kinds are ignored, whatever their fields", () => {
  const world = new World().start().run(500);
  const others = [
    { e: "trade", s: "BTCUSDT", a: 6657454504, p: "1", q: "1", T: 1, m: true },
    { stream: "btcusdt@bookTicker", data: { e: "bookTicker", s: "BTCUSDT", a: "83680.10", T: 1 } },
    { result: null, id: 1 },
    [1, 2],
    null,
    { stream: "dogeusdt@aggTrade", data: { e: "aggTrade", s: "DOGEUSDT", a: 1, p: "1", q: "1", T: 1, m: true } },
  ];
  for (const frame of others) world.streamSays(JSON.stringify(frame));
  world.run(500).check();
  assert.equal(world.machine.view(world.now).counts.received, 0);
  assert.equal(world.machine.view(world.now).counts.refused, 0);
});

test("both error shapes of the exchange are told", () => {
  const world = new World().start().run(500);
  world.streamSays('{"code":2,"msg":"Invalid request"}');
  world.streamSays('{"error":{"code":4,"msg":"Too many subscriptions"},"id":19}');
  assert.ok(world.log.some((line) => line.includes("Invalid request (2)")));
  assert.ok(world.log.some((line) => line.includes("Too many subscriptions (4)")));
});

test("the same id with another price is not a duplicate: the server shall judge it", () => {
  const world = new World().start().run(500);
  const trade = world.trade("BTCUSDT");
  world.deliver(trade);
  world.deliver({ ...trade, p: "99.99" });
  world.run(500).check();
  assert.equal(world.acknowledged.length, 2);
  assert.equal(world.machine.view(world.now).counts.duplicates, 2, "one dropped here, one found by the server");
});

test("refusals and conflicts that the server names are counted and logged", () => {
  const world = new World().start().run(500);
  world.server.acks = false;
  const trade = world.trade("BTCUSDT");
  world.run(100);
  const [{ seq }] = world.server.batches;
  world.perform(
    world.machine.received(
      world.machine.delivery.socket,
      JSON.stringify({ type: "ack", seq, stored: 0, duplicates: 0, conflicts: 0, rejected: [[0, "price is '0'"]] }),
      world.now,
    ),
  );
  assert.ok(world.log.includes(`Refused by the server: BTCUSDT ${trade.a}: price is '0'`));
  assert.equal(world.machine.view(world.now).counts.refused, 1);
});

test("a full queue gives up the oldest rows by name, and says so", () => {
  const world = new World({ outbox: new Outbox({ maxRows: 10_000 }) }).start().run(500);
  world.killServer();
  world.run(100);
  for (let i = 0; i < 12_000; i++) world.trade("BTCUSDT");
  world.run(1_500);
  const { counts } = world.machine.view(world.now);
  assert.equal(counts.lost + counts.queued, 12_000);
  assert.ok(counts.queued <= 10_000);
  assert.ok(world.has("queue-full"));
  assert.ok(
    world.log.some((line) => /gave up 2000 rows of BTCUSDT, ids 1000 to 2999/.test(line)),
    world.log.at(-1),
  );
});

test("Stop waits for the last acknowledgements, then says bye", () => {
  const world = new World().start().run(500);
  for (let i = 0; i < 2_000; i++) world.trade("BTCUSDT");
  world.run(15);
  world.stop();
  assert.equal(world.machine.phase, "stopping");
  assert.equal(world.status().code, "stopping");
  world.run(1_000).check();
  assert.equal(world.machine.phase, "idle");
  assert.equal(world.server.bye.reason, "stopped by the user");
  assert.equal(world.machine.outbox.queued, 0);
  world.run(5_000);
  assert.equal(world.sockets.size, 0, "nothing reconnects after Stop");
});

test("Stop with the server away ends at once and keeps the rows for the next Start", () => {
  const world = new World().start().run(500);
  world.killServer();
  world.run(100);
  world.trade("BTCUSDT");
  world.run(100);
  world.stop();
  assert.equal(world.machine.phase, "idle");
  const again = new World({ outbox: world.machine.outbox });
  again.start().run(1_000);
  assert.equal(again.server.stored.size, 1);
});

test("a session continues its numbers", () => {
  const world = new World({ outbox: new Outbox({ seq: 1_000_001 }) }).start().run(500);
  world.trade("BTCUSDT");
  world.run(200);
  assert.equal(world.server.batches[0].seq, 1_000_001);
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

test("what the server says that nobody knows is named once and ignored", () => {
  const world = new World().start().run(500);
  for (let i = 0; i < 3; i++) world.serverSays({ type: "novelty", value: 1 });
  world.serverSays({ type: "stored", high_water: {} });
  world.run(200);
  assert.equal(world.log.filter((line) => line.includes("novelty")).length, 1);
});

test("the machine reads no clock, throws no dice and opens nothing by itself", () => {
  const pure = [
    Exchange,
    Outbox,
    Machine,
    ...[
      "Address",
      "Symbols",
      "Venues",
      "Recent",
      "Budget",
      "Fetcher",
      "Feed",
      "Delivery",
      "Doctor",
      "Book",
      "Errands",
    ].map((name) => require("./load.js")[name]),
  ];
  for (const one of pure) {
    const found =
      String(one)
        .match(
          /Date\.now|performance\.|Math\.random|setTimeout|setInterval|new WebSocket|fetch\(|document\.|console\./g,
        )
        ?.filter((word) => word !== "fetch(") ?? [];
    assert.deepEqual(found, [], one.name);
  }
});
