// @ts-check
"use strict";

/**
 * Alerts on every page: how many wait to be acknowledged beside the page's name, and a note for each new one. On the
 * page of alerts: the texts of each rule, and the focus in its editor.
 */
class PairbridgeAlerts {
  static MOST_NOTES = 3;

  constructor() {
    this.told = -1; // number of the newest alert that was told, or was there before this page was opened
    this.news = /** @type {any} */ (null);
    this.now = /** @type {Object<string, Object<string, string>>} */ ({});
    this.opener = /** @type {HTMLElement | null} */ (null); // of the editor
    this.added = ""; // the box to which something was added
    this.notices = new PairbridgeNotices();
    document.addEventListener("click", (event) => this.clicked(event), true);
  }

  receive(message) {
    if (message.alerts) this.hear(message.alerts);
    if (message.rules_now) this.now = message.rules_now;
    if (message.alerts || message.rules_now) this.paint();
  }

  hear(news) {
    const newest = Math.max(0, ...news.newest.map((each) => each.number));
    if (this.told < 0) this.notices.begin(newest);
    const fresh = this.told < 0 ? [] : news.newest.filter((each) => each.number > this.told);
    this.told = Math.max(newest, this.told);
    this.news = news;
    for (const each of fresh.reverse()) {
      this.tell(each);
      this.notices.tell(each);
    }
  }

  /** The page has been mounted. */
  mounted() {
    this.paint();
    this.notices.paint();
    PairbridgeAlerts.watchFaults();
  }

  paint() {
    this.badge();
    if (this.news && document.getElementById("alerts-rules")) {
      window.dash_clientside.set_props("alerts-news", { data: this.news.version });
    }
    for (const text of document.querySelectorAll("[data-alert-rule]")) {
      const { alertRule = "", part = "" } = /** @type {HTMLElement} */ (text).dataset;
      const said = this.now[alertRule]?.[part];
      if (said !== undefined && text.textContent !== said) text.textContent = said;
    }
  }

  badge() {
    const link = document.getElementById("nav-alerts");
    if (!link || !this.news) return;
    const count = this.news.unseen;
    if (!count) {
      delete link.dataset.count;
      link.removeAttribute("aria-description");
      return;
    }
    link.dataset.count = count > 99 ? "99+" : String(count);
    link.setAttribute("aria-description", `${count} warnings and criticals to acknowledge`);
  }

  tell({ said, severity, path }) {
    const box = document.getElementById("toasts");
    if (!box) return;
    const note = document.createElement("div");
    note.className = `toast-note alert-note is-${severity}`;
    const words = Object.assign(document.createElement("a"), { href: path, textContent: `${severity}: ${said}` });
    words.addEventListener("click", (event) => {
      event.preventDefault();
      note.remove();
      PairbridgeDom.go(path);
    });
    const close = Object.assign(document.createElement("button"), { type: "button", textContent: "Dismiss" });
    close.addEventListener("click", () => note.remove());
    note.append(words, close);
    box.append(note);
    const notes = box.querySelectorAll(".alert-note");
    if (notes.length > PairbridgeAlerts.MOST_NOTES) notes[0].remove();
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    const button = event.target instanceof Element ? event.target.closest("#page button") : null;
    if (!(button instanceof HTMLElement)) return;
    if (button.id.includes('"alerts-change"')) this.added = button.id.includes('"remove"') ? "" : button.id;
    else if (!button.closest("#alerts-editor")) this.opener = button;
  }

  /** The editor was opened or closed: the focus goes there, and back. */
  opened(isHidden) {
    const name = document.getElementById("alerts-name");
    if (isHidden) {
      const back = this.opener && document.getElementById(this.opener.id);
      (back ?? document.getElementById("alerts-new"))?.focus();
    } else if (name) {
      setTimeout(() => name.focus());
      document.getElementById("alerts-editor")?.scrollIntoView({ block: "start" });
    }
  }

  /** Which button of a row was pressed, by its id; rows that are drawn press nothing. */
  static pressed() {
    const { callback_context: context, no_update: nothing } = window.dash_clientside;
    const hit = context.triggered.find((each) => each.value);
    return hit ? { ...JSON.parse(hit.prop_id.slice(0, hit.prop_id.lastIndexOf("."))), at: Date.now() } : nothing;
  }

  /** The tree was drawn anew: the focus goes to what was added. */
  drawn() {
    const button = this.added;
    this.added = "";
    if (!button) return;
    setTimeout(() => {
      const box = document.getElementById(button)?.closest(".alert-box");
      const parts = box?.querySelectorAll(":scope > .alert-parts > *");
      const first = parts?.[parts.length - 1]?.querySelector("select");
      if (first instanceof HTMLElement) first.focus();
    }, 50);
  }

  /** What is wrong with a field is said of the field, too. */
  static watchFaults() {
    const editor = document.getElementById("alerts-editor");
    if (!editor || editor.dataset.watched) return;
    editor.dataset.watched = "true";
    const mark = () => {
      for (const fault of editor.querySelectorAll(".field-error")) {
        const field = fault.parentElement?.querySelector("input:not([type=hidden]), select");
        if (fault.textContent) field?.setAttribute("aria-invalid", "true");
        else field?.removeAttribute("aria-invalid");
      }
    };
    new MutationObserver(mark).observe(editor, { childList: true, characterData: true, subtree: true });
  }
}
