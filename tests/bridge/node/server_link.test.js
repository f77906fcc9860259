"use strict";

const test = require("node:test");
const assert = require("node:assert/strict");
const { World } = require("./world.js");
const { SendQueue } = require("./load.js");

test("hello, subscribe, a first beat, lease come in this order, and no row before the lease", () => {
  const world = new World();
  const sent = [];
  world.fromPage = ({ text }) => sent.push(JSON.parse(text).type);
  world.start().run(50);
  for (let i = 0; i < 5; i++) world.trade("BTCUSDT");
  world.run(1_500);
  assert.deepEqual(sent, ["hello"]);
  const { socket } = world.machine.serverLink;
  world.hand(socket, '{"type":"welcome","proto":1,"high_water":{},"limits":{"rows":500,"in_flight":32}}');
  assert.deepEqual(
    sent,
    ["hello", "subscribe", "beat"],
    "who never sent a beat would be taken for one that sends none",
  );
  world.hand(socket, '{"type":"lease","active":["BTCUSDT","ETHUSDT"],"standby":[]}');
  assert.deepEqual(sent, ["hello", "subscribe", "beat", "ticks"]);
});

test("the first row goes at once, those that follow wait at most 5 ms for company", () => {
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
      assert.ok(batch.at - came[row] <= 6, `row ${row} waited ${batch.at - came[row]} ms`);
  }
  assert.equal(row, 500);
  const gaps = world.server.batches.slice(1).map(({ at }, i) => at - world.server.batches[i].at);
  assert.ok(Math.min(...gaps) > 4.9, "rows that come close together travel together");
});

test("at most 32 batches are unacknowledged, and a full queue goes in batches of 500", () => {
  const world = new World().start().run(500);
  world.server.acks = false;
  for (let i = 0; i < 30_000; i++) world.trade("BTCUSDT");
  world.run(2_000).check();
  assert.equal(world.machine.sendQueue.inFlight.length, 32);
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
  for (let i = 0; i < 100_000; i++) world.machine.sendQueue.add(`["BTCUSDT",${i},"1","1",1,true]`);
  assert.equal(world.status().code, "server-down");
  assert.ok(world.has("backpressure"));
  world.server.up = true;
  world.run(3_000);
  assert.equal(world.machine.sendQueue.queued, 0);
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
    assert.equal(world.machine.serverLink.state, "live", `time ${i + 1}`);
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
      if (action.do === "askServer") world.after(2, () => perform(world.machine.serverAnswered(true, world.now)));
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
  world.server.answerMs = 2_000;
  world.run(6_000);
  assert.match(world.status().text, /does not answer.*If the browser asks/);
});

test("sockets are not tried in vain while nobody answers: browsers punish that", () => {
  const world = new World();
  world.server.up = false;
  world.start().run(60_000);
  const tries = world.actions.filter((action) => action.do === "connect" && action.url.includes("8765")).length;
  assert.ok(tries >= 2 && tries <= 4, `${tries} attempts in a minute`);
  assert.ok(world.actions.filter((action) => action.do === "askServer").length > 60);
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
  assert.equal(world.machine.serverLink.state, "live");
});

test("refusals and conflicts that the server names are counted and logged", () => {
  const world = new World().start().run(500);
  world.server.acks = false;
  const trade = world.trade("BTCUSDT");
  world.run(100);
  const [{ seq }] = world.server.batches;
  world.perform(
    world.machine.received(
      world.machine.serverLink.socket,
      JSON.stringify({ type: "ack", seq, stored: 0, duplicates: 0, conflicts: 0, rejected: [[0, "price is '0'"]] }),
      world.now,
    ),
  );
  assert.ok(world.log.includes(`Refused by the server: BTCUSDT ${trade.a}: price is '0'`));
  assert.equal(world.machine.view(world.now).counts.refused, 1);
});

test("a session continues its numbers", () => {
  const world = new World({ sendQueue: new SendQueue({ seq: 1_000_001 }) }).start().run(500);
  world.trade("BTCUSDT");
  world.run(200);
  assert.equal(world.server.batches[0].seq, 1_000_001);
});
