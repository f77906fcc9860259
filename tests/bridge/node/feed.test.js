"use strict";

const test = require("node:test");
const assert = require("node:assert/strict");
const { Feed } = require("./load.js");

/** A feed with its first connection open, and what it did. */
function opened(options = {}) {
  const actions = [];
  let ids = 0;
  const feed = new Feed({
    url: "ws://x",
    symbols: ["A", "B"],
    retired: false,
    random: () => 0.5,
    emit: (action) => actions.push(action),
    newId: () => ++ids,
    probe: (symbol) => actions.push({ do: "probe", symbol }),
    ...options,
  });
  feed.start(0);
  feed.opened(1, 10);
  const did = (what) => actions.filter((action) => action.do === what);
  return { feed, did };
}

test("the old connection is closed only when it has brought all that the new one did not", () => {
  const { feed, did } = opened();
  feed.delivered(1, "A", 100, 100);
  feed.delivered(1, "B", 7, 100);
  feed.renew(200, "test");
  feed.opened(2, 220);
  feed.delivered(2, "A", 110, 300); // the old one lags: 101 to 109 are still on their way
  feed.delivered(1, "A", 105, 300);
  feed.tick(400);
  assert.equal(did("close").length, 0);
  feed.delivered(1, "A", 109, 500);
  feed.tick(600);
  assert.deepEqual(
    did("close").map(({ socket }) => socket),
    [1],
  );
  assert.equal(feed.current?.id, 2);
});

test("a symbol that still trades on the old connection alone is waited for", () => {
  const { feed, did } = opened();
  feed.delivered(1, "A", 100, 100);
  feed.renew(200, "test");
  feed.opened(2, 220);
  feed.delivered(2, "A", 101, 300);
  feed.delivered(1, "A", 101, 310);
  feed.delivered(1, "B", 7, 320);
  feed.tick(400);
  assert.equal(did("close").length, 0);
  feed.delivered(2, "B", 8, 500);
  feed.tick(600);
  assert.equal(did("close").length, 1);
});

test("a new connection that stays silent while the old one delivers is given up", () => {
  const { feed, did } = opened();
  feed.delivered(1, "A", 100, 100);
  feed.renew(200, "test");
  feed.opened(2, 220);
  for (let at = 300; at < 16_000; at += 100) {
    feed.delivered(1, "A", at, at);
    feed.tick(at);
  }
  assert.deepEqual(
    did("close").map(({ socket }) => socket),
    [2],
  );
  assert.equal(feed.current?.id, 1);
});

test("in a quiet market the new connection takes over after a while", () => {
  const { feed, did } = opened();
  feed.renew(200, "test");
  feed.opened(2, 220);
  feed.tick(15_300);
  assert.deepEqual(
    did("close").map(({ socket }) => socket),
    [1],
  );
});

test("when the old connection breaks meanwhile the new one is there", () => {
  const { feed, did } = opened();
  feed.delivered(1, "A", 100, 100);
  feed.renew(200, "test");
  feed.opened(2, 220);
  feed.closed(1, 1006, 300);
  assert.equal(feed.state, "open");
  feed.tick(10_000);
  assert.equal(did("connect").length, 2, "and no third one");
});

test("when the new connection breaks the old one goes on, and another is tried later", () => {
  const { feed, did } = opened();
  feed.delivered(1, "A", 100, 100);
  feed.renew(200, "test");
  feed.closed(2, 1006, 300);
  assert.equal(feed.state, "open");
  for (let at = 400; at < 100_000; at += 100) {
    feed.delivered(1, "A", at, at);
    feed.tick(at);
  }
  assert.equal(did("connect").length, 3);
});

test("connections are replaced before 24 hours are over, not all pages at the same minute", () => {
  const ages = [0, 0.5, 1].map((dice) => {
    const { feed } = opened({ random: () => dice });
    return feed.renewAt;
  });
  assert.ok(Math.max(...ages) <= 23.5 * 3_600_000 + 10);
  assert.ok(Math.min(...ages) > 22.5 * 3_600_000);
  assert.equal(new Set(ages).size, 3);
});

test("an exchange that does not answer is left after 10 s", () => {
  const { feed, did } = opened();
  feed.closed(1, 1006, 100);
  feed.tick(1_000);
  assert.equal(did("connect").length, 2);
  feed.tick(12_000);
  assert.equal(did("close").at(-1).socket, 2);
  assert.equal(feed.state, "closed");
});

test("after a long silence a second connection looks whether it is the line, less and less often", () => {
  const { feed, did } = opened();
  feed.delivered(1, "A", 100, 100);
  let socket = 1;
  for (let at = 1_000; at < 3_600_000; at += 500) {
    feed.tick(at);
    if (feed.fresh && feed.fresh.id !== socket) feed.opened((socket = feed.fresh.id), at);
  }
  const tries = did("connect").length - 1;
  assert.ok(tries >= 4 && tries <= 12, `${tries} in an hour`);
});

test("a stopped feed does nothing any more", () => {
  const { feed, did } = opened();
  feed.stop();
  const before = did("connect").length;
  feed.closed(1, 1006, 100);
  feed.tick(100_000);
  feed.renew(100_000, "test");
  assert.equal(did("connect").length, before);
});
