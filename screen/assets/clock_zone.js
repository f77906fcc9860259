// @ts-check
"use strict";

/**
 * Keeps every time on the page in the chosen zone. In UTC it does nothing: texts are sent in UTC. Otherwise it watches
 * what is written and brings it to the zone, and remembers what was sent, to return to it.
 */
class PairbridgeZone {
  static NAMES = ["title", "data-label"]; // attributes that are read, too
  static HEADS = "th, th button, .ag-header-cell-text"; // in which (UTC) is the zone of the column

  constructor() {
    this.sent = /** @type {WeakMap<Node, Object<string, string>>} */ (new WeakMap());
    this.plots = new PairbridgePlotTimes();
    this.observer = new MutationObserver((changes) => changes.forEach((change) => this.changed(change)));
  }

  /** Go over to the zone that is chosen now. */
  use(choice) {
    const isUtc = choice !== "local" || PairbridgeTimes.own() === "UTC";
    PairbridgeTimes.use(isUtc ? "UTC" : PairbridgeTimes.own());
    this.observer.disconnect();
    this.bring(document.body);
    this.plots.check();
    this.name();
    if (isUtc) return;
    const options = { childList: true, characterData: true, subtree: true, attributeFilter: PairbridgeZone.NAMES };
    this.observer.observe(document.body, options);
  }

  /** The button says the zone. */
  name() {
    const zone = PairbridgeTimes.zoneAt(Date.now());
    PairbridgeDom.setText("zone-name", zone);
    document.getElementById("zone")?.setAttribute("aria-label", `Times are ${zone}. UTC or local time`);
  }

  /** @param {MutationRecord} change */
  changed(change) {
    if (change.type === "childList") change.addedNodes.forEach((node) => this.bring(node));
    else if (change.type === "characterData") this.words(/** @type {Text} */ (change.target));
    else this.attributes(/** @type {Element} */ (change.target));
  }

  /** @param {Node} root with everything in it */
  bring(root) {
    if (root instanceof Text) this.words(root);
    if (!(root instanceof Element)) return;
    this.attributes(root);
    if (root.closest(".js-plotly-plot")) this.plots.check();
    const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
    while (walk.nextNode()) {
      if (walk.currentNode instanceof Text) this.words(walk.currentNode);
      else this.attributes(/** @type {Element} */ (walk.currentNode));
    }
  }

  /** @param {Text} node */
  words(node) {
    const parent = node.parentElement;
    const time = parent instanceof HTMLTimeElement ? Date.parse(parent.dateTime) : NaN;
    const isHead = Boolean(parent?.matches(PairbridgeZone.HEADS));
    const write = (text) => {
      node.nodeValue = text;
    };
    this.keep(node, "text", node.nodeValue ?? "", write, (sent) =>
      Number.isNaN(time) ? this.worded(sent, isHead) : PairbridgeTimes.stamp(time).slice(0, sent.length),
    );
  }

  /** @param {Element} element */
  attributes(element) {
    for (const name of PairbridgeZone.NAMES) {
      const value = element.getAttribute(name);
      if (value === null) continue;
      const write = (text) => element.setAttribute(name, text);
      this.keep(element, name, value, write, (sent) => this.worded(sent, name === "data-label"));
    }
  }

  worded(sent, isHead) {
    if (isHead && sent.endsWith("(UTC)")) return sent.replace("(UTC)", `(${PairbridgeTimes.zoneAt(Date.now())})`);
    return PairbridgeTimes.localised(sent);
  }

  /** Replace a value by its text in the zone; what was sent stays known while the text is ours. */
  keep(node, name, value, write, worded) {
    const known = this.sent.get(node) ?? {};
    const sent = known[`${name} shown`] === value ? known[name] : value;
    const shown = worded(sent);
    if (shown !== value) write(shown);
    if (shown !== sent) this.sent.set(node, { ...known, [name]: sent, [`${name} shown`]: shown });
  }
}
