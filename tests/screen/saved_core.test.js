"use strict";

const assert = require("node:assert/strict");
const test = require("node:test");
const core = require("../../screen/assets/saved_core.js");

const pair = (y, x = "BTC", settings = { entry_z: 2 }) => ({ market: "sim", y, x, settings });
const layout = (more = {}) => ({ ...core.plainLayout(), ...more });

test("a file gives back what was written, whatever the names are", () => {
  const names = ["desk", "__proto__", "<b>x</b>", "日本"];
  const layouts = names.map((name) => ({ name, content: layout({ hidden: ["gate-chart", "log"], leg: "both" }) }));
  assert.deepEqual(core.read("layouts", core.write("layouts", layouts)), layouts);
  const lists = names.map((name) => ({ name, content: [pair("ETH"), pair("SOL")] }));
  assert.deepEqual(core.read("watch-lists", core.write("watch-lists", lists)), lists);
});

test("a bad file is refused with what was found and what was expected", () => {
  const file = (saved, more = {}) => JSON.stringify({ format: "pairbridge-layouts", version: 1, saved, ...more });
  const entry = (content, name = "a") => [{ name, content }];
  const bad = {
    "not json": /^the file is not JSON \(.+\); expected a file that Export has made$/,
    '"text"': /^the file is "text"; expected a file of the format pairbridge-layouts$/,
    [file([], { format: "pairbridge-watch-lists" })]: /^format is "pairbridge-watch-lists"; expected "pairbridge-layouts"$/,
    [file([], { version: 2 })]: /^version is 2; expected 1$/,
    [file({})]: /^saved is {}; expected a list of at most 200$/,
    [file([7])]: /^saved\[0\] is 7; expected name and content$/,
    [file(entry(layout(), "  "))]: /^saved\[0\]\.name is ""; expected 1 to 60 characters$/,
    [file(entry(null))]: /^saved\[0\]\.content is null; expected panes, hidden, lines and leg$/,
    [file(entry(layout({ panes: ["volume"] })))]: /^saved\[0\]\.content\.panes\[0\] is "volume"; expected one of price-chart, /,
    [file(entry(layout({ panes: ["z-chart", "z-chart"] })))]: /panes\[1\] is "z-chart"; expected each of them once$/,
    [file(entry(layout({ hidden: core.PANES })))]: /; expected at least one pane shown$/,
    [file(entry(layout({ lines: [3] })))]: /lines\[0\] is 3; expected a short text$/,
    [file(entry(layout({ leg: "z" })))]: /leg is "z"; expected one of y, x, both$/,
    [file([...entry(layout()), ...entry(layout(), "a ")])]: /^saved\[1\]\.name is "a"; expected each name once$/,
  };
  for (const [text, message] of Object.entries(bad)) assert.throws(() => core.read("layouts", text), { message }, text);
  const list = (content) => JSON.stringify({ format: "pairbridge-watch-lists", version: 1, saved: entry(content) });
  const lists = [
    [[], /content is "0 pairs"; expected a list of 1 to 1000 pairs$/],
    [[{ market: "sim", y: "", x: "B", settings: {} }], /content\[0\]\.y is ""; expected 1 to 32 characters$/],
    [[{ ...pair("A"), settings: [] }], /content\[0\]\.settings is \[\]; expected settings by name$/],
    [[pair("A"), pair("A")], /content\[1\] is "A ~ BTC"; expected each pair once$/],
  ];
  for (const [content, message] of lists) assert.throws(() => core.read("watch-lists", list(content)), { message });
});

test("panes that a file does not name come last", () => {
  const text = core.write("layouts", [{ name: "a", content: layout({ panes: ["z-chart"] }) }]);
  assert.deepEqual(core.read("layouts", text)[0].content.panes, ["z-chart", "price-chart", "spread-chart", "beta-chart", "gate-chart"]);
});

test("a merge goes by name and says what it did", () => {
  const before = [{ name: "b", content: [pair("A")] }, { name: "c", content: [pair("C")] }];
  const others = [{ name: "a", content: [pair("D")] }, { name: "b", content: [pair("E")] }, { name: "c", content: [pair("C")] }];
  assert.deepEqual(core.merge(before, others).map(({ name, content }) => [name, content[0].y]), [["a", "D"], ["b", "E"], ["c", "C"]]);
  assert.equal(core.mergedText(before, others), "added: a; replaced: b; the same already: c");
  assert.equal(core.mergedText(before, []), "nothing in it");
  const many = Array.from({ length: 201 }, (_, at) => ({ name: `n${at}`, content: [] }));
  assert.throws(() => core.merge([], many), { message: "201 names would be saved; expected at most 200" });
});

test("loading a watch list adds and removes pairs, and leaves those of both", () => {
  const plan = core.plan([pair("A"), pair("B", "BTC", { entry_z: 3 })], [pair("B"), pair("C")]);
  assert.deepEqual([plan.add, plan.remove, plan.stay], [[pair("C")], [pair("A")], 1]);
  assert.equal(core.planText(plan), "adds C ~ BTC; removes A ~ BTC; 1 stays as it is");
  assert.equal(core.planText(core.plan([pair("A")], [pair("A")])), "");
  const many = core.plan([], "ABCDEFGH".split("").map((y) => pair(y)));
  assert.match(core.planText(many), /^adds (\w ~ BTC, ){5}F ~ BTC and 2 more; 0 stay as they are$/);
});
