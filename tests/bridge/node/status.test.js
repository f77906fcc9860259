"use strict";

const test = require("node:test");
const assert = require("node:assert/strict");
const { World } = require("./world.js");

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
  world.perform(world.machine.notice("permission", "denied", world.now));
  assert.ok(!("permission" in beat()), "nothing is withheld: the exchange is connected");
  world.exchange.up = false;
  world.dropExchange();
  assert.equal(beat().permission, "denied");
  assert.equal(world.status().code, "permission-denied");
});

test("lag is reckoned by the exchange's clock, however wrong this computer's is", () => {
  const world = new World();
  const ahead = 600_000;
  world.answer = ((answer) => (url) => {
    if (!url.pathname.endsWith("/time")) return answer(url);
    return { status: 200, text: JSON.stringify({ serverTime: world.wall - ahead }), retryAfter: null, cause: null };
  })(world.answer.bind(world));
  world.start().run(1_000);
  const late = world.trade("BTCUSDT", { hidden: true });
  world.streamSays(JSON.stringify({ ...late, E: late.E - ahead - 3_000 }));
  const { lagMs } = world.machine.view(world.now);
  assert.ok(Math.abs(lagMs - 3_000) < 60, `${lagMs}`);
});
