"use strict";

const assert = require("node:assert");
const { beforeEach, test } = require("node:test");
const times = require("../../screen/assets/clock_times.js");

const AT = Date.parse("2026-09-22T03:07:45.580Z");

beforeEach(() => times.use("UTC"));

test("in UTC texts stay what they are", () => {
  assert.equal(times.text(AT), "2026-09-22 03:07:45 UTC");
  assert.equal(times.localised("since 2026-09-22 03:07:45 UTC"), "since 2026-09-22 03:07:45 UTC");
  assert.equal(times.shifted(AT), AT);
});

test("in a zone every spelled time has its hour and its name", () => {
  times.use("Asia/Kolkata");
  assert.equal(times.text(AT), "2026-09-22 08:37:45 GMT+5:30");
  assert.equal(times.localised("since 2026-09-22 03:07:45 UTC: 3 trades"), "since 2026-09-22 08:37:45 GMT+5:30: 3 trades");
  assert.equal(times.localised("2026-09-22 22:07 to 2026-09-23 01:00 UTC"), "2026-09-23 03:37 to 2026-09-23 06:30 GMT+5:30");
  assert.equal(times.localised("p 0.05, 2026-09-22 03:07"), "p 0.05, 2026-09-22 03:07", "without its zone it stays");
  assert.equal(new Date(times.shifted(AT)).toISOString(), "2026-09-22T08:37:45.580Z");
});

test("summer time is that of each moment", () => {
  times.use("Europe/Berlin");
  assert.equal(times.localised("2026-01-05 12:00 UTC"), "2026-01-05 13:00 CET");
  assert.equal(times.localised("2026-07-05 12:00 UTC"), "2026-07-05 14:00 CEST");
});

test("a mark of the axis says the hour where the zone's day has another beginning", () => {
  const day = Date.parse("2026-09-22T00:00:00Z") / 1000;
  assert.deepEqual([0, 1, 2].map((kind) => times.tick(day, kind)), ["2026", "2026-09", "09-22"]);
  assert.equal(times.tick(day + 3600, 3), "01:00");
  times.use("Asia/Kolkata");
  assert.equal(times.tick(day, 2), "09-22 05:30");
  assert.equal(times.tick(day + 5, 4), "05:30:05");
});
