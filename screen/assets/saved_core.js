// @ts-check
"use strict";

/**
 * What is saved under names: layouts of a pair's page, and watch lists. How it is written to a file and read from one,
 * merged and compared. Pure, tested by `node --test`.
 *
 * @typedef {{panes: string[], hidden: string[], lines: string[], leg: string}} Layout
 * @typedef {{market: string, y: string, x: string, settings: Object<string, any>}} WatchedPair
 * @typedef {{name: string, content: any}} Entry
 */
const PairbridgeSavedCore = (() => {
  const series = typeof module === "undefined" ? PairbridgeSeries : require("./draw_series.js");
  const MOST = { entries: 200, name: 60, pairs: 1000, octets: 4_000_000 };
  const VERSION = 1;

  const PANES = series.PANES.map(({ id }) => id);
  /** The parts of a pair's page that can be hidden: id -> what it is called. */
  const PARTS = { cards: "Numbers", money: "Money line", evidence: "Evidence", details: "Details", log: "Signal log" };
  const LEGS = ["y", "x", "both"];
  const CHECKS = { layouts: checkLayout, "watch-lists": checkList };

  const quoted = (value) => JSON.stringify(value)?.slice(0, 60) ?? "nothing";
  const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

  function demand(isRight, where, found, expected) {
    if (!isRight) throw new Error(`${where} is ${quoted(found)}; expected ${expected}`);
  }

  function demandTexts(where, found, known) {
    demand(Array.isArray(found), where, found, "a list of texts");
    found.forEach((each, at) => {
      if (known) demand(known.includes(each), `${where}[${at}]`, each, `one of ${known.join(", ")}`);
      else demand(typeof each === "string" && each.length <= 40, `${where}[${at}]`, each, "a short text");
      demand(found.indexOf(each) === at, `${where}[${at}]`, each, "each of them once");
    });
  }

  /** @returns {Layout} with every pane. Throws an Error that says what was found and expected. */
  function checkLayout(where, found) {
    demand(isObject(found), where, found, "panes, hidden, lines and leg");
    demandTexts(`${where}.panes`, found.panes, PANES);
    demandTexts(`${where}.hidden`, found.hidden, [...PANES, ...Object.keys(PARTS)]);
    demandTexts(`${where}.lines`, found.lines, null);
    demand(LEGS.includes(found.leg), `${where}.leg`, found.leg, `one of ${LEGS.join(", ")}`);
    demand(PANES.some((id) => !found.hidden.includes(id)), `${where}.hidden`, found.hidden, "at least one pane shown");
    const { panes, hidden, lines, leg } = found;
    return { panes: [...panes, ...PANES.filter((id) => !panes.includes(id))], hidden, lines, leg };
  }

  /** @returns {WatchedPair[]} Throws an Error that says what was found and expected. */
  function checkList(where, found) {
    const isList = Array.isArray(found) && found.length > 0 && found.length <= MOST.pairs;
    demand(isList, where, Array.isArray(found) ? `${found.length} pairs` : found, `a list of 1 to ${MOST.pairs} pairs`);
    const seen = new Set();
    return found.map((pair, at) => {
      demand(isObject(pair), `${where}[${at}]`, pair, "market, y, x and settings");
      for (const name of ["market", "y", "x"]) {
        const isText = typeof pair[name] === "string" && pair[name].length > 0 && pair[name].length <= 32;
        demand(isText, `${where}[${at}].${name}`, pair[name], "1 to 32 characters");
      }
      demand(isObject(pair.settings), `${where}[${at}].settings`, pair.settings, "settings by name");
      demand(!seen.has(keyOf(pair)), `${where}[${at}]`, pairName(pair), "each pair once");
      seen.add(keyOf(pair));
      const { market, y, x, settings } = pair;
      return { market, y, x, settings };
    });
  }

  /** A typed name without spaces at its ends. Throws an Error that says what was found and expected. */
  function readName(typed, where = "the name") {
    demand(typeof typed === "string", where, typed, "a text");
    const name = typed.trim();
    demand(name.length > 0 && name.length <= MOST.name, where, name, `1 to ${MOST.name} characters`);
    return name;
  }

  /** The text of a file, or of what the browser keeps. @param {Entry[]} entries */
  function write(kind, entries) {
    return JSON.stringify({ format: `pairbridge-${kind}`, version: VERSION, saved: entries }, null, 1);
  }

  /** The entries of such a text. Throws an Error that says what was found and expected. @returns {Entry[]} */
  function read(kind, text) {
    const found = parsed(text);
    const format = `pairbridge-${kind}`;
    demand(isObject(found), "the file", found, `a file of the format ${format}`);
    demand(found.format === format, "format", found.format, JSON.stringify(format));
    demand(found.version === VERSION, "version", found.version, String(VERSION));
    const isList = Array.isArray(found.saved) && found.saved.length <= MOST.entries;
    demand(isList, "saved", Array.isArray(found.saved) ? found.saved.length : found.saved, `a list of at most ${MOST.entries}`);
    const entries = found.saved.map((each, at) => {
      demand(isObject(each), `saved[${at}]`, each, "name and content");
      const name = readName(each.name, `saved[${at}].name`);
      return { name, content: CHECKS[kind](`saved[${at}].content`, each.content) };
    });
    const names = entries.map(({ name }) => name);
    names.forEach((name, at) => demand(names.indexOf(name) === at, `saved[${at}].name`, name, "each name once"));
    return entries;
  }

  function parsed(text) {
    if (text.length > MOST.octets) throw new Error(`the file has ${text.length} characters; expected at most ${MOST.octets}`);
    try {
      return JSON.parse(text);
    } catch (error) {
      const why = /** @type {Error} */ (error).message;
      throw new Error(`the file is not JSON (${why.slice(0, 80)}); expected a file that Export has made`, { cause: error });
    }
  }

  /** Entries with others, which replace those of their names; sorted. @param {Entry[]} entries @param {Entry[]} others */
  function merge(entries, others) {
    const merged = new Map(entries.map((each) => [each.name, each]));
    for (const each of others) merged.set(each.name, each);
    if (merged.size > MOST.entries) throw new Error(`${merged.size} names would be saved; expected at most ${MOST.entries}`);
    return [...merged.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** What a merge did, in words. @param {Entry[]} before @param {Entry[]} others */
  function mergedText(before, others) {
    const known = new Map(before.map(({ name, content }) => [name, JSON.stringify(content)]));
    const isSame = ({ name, content }) => known.get(name) === JSON.stringify(content);
    const parts = /** @type {[string, Entry[]][]} */ ([
      ["added", others.filter(({ name }) => !known.has(name))],
      ["replaced", others.filter((each) => known.has(each.name) && !isSame(each))],
      ["the same already", others.filter(isSame)],
    ]);
    const said = parts.filter(([, which]) => which.length).map(([what, which]) => `${what}: ${listed(which.map(({ name }) => name))}`);
    return said.length ? said.join("; ") : "nothing in it";
  }

  /** @param {string[]} names */
  function listed(names) {
    const shown = names.slice(0, 6).join(", ");
    return names.length > 6 ? `${shown} and ${names.length - 6} more` : shown;
  }

  const keyOf = ({ market, y, x }) => JSON.stringify([market, y, x]);
  const pairName = ({ y, x }) => `${y} ~ ${x}`;

  /** What loading a watch list changes. A pair of both stays as it is, settings included. */
  function plan(watched, wanted) {
    const [here, there] = [watched, wanted].map((pairs) => new Set(pairs.map(keyOf)));
    return {
      add: wanted.filter((pair) => !here.has(keyOf(pair))),
      remove: watched.filter((pair) => !there.has(keyOf(pair))),
      stay: watched.filter((pair) => there.has(keyOf(pair))).length,
    };
  }

  /** A plan in words; empty if nothing changes. */
  function planText({ add, remove, stay }) {
    const parts = [
      add.length ? `adds ${listed(add.map(pairName))}` : "",
      remove.length ? `removes ${listed(remove.map(pairName))}` : "",
    ].filter(Boolean);
    return parts.length ? `${parts.join("; ")}; ${stay} stay${stay === 1 ? "s" : ""} as ${stay === 1 ? "it is" : "they are"}` : "";
  }

  const plainLayout = () => ({ panes: [...PANES], hidden: [], lines: [], leg: "y" });

  return { PANES, PARTS, CHECKS, readName, write, read, merge, mergedText, plan, planText, pairName, keyOf, plainLayout };
})();

if (typeof module !== "undefined") module.exports = PairbridgeSavedCore;
