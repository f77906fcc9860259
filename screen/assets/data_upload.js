// @ts-check
"use strict";

/**
 * Sends chosen or dropped files to the dashboard, part by part, and tells the page the upload's number. Parts, because a request may hold at most 16 MiB.
 */
(() => {
  const PAGES = ["data", "backtest"]; // each with its own zone and buttons, by id
  const PART = 8 * 1024 * 1024;
  let sending = null; // an AbortController while files are on their way

  const tell = (id, props) => window.dash_clientside.set_props(id, props);
  const say = (page, text) => tell(`${page}-sent`, { children: text });

  /** One part; returns the upload's number. */
  async function sendPart(file, at, upload, signal) {
    const query = new URLSearchParams({ name: file.name, at: String(at), upload });
    const body = file.slice(at, at + PART);
    const answer = await fetch(`/api/uploads?${query}`, { method: "POST", body, signal });
    if (!answer.ok) throw new Error((await answer.json()).detail);
    return (await answer.json()).upload;
  }

  async function sendAll(page, files, signal) {
    const total = files.reduce((sum, file) => sum + file.size, 0);
    let upload = "";
    let sent = 0;
    for (const file of files) {
      for (let at = 0; at < file.size || at === 0; at += PART) {
        upload = await sendPart(file, at, upload, signal);
        sent += Math.min(PART, file.size - at);
        say(page, `sending ${Math.round((100 * sent) / Math.max(total, 1))} %`);
      }
    }
    return upload;
  }

  async function send(page, files) {
    if (!files.length || sending) return;
    sending = new AbortController();
    try {
      const upload = await sendAll(page, files, sending.signal);
      say(page, files.map((file) => file.name).join(", "));
      tell(`${page}-upload`, { data: upload });
    } catch (error) {
      say(page, sending.signal.aborted ? "not sent" : `Not sent: ${/** @type {Error} */ (error).message}`);
    } finally {
      sending = null;
    }
  }

  function choose(page) {
    const input = document.createElement("input");
    input.type = "file";
    input.multiple = true;
    input.addEventListener("change", () => send(page, [...(input.files ?? [])]));
    input.click();
  }

  const within = (event, selector) => (event.target instanceof Element ? event.target.closest(selector) : null);
  const zoneOf = (event) => within(event, PAGES.map((page) => `#${page}-drop`).join(", "));

  document.addEventListener("click", (event) => {
    for (const page of PAGES) {
      if (within(event, `#${page}-choose`)) choose(page);
      if (within(event, `#${page}-discard, #${page}-discard-files`)) {
        sending?.abort();
        say(page, "");
      }
    }
  });
  document.addEventListener("dragover", (event) => {
    const zone = zoneOf(event);
    if (!zone) return;
    event.preventDefault();
    zone.classList.add("is-over");
  });
  document.addEventListener("dragleave", (event) => zoneOf(event)?.classList.remove("is-over"));
  document.addEventListener("drop", (event) => {
    const zone = zoneOf(event);
    if (!zone) return;
    event.preventDefault();
    zone.classList.remove("is-over");
    send(zone.id.replace("-drop", ""), [...(event.dataTransfer?.files ?? [])]);
  });
})();
