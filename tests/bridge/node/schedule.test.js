"use strict";

const test = require("node:test");
const assert = require("node:assert/strict");
const { World } = require("./world.js");

const THINGS = {
  trade: 60,
  burst: 6,
  killServer: 2,
  startServer: 6,
  dropExchange: 2,
  exchangeDown: 1,
  exchangeUp: 4,
  repeat: 3,
  hidden: 2,
  fetch: 3,
  warmStart: 1,
  standby: 2,
  active: 3,
  holdAcks: 1,
  giveAcks: 4,
  shutdownNotice: 1,
  freeze: 0.3,
  clockStep: 0.5,
  restBreaks: 0.5,
  restWorks: 2,
};

/** @param {World} world */
function happen(world, thing) {
  const symbol = world.random() < 0.5 ? "BTCUSDT" : "ETHUSDT";
  const tradeHistory = world.tradeHistory.get(symbol);
  const some = tradeHistory[Math.floor(world.random() * tradeHistory.length)];
  if (thing === "trade") world.trade(symbol);
  else if (thing === "burst") for (let i = 0; i < 700; i++) world.trade(symbol);
  else if (thing === "killServer") world.killServer();
  else if (thing === "startServer") world.server.up = true;
  else if (thing === "dropExchange") world.dropExchange();
  else if (thing === "exchangeDown") ((world.exchange.up = false), world.dropExchange());
  else if (thing === "exchangeUp") world.exchange.up = true;
  else if (thing === "repeat" && some) world.deliver(some);
  else if (thing === "hidden") world.trade(symbol, { hidden: true });
  else if (thing === "fetch" && some)
    world.serverSays({ type: "fetch", symbol, from: Math.max(1_000, some.a - 5), to: some.a });
  else if (thing === "warmStart" && some) world.serverSays({ type: "fetch", symbol, since_ms: some.T, to: some.a + 9 });
  else if (thing === "standby" || thing === "active") lease(world, symbol, thing);
  else if (thing === "holdAcks") world.server.acks = false;
  else if (thing === "giveAcks" && !world.server.acks) ((world.server.acks = true), world.killServer());
  else if (thing === "shutdownNotice") world.streamSays('{"e":"serverShutdown"}');
  else if (thing === "freeze") world.freeze(8_000);
  else if (thing === "clockStep") world.wallOffset += (world.random() - 0.5) * 7_200_000;
  else if (thing === "restBreaks") world.exchange.rest = "blocked";
  else if (thing === "restWorks") world.exchange.rest = "ok";
}

/** @param {World} world */
function lease(world, symbol, to) {
  if (to === "standby") world.server.standby.add(symbol);
  else world.server.standby.delete(symbol);
  const all = ["BTCUSDT", "ETHUSDT"];
  world.serverSays({
    type: "lease",
    active: all.filter((s) => !world.server.standby.has(s)),
    standby: [...world.server.standby],
  });
}

/** @param {World} world */
function draw(world) {
  let rest = world.random() * Object.values(THINGS).reduce((a, b) => a + b);
  return Object.keys(THINGS).find((thing) => (rest -= THINGS[thing]) < 0) ?? "trade";
}

function recover(world) {
  world.server.up = world.exchange.up = world.server.acks = true;
  world.exchange.rest = "ok";
  world.killServer(); // acknowledgements that were held back are lost
  world.server.up = true;
  const { sendQueue } = world.machine;
  for (let s = 0; s < 120 && (s < 5 || sendQueue.queued || sendQueue.inFlight.length); s++) world.run(1_000);
}

let stored = 0;
for (let seed = 1; seed <= 40; seed++) {
  test(`whatever happens, every row is acknowledged once or still here, in order (seed ${seed})`, () => {
    const world = new World({ seed, rotateMs: 9_000 }).start();
    for (let step = 0; step < 400; step++) {
      happen(world, draw(world));
      world.run(world.random() * 300);
      if (step % 4 === 0) world.check();
    }
    recover(world);
    world.check();
    const { sendQueue } = world.machine;
    assert.equal(sendQueue.queued + sendQueue.inFlight.length, 0, "all is delivered once both ends are back");
    assert.deepEqual(
      new Set(world.acknowledged),
      new Set(world.server.stored.values()),
      "what is acknowledged is stored, and nothing else is",
    );
    stored += world.server.stored.size;
  });
}

test("the schedules did something", () => {
  assert.ok(stored > 100_000, `${stored} rows`);
});
