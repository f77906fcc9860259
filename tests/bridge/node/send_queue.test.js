"use strict";

const test = require("node:test");
const assert = require("node:assert/strict");
const { SendQueue, Recent } = require("./load.js");

const row = (id) => `["BTCUSDT",${id},"85595.90","0.411",1790046465580,false]`;
const fill = (sendQueue, from, to) => {
  for (let id = from; id <= to; id++) sendQueue.add(row(id));
};

test("rows leave in order, in batches of at most 500, numbered without a gap", () => {
  const sendQueue = new SendQueue({ seq: 7 });
  fill(sendQueue, 1, 1_100);
  const batches = [sendQueue.take(), sendQueue.take(), sendQueue.take()];
  assert.deepEqual(
    batches.map(({ seq, rows }) => [seq, rows]),
    [
      [7, 500],
      [8, 500],
      [9, 100],
    ],
  );
  assert.deepEqual(
    batches.flatMap(({ text }) => JSON.parse(text).map((one) => one[1])),
    Array.from({ length: 1_100 }, (_, i) => i + 1),
  );
  assert.equal(sendQueue.take(), null);
  assert.equal(sendQueue.queued, 0);
});

test("what an earlier connection left goes first, under its old number", () => {
  const sendQueue = new SendQueue();
  fill(sendQueue, 1, 3);
  sendQueue.take();
  fill(sendQueue, 4, 4);
  sendQueue.take();
  sendQueue.disconnected();
  fill(sendQueue, 5, 5);
  assert.equal(sendQueue.outstanding, 0);
  assert.deepEqual(
    [sendQueue.take(), sendQueue.take(), sendQueue.take()].map(({ seq }) => seq),
    [1, 2, 3],
  );
  assert.equal(sendQueue.outstanding, 3);
});

test("an acknowledgement counts once", () => {
  const sendQueue = new SendQueue();
  fill(sendQueue, 1, 1);
  sendQueue.take();
  assert.equal(sendQueue.acknowledge(1)?.rows, 1);
  assert.equal(sendQueue.acknowledge(1), null);
  assert.equal(sendQueue.acknowledge(99), null);
});

test("past its limit whole oldest batches are given up and named; what is in flight stays", () => {
  const sendQueue = new SendQueue({ maxRows: 2_000 });
  fill(sendQueue, 1, 500);
  const first = sendQueue.take();
  const lost = [];
  for (let id = 501; id <= 3_000; id++) lost.push(...sendQueue.add(row(id)));
  assert.deepEqual(lost, [{ symbol: "BTCUSDT", from: 501, to: 1_000, rows: 500 }]);
  assert.equal(sendQueue.queued, 2_000);
  assert.deepEqual(sendQueue.inFlight, [first]);
});

test("a smaller limit of the server cuts what was not numbered yet", () => {
  const sendQueue = new SendQueue();
  fill(sendQueue, 1, 700);
  sendQueue.limit(200);
  const rows = [];
  for (let batch = sendQueue.take(); batch; batch = sendQueue.take()) rows.push(batch.rows);
  assert.deepEqual(rows, [200, 200, 100, 200]);
  sendQueue.limit(1_000_000);
  assert.equal(sendQueue.batchRows, 1_000, "no message above 256 KiB, whatever the server allows");
});

test("the largest batch stays below 256 KiB", () => {
  const sendQueue = new SendQueue();
  sendQueue.limit(1_000);
  const largest = JSON.stringify([
    "𐌰".repeat(32),
    Number.MAX_SAFE_INTEGER,
    "9".repeat(40),
    "9".repeat(40),
    Number.MAX_SAFE_INTEGER,
    false,
  ]);
  for (let i = 0; i < 1_000; i++) sendQueue.add(largest);
  assert.ok(Buffer.byteLength(sendQueue.take().text) < 256 * 1024 - 60);
});

test("two million rows wait within the limit, at less than 100 bytes each", { timeout: 60_000 }, () => {
  const sendQueue = new SendQueue();
  const before = process.memoryUsage().heapUsed;
  for (let id = 0; id < 2_000_000; id++) sendQueue.add(row(3_460_311_795 + id));
  const bytes = process.memoryUsage().heapUsed - before;
  assert.equal(sendQueue.queued, 2_000_000);
  assert.ok(bytes / 2_000_000 < 100, `${Math.round(bytes / 2_000_000)} bytes a row`);
  assert.equal(sendQueue.add(row(1))[0].rows, 500, "the next one is too many");
});

test("a row is new once, unless any value differs", () => {
  const recent = new Recent(3);
  assert.deepEqual(
    [recent.add(row(1)), recent.add(row(1)), recent.add(row(1).replace("85595.90", "85595.91"))],
    [true, false, true],
  );
});

test("at least so many rows are remembered, at most twice as many", () => {
  const recent = new Recent(100);
  for (let id = 1; id <= 1_000; id++) recent.add(row(id));
  for (let id = 901; id <= 1_000; id++) assert.equal(recent.add(row(id)), false, String(id));
  assert.ok(recent.young.size + recent.old.size <= 200);
});
