// @ts-check
"use strict";

/**
 * The right to change things. The dashboard shows everything to whoever reaches it; what changes something needs the
 * key that a file of the data folder, readable by its owner only, brings in the fragment of the address. It is kept in
 * localStorage and sent in a header, never in a cookie: other ports of this computer would receive that.
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

  /** Says how to get the key, for as long as there is none. */
  function tell() {
    const note = document.getElementById("view-only");
    if (note) note.hidden = Boolean(key());
    else setTimeout(tell, 100); // the page is still being built
  }
  tell();
  window.addEventListener("storage", tell); // another tab was opened with the key
})();
