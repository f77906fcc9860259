// @ts-check
"use strict";

/** How late trades are painted here, from the exchange's time of each to its picture on a pair's chart, by this clock. */
const PairbridgeDelay = (() => {
  const KEPT = 1000; // pictures
  const delays = /** @type {number[]} */ ([]);
  let latest = 0;

  /** A picture with these trades has been painted. @param {{[leg: string]: number[]}} newest by leg: id and time, ms */
  function note(newest) {
    const time = Math.max(...Object.values(newest).map(([, ms]) => ms));
    if (time <= latest) return; // it shows no newer trade than the one before
    latest = time;
    delays.push(Date.now() - time);
    if (delays.length > KEPT) delays.shift();
  }

  function text() {
    if (!delays.length) return "not measured yet: open a pair's page, and come back";
    const sorted = [...delays].sort((a, b) => a - b);
    const [middle, high] = [0.5, 0.95].map((share) => sorted[Math.floor(share * (sorted.length - 1))]);
    return `${middle} / ${high} ms, of the newest ${sorted.length.toLocaleString("en-US")} pictures of a pair's chart`;
  }

  return { note, text };
})();
