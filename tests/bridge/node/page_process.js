"use strict";

// The page's worker as a process: the same scripts on Node's sockets, between a real server and a real exchange.
// Arguments: port of the bridge server, port of the exchange, token, session, symbols.

const { Venues, WorkerIo } = require("./load.js");

/** Node 20 has none; the worker asks it one thing only: whether anything answers. */
class EventSource {
  static CLOSED = 2;

  constructor(url) {
    this.readyState = 0;
    fetch(url).then(
      () => {
        this.readyState = EventSource.CLOSED;
        this.onerror?.();
      },
      () => this.onerror?.(),
    );
  }

  close() {
    this.readyState = EventSource.CLOSED;
  }
}

globalThis.EventSource ??= EventSource;
const [server, exchange, token, session, symbols] = process.argv.slice(2);
const plan = Venues.plan({
  venue: "sim",
  exchange: `ws://127.0.0.1:${exchange}`,
  rest: `http://127.0.0.1:${exchange}`,
  symbols: symbols.split(","),
});
const scope = { postMessage: () => {} };
const worker = new WorkerIo(scope);
worker.told({ type: "start", plan, server: `ws://127.0.0.1:${server}/`, session, seq: 1, token });
console.log("started");
