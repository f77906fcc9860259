// @ts-check
"use strict";

/** What the scripts share about the page's elements. */
const PairbridgeDom = (() => {
  const byId = (id) => document.getElementById(id);

  /** The interface of a mounted table; null while it is being built. */
  function grid(id) {
    try {
      return window.dash_ag_grid.getApi(id);
    } catch {
      return null;
    }
  }

  /** To another page or pair, without a reload. */
  function go(path) {
    if (!path) return;
    const [pathname, query] = path.split("?");
    window.dash_clientside.set_props("address", { pathname, search: query ? `?${query}` : "" });
  }

  /** A click on a plain link to another page of the screen: without a reload. @param {MouseEvent} event */
  function followed(event) {
    const link = event.target instanceof Element ? event.target.closest("#page a[href^='/']") : null;
    const isElsewhere = event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
    if (!link || isElsewhere || event.defaultPrevented || link.matches("[download], [target], [href^='/api/'], [href*='#']"))
      return;
    event.preventDefault();
    go(link.getAttribute("href"));
  }

  function setText(id, text) {
    const element = byId(id);
    if (element) write(element, text);
  }

  function write(element, text) {
    if (element.textContent === text) return;
    const only = element.childNodes.length === 1 ? element.firstChild : null;
    if (only instanceof Text) only.data = text; // a node less to make
    else element.textContent = text;
  }

  /** A text with clickable addresses. */
  function linked(sentence) {
    const box = document.createElement("span");
    for (const part of sentence.split(/(https?:\/\/\S+)/)) {
      const isAddress = /^https?:/.test(part);
      const piece = isAddress ? document.createElement("a") : document.createTextNode(part);
      if (isAddress) Object.assign(piece, { href: part, textContent: part, target: "_blank", rel: "noopener" });
      box.append(piece);
    }
    return box;
  }

  return { byId, grid, go, followed, setText, write, linked };
})();
