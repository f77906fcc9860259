"use strict";

const test = require("node:test");
const assert = require("node:assert/strict");
const { World } = require("./world.js");
const { classes } = require("./load.js");

test("trades become acknowledged rows, their strings untouched", () => {
  const world = new World().start().run(500);
  const trade = world.trade("BTCUSDT");
  world.run(200).check();
  assert.deepEqual(world.acknowledged, [JSON.stringify(["BTCUSDT", trade.a, trade.p, trade.q, trade.T, trade.m])]);
  assert.equal(world.status().title, "LIVE");
  assert.equal(world.machine.view(world.now).counts.acknowledged, 1);
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
  assert.equal(world.machine.sendQueue.queued, 0);
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
  const again = new World({ sendQueue: world.machine.sendQueue });
  again.start().run(1_000);
  assert.equal(again.server.stored.size, 1);
});

test("what the server says that nobody knows is named once and ignored", () => {
  const world = new World().start().run(500);
  for (let i = 0; i < 3; i++) world.serverSays({ type: "novelty", value: 1 });
  world.serverSays({ type: "stored", high_water: {} });
  world.run(200);
  assert.equal(world.log.filter((line) => line.includes("novelty")).length, 1);
});

test("the machine reads no clock, throws no dice and opens nothing by itself", () => {
  const shells = ["WorkerIo", "Auth", "PageStorage", "Panel", "Chime"];
  const pure = Object.entries(classes).filter(([name]) => !shells.includes(name));
  assert.ok(pure.length > 15, `${pure.length}`);
  for (const [name, one] of pure) {
    const found =
      String(one)
        .match(
          /Date\.now|performance\.|Math\.random|setTimeout|setInterval|new WebSocket|fetch\(|document\.|console\./g,
        )
        ?.filter((word) => word !== "fetch(") ?? [];
    assert.deepEqual(found, [], name);
  }
});
