// @ts-check
"use strict";

/**
 * The key for making changes. The dashboard is readable by every client; changes need the key. A file in the data
 * folder, readable only by its owner, passes it in the fragment of the address. It is stored in localStorage and sent
 * in a header, never in a cookie: other ports of this computer would receive that.
 */
(() => {
  const NAME = "pairbridge.key";
  const found = /^#key=([0-9A-Za-z_-]+)$/.exec(location.hash);
  let memory = ""; // where the browser forbids localStorage
  if (found) {
    memory = found[1];
    try {
      localStorage.setItem(NAME, memory);
    } catch {
      // forbidden here: forgotten on reload
    }
    history.replaceState(null, "", location.pathname + location.search);
  }

  function key() {
    try {
      return localStorage.getItem(NAME) ?? memory;
    } catch {
      return memory;
    }
  }

  const send = window.fetch.bind(window);
  window.fetch = (input, init = {}) => {
    const url = new URL(input instanceof Request ? input.url : String(input), location.href);
    if (url.origin !== location.origin || !key()) return send(input, init);
    const headers = new Headers(init.headers ?? (input instanceof Request ? input.headers : undefined));
    headers.set("X-Pairbridge-Key", key());
    return send(input, { ...init, headers });
  };

  /** Shows how to get the key while it is missing. */
  function tell() {
    const note = document.getElementById("view-only");
    if (note) note.hidden = Boolean(key());
    else setTimeout(tell, 100); // the page is still being built
  }
  tell();
  window.addEventListener("storage", tell); // another tab was opened with the key
})();
