// @ts-check
"use strict";

/**
 * Sends chosen or dropped files of the data's page to the dashboard, part by part, and tells the page the upload's
 * number. Parts, because a request may hold at most 16 MiB.
 */
(() => {
  const PART = 8 * 1024 * 1024;
  let sending = null; // an AbortController while files are on their way

  const tell = (id, props) => window.dash_clientside.set_props(id, props);
  const say = (text) => tell("data-sent", { children: text });

  /** One part; returns the upload's number. */
  async function sendPart(file, at, upload, signal) {
    const query = new URLSearchParams({ name: file.name, at: String(at), upload });
    const body = file.slice(at, at + PART);
    const answer = await fetch(`/api/uploads?${query}`, { method: "POST", body, signal });
    if (!answer.ok) throw new Error((await answer.text()).trim());
    return (await answer.json()).upload;
  }

  async function sendAll(files, signal) {
    const total = files.reduce((sum, file) => sum + file.size, 0);
    let upload = "";
    let sent = 0;
    for (const file of files) {
      for (let at = 0; at < file.size || at === 0; at += PART) {
        upload = await sendPart(file, at, upload, signal);
        sent += Math.min(PART, file.size - at);
        say(`sending ${Math.round((100 * sent) / Math.max(total, 1))} %`);
      }
    }
    return upload;
  }

  async function send(files) {
    if (!files.length || sending) return;
    sending = new AbortController();
    try {
      const upload = await sendAll(files, sending.signal);
      say(files.map((file) => file.name).join(", "));
      tell("data-upload", { data: upload });
    } catch (error) {
      say(sending.signal.aborted ? "not sent" : `Not sent: ${/** @type {Error} */ (error).message}`);
    } finally {
      sending = null;
    }
  }

  function choose() {
    const input = document.createElement("input");
    input.type = "file";
    input.multiple = true;
    input.addEventListener("change", () => send([...(input.files ?? [])]));
    input.click();
  }

  const zoneOf = (event) => (event.target instanceof Element ? event.target.closest("#data-drop") : null);

  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element)) return;
    if (event.target.closest("#data-choose")) choose();
    if (event.target.closest("#data-discard")) {
      sending?.abort();
      say("");
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
    send([...(event.dataTransfer?.files ?? [])]);
  });
})();
