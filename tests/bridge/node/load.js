"use strict";

// The page's scripts as a browser runs them: classic, in the order of index.html. bridge.js begins at once with the
// document; it and what it draws are tested in a real browser.

const fs = require("node:fs");
const path = require("node:path");
const vm = require("node:vm");

const BRIDGE = path.join(__dirname, "../../../bridge");
const page = fs.readFileSync(path.join(BRIDGE, "index.html"), "utf8");
const scripts = [...page.matchAll(/<script src="([a-z_]+\.js)">/g)].map(([, name]) => name);

const names = [];
for (const name of scripts.filter((name) => name !== "bridge.js")) {
  const source = fs.readFileSync(path.join(BRIDGE, name), "utf8");
  vm.runInThisContext(source, { filename: path.join(BRIDGE, name) });
  names.push(...[...source.matchAll(/^class (\w+)/gm)].map(([, declared]) => declared));
}

const classes = vm.runInThisContext(`({ ${names.join(", ")} })`);
module.exports = { ...classes, classes, BRIDGE, page, scripts };
