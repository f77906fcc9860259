"use strict";

const test = require("node:test");
const assert = require("node:assert/strict");
const { Outbox, Recent } = require("./load.js");

const row = (id) => `["BTCUSDT",${id},"85595.90","0.411",1790046465580,false]`;
const fill = (outbox, from, to) => {
  for (let id = from; id <= to; id++) outbox.add(row(id));
};

test("rows leave in order, in batches of at most 500, numbered without a gap", () => {
  const outbox = new Outbox({ seq: 7 });
  fill(outbox, 1, 1_100);
  const batches = [outbox.take(), outbox.take(), outbox.take()];
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
  assert.equal(outbox.take(), null);
  assert.equal(outbox.queued, 0);
});

test("what an earlier connection left goes first, under its old number", () => {
  const outbox = new Outbox();
  fill(outbox, 1, 3);
  outbox.take();
  fill(outbox, 4, 4);
  outbox.take();
  outbox.disconnected();
  fill(outbox, 5, 5);
  assert.equal(outbox.outstanding, 0);
  assert.deepEqual(
    [outbox.take(), outbox.take(), outbox.take()].map(({ seq }) => seq),
    [1, 2, 3],
  );
  assert.equal(outbox.outstanding, 3);
});

test("an acknowledgement counts once", () => {
  const outbox = new Outbox();
  fill(outbox, 1, 1);
  outbox.take();
  assert.equal(outbox.acknowledge(1)?.rows, 1);
  assert.equal(outbox.acknowledge(1), null);
  assert.equal(outbox.acknowledge(99), null);
});

test("past its limit whole oldest batches are given up and named; what is in flight stays", () => {
  const outbox = new Outbox({ maxRows: 2_000 });
  fill(outbox, 1, 500);
  const first = outbox.take();
  const lost = [];
  for (let id = 501; id <= 3_000; id++) lost.push(...outbox.add(row(id)));
  assert.deepEqual(lost, [{ symbol: "BTCUSDT", from: 501, to: 1_000, rows: 500 }]);
  assert.equal(outbox.queued, 2_000);
  assert.deepEqual(outbox.inFlight, [first]);
});

test("a smaller limit of the server cuts what was not numbered yet", () => {
  const outbox = new Outbox();
  fill(outbox, 1, 700);
  outbox.limit(200);
  const rows = [];
  for (let batch = outbox.take(); batch; batch = outbox.take()) rows.push(batch.rows);
  assert.deepEqual(rows, [200, 200, 100, 200]);
  outbox.limit(1_000_000);
  assert.equal(outbox.batchRows, 1_000, "no message above 256 KiB, whatever the server allows");
});

test("the largest batch stays below 256 KiB", () => {
  const outbox = new Outbox();
  outbox.limit(1_000);
  const largest = JSON.stringify([
    "𐌰".repeat(32),
    Number.MAX_SAFE_INTEGER,
    "9".repeat(40),
    "9".repeat(40),
    Number.MAX_SAFE_INTEGER,
    false,
  ]);
  for (let i = 0; i < 1_000; i++) outbox.add(largest);
  assert.ok(Buffer.byteLength(outbox.take().text) < 256 * 1024 - 60);
});

test("two million rows wait within the limit, at less than 100 bytes each", { timeout: 60_000 }, () => {
  const outbox = new Outbox();
  const before = process.memoryUsage().heapUsed;
  for (let id = 0; id < 2_000_000; id++) outbox.add(row(3_460_311_795 + id));
  const bytes = process.memoryUsage().heapUsed - before;
  assert.equal(outbox.queued, 2_000_000);
  assert.ok(bytes / 2_000_000 < 100, `${Math.round(bytes / 2_000_000)} bytes a row`);
  assert.equal(outbox.add(row(1))[0].rows, 500, "the next one is too many");
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
