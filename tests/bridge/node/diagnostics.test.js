"use strict";

const test = require("node:test");
const assert = require("node:assert/strict");
const { Diagnostics } = require("./load.js");

/** All is well. */
const WELL = {
  phase: "running",
  upstream: "open",
  stream: "wss://fstream.binance.com/market/stream",
  retired: false,
  custom: false,
  online: true,
  delivered: true,
  quietMs: 100,
  upstreamTries: 0,
  server: "live",
  serverUrl: "ws://127.0.0.1:8765/",
  answering: false,
  serverFailures: 0,
  hasToken: true,
  refusal: null,
  stalled: false,
  queued: 0,
  lost: 0,
  permission: "granted",
  unheard: false,
  exchangeWithheld: false,
  visible: true,
  unknown: [],
  usable: 2,
  silent: [],
  standby: [],
  lagMs: 40,
  skewMs: 3,
  frozenMs: 0,
  gaps: 0,
  warming: [],
  unfetched: { ids: 0, reason: "" },
  pausedMs: 0,
};
const AWAY = { server: "waiting", serverFailures: 1 };
const BAD_TOKEN = { code: "bad-token", message: "the token is not this server's" };
const LATE = { code: "late", message: "no hello within 2 s" };

/** What is the matter; the finding's code and level; what is said of it, and what to do. */
// prettier-ignore
const CASES = [
  ["nothing", {}, "live", "good", /Trades arrive and are stored/, /Keep this page open/],
  ["not started", { phase: "idle" }, "stopped", "wait", /Nothing is forwarded/, /press Start Bridge/],
  ["being stopped", { phase: "stopping" }, "stopping", "wait", /last acknowledgements/, /up to 2 s/],
  ["another bridge forwards", { standby: ["A", "B"] }, "standby", "good", /Another bridge/, /takes over/],
  ["a retired route", { upstream: "wrong-route", retired: true, custom: true }, "wrong-route", "bad", /was retired/, /clear “Stream address”.*\/market\/stream/],
  ["a wrong route", { upstream: "wrong-route", custom: true }, "wrong-route", "bad", /delivers none/, /clear “Stream address”/],
  ["the built-in route has moved", { upstream: "wrong-route" }, "wrong-route", "bad", /delivers none/, /newer version/],
  ["first connection", { upstream: "connecting", delivered: false }, "starting", "wait", /Connecting to the exchange/, /./],
  ["no trade yet", { delivered: false }, "starting", "wait", /waiting for the first trade/, /./],
  ["upstream down from the start", { upstream: "closed", delivered: false }, "upstream-down", "bad", /No connection to the exchange at wss:/, /firewall or VPN.*another market/],
  ["upstream down", { upstream: "closed" }, "upstream-down", "bad", /No connection/, /reconnects automatically.*fetched afterwards/],
  ["offline", { upstream: "closed", online: false }, "upstream-down", "bad", /offline/, /Check the network/],
  ["a quiet market", { quietMs: 16_000 }, "market-quiet", "wait", /no trade of any symbol/, /second connection checks/],
  ["a quiet market from the start", { quietMs: 16_000, delivered: false }, "market-quiet", "wait", /no trade has come yet/, /trade rarely or the address is wrong/],
  ["one symbol silent", { silent: ["ETHUSDT"] }, "symbol-silent", "warn", /trades ETHUSDT, but nothing of it arrives/, /stop and start/],
  ["a typo", { unknown: ["ETHUSTD is not a symbol"] }, "unknown-symbol", "note", /ETHUSTD/, /./],
  ["only typos", { unknown: ["ETHUSTD is not a symbol"], usable: 0 }, "unknown-symbol", "bad", /ETHUSTD/, /./],
  ["first connection to the server", { server: "connecting" }, "starting", "wait", /Connecting to the bridge server/, /./],
  ["server down", AWAY, "server-down", "bad", /127\.0\.0\.1:8765\/ does not answer/, /Start it \(make run\).*Rows are kept/],
  ["another program on the port", { ...AWAY, answering: true }, "server-down", "bad", /takes no connection/, /another program using this port\?.*Rows are kept/],
  ["no token", { hasToken: false }, "token-missing", "bad", /has no key of the bridge server yet/, /Start the server.*open the page by the file.*paste/],
  ["bad token", { refusal: BAD_TOKEN }, "refused", "bad", /not this server's \(bad-token\)/, /Open the page again by the file.*paste/],
  ["refused otherwise", { refusal: LATE }, "refused", "bad", /within 2 s \(late\)/, /retries every 5 s/],
  ["permission denied", { ...AWAY, permission: "denied" }, "permission-denied", "bad", /forbids this page/, /site settings.*allow local network access/],
  ["permission denied, and blocked at once", { ...AWAY, permission: "denied", answering: true }, "permission-denied", "bad", /forbids/, /site settings/],
  ["permission denied to the exchange", { upstream: "closed", permission: "denied", exchangeWithheld: true }, "permission-denied", "bad", /forbids/, /site settings/],
  ["the browser's question open", { ...AWAY, permission: "prompt", unheard: true }, "server-down", "bad", /does not answer/, /If the browser asks.*allow it/],
  ["the browser's question dismissed", { ...AWAY, permission: "prompt", answering: true }, "server-down", "bad", /takes no connection/, /If the browser asks.*allow it/],
  ["storage stalled or disk full", { stalled: true }, "storage-stalled", "bad", /confirmed none.*disk is full or slow/, /Nothing is lost; free some space/],
  ["backpressure", { queued: 30_000 }, "backpressure", "warn", /faster than the server confirms/, /drain by themselves/],
  ["queue full", { queued: 30_000, lost: 1_500 }, "queue-full", "bad", /1,500 of the oldest rows/, /asks for them again/],
  ["queue was full", { lost: 1_500 }, "queue-full", "note", /given up/, /in the log/],
  ["gaps being fetched", { gaps: 2 }, "fetching", "note", /fetched \(2 gaps\)/, /./],
  ["fetching paused", { gaps: 1, pausedMs: 16_001 }, "fetching", "note", /\(1 gap\)/, /asked for a pause of 17 s/],
  ["a warm start", { warming: ["A", "B", "C", "D", "E", "F"] }, "warm-start", "note", /first one of A, B, C, D, E and 1 more/, /begin warm/],
  ["gaps that stay open", { unfetched: { ids: 1_200, reason: "geo-blocked" } }, "gaps-open", "note", /1,200 missing trades could not be fetched: geo-blocked/, /give no signal.*dashboard says how/],
  ["a freeze", { frozenMs: 61_000 }, "frozen", "note", /stopped this page for 61 s/, /Exempt the page from tab sleeping/],
  ["a hidden tab", { visible: false }, "hidden", "note", /continues to work/, /performance settings/],
  ["clock ahead", { skewMs: 90_000 }, "clock-skew", "note", /90\.0 s ahead of the exchange's/, /automatic time/],
  ["clock behind", { skewMs: -1_500 }, "clock-skew", "note", /1\.5 s behind the exchange's/, /automatic time/],
  ["exchange lag", { lagMs: 2_500 }, "exchange-lag", "note", /2\.5 s late/, /overloaded/],
];

for (const [name, change, code, level, what, todo] of CASES) {
  test(`${name}: ${code}, with what to do`, () => {
    const all = Diagnostics.findings({ ...WELL, ...change });
    const found = all.find((finding) => finding.code === code);
    assert.ok(found, JSON.stringify(all));
    assert.equal(found.level, level);
    assert.match(found.text, what);
    assert.match(found.text, todo);
    assert.match(found.title, /^[A-Z ]+$/);
    if (level === "note") assert.equal(all[0].code, "live", "a note is never the status");
    else assert.equal(all[0].code, code);
  });
}

test("with wrong symbols only, no first trade is waited for", () => {
  const all = Diagnostics.findings({ ...WELL, unknown: ["ETHUSTD is not a symbol"], usable: 0, delivered: false });
  assert.deepEqual(all.map(({ code }) => code), ["unknown-symbol"]);
});

test("every finding that the diagnostics knows is in the table", () => {
  const codes = [...String(Diagnostics).matchAll(/"([a-z-]+)",\s*"[A-Z]{2}/g)].map(([, code]) => code);
  assert.deepEqual([...new Set(codes)].sort(), [...new Set(CASES.map(([, , code]) => code))].sort());
});

test("what is unknown is not claimed", () => {
  const findings = Diagnostics.findings({ ...WELL, lagMs: NaN, skewMs: NaN, permission: "" });
  assert.deepEqual(
    findings.map(({ code }) => code),
    ["live"],
  );
});

test("the browser's question is not spoken of while nothing is held back", () => {
  const [found] = Diagnostics.findings({ ...WELL, ...AWAY, permission: "prompt" });
  assert.ok(!found.text.includes("browser asks"), found.text);
});

test("recorded trades are old, not late", () => {
  assert.equal(Diagnostics.findings({ ...WELL, lagMs: 30 * 86_400_000 }).length, 1);
});

test("the worst comes first", () => {
  const change = { upstream: "closed", silent: ["A"], gaps: 1, frozenMs: 5_000, queued: 30_000 };
  const levels = Diagnostics.findings({ ...WELL, ...change }).map(({ level }) => level);
  assert.deepEqual(levels, ["bad", "warn", "warn", "note", "note"]);
});
