// @ts-check
"use strict";

/**
 * The fold in which something is saved under names, loaded, renamed, deleted, and exchanged as a file
 * (screen/components/saved.py): one for every kind. What is saved stays in this browser.
 *
 * @typedef {{said: string, undo?: () => any, confirm?: {label: string, go: () => any}}} Done
 */
class PairbridgeSaved {
  /**
   * @param {string} kind of PairbridgeSavedCore.CHECKS
   * @param {string} what one of them is called
   * @param {{current: () => any, load: (entry: any) => any, above?: () => HTMLElement}} hooks current: what is there
   *   to be saved; load: brings it about, or says what it would do; both may be promises. above: more controls
   */
  constructor(kind, what, hooks) {
    this.kind = kind;
    this.what = what;
    this.hooks = hooks;
    this.body = /** @type {HTMLElement | null} */ (null);
    this.parts = /** @type {Object<string, any>} */ ({});
    window.addEventListener("storage", ({ key }) => {
      const isOurs = key === `pairbridge.saved-${kind}` && this.body?.isConnected;
      if (isOurs) this.offer(this.parts.choice.value); // saved in another tab
    });
  }

  /** The page has been mounted: fill the fold, if it has one. */
  mounted() {
    const body = document.querySelector(`[data-saved="${this.kind}"] .saved-body`);
    if (!(body instanceof HTMLElement) || body === this.body) return;
    this.body = body;
    this.build(body);
    this.offer();
  }

  static element(tag, properties = {}, children = /** @type {any[]} */ ([])) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  }

  build(body) {
    const { element } = PairbridgeSaved;
    const [name, choice] = [`${this.kind}-name`, `${this.kind}-choice`];
    this.parts = {
      name: element("input", { id: name, type: "text", maxLength: 60, autocomplete: "off", className: "form-control form-control-sm" }),
      choice: element("select", { id: choice, className: "form-select form-select-sm" }),
      said: element("span", { className: "saved-said", role: "status" }),
      confirm: this.button("", () => this.parts.confirm.go(), "btn-info"),
      undo: this.button("Undo", () => this.parts.undo.go(), "btn-link"),
    };
    this.parts.said.setAttribute("aria-live", "polite");
    this.parts.name.addEventListener("keydown", (event) => event.key === "Enter" && this.run(() => this.save()));
    const label = (text, of) => element("label", { htmlFor: of, textContent: text });
    const row = (...children) => element("div", { className: "saved-row" }, children);
    body.replaceChildren(
      ...(this.hooks.above ? [this.hooks.above()] : []),
      row(label("Name", name), this.parts.name, this.button("Save", () => this.save())),
      row(
        label("Saved", choice), this.parts.choice, this.button("Load", () => this.load()),
        this.button("Rename", () => this.rename(), "btn-outline-secondary", `The chosen ${this.what} gets the name above`),
        this.button("Delete", () => this.remove(), "btn-outline-secondary"),
      ),
      row(
        this.button("Export all", () => this.export(), "btn-outline-secondary", "As a JSON file"),
        this.button("Import", () => this.choose(), "btn-outline-secondary", "A JSON file of Export all; names that are here are replaced"),
      ),
      row(this.parts.said, this.parts.confirm, this.parts.undo),
    );
    this.say({ said: "" });
  }

  button(text, does, kind = "btn-outline-info", title = "") {
    const made = PairbridgeSaved.element("button", { type: "button", textContent: text, title, className: `btn btn-sm ${kind}` });
    made.addEventListener("click", () => this.run(does));
    return made;
  }

  /** What a button does, and what came of it. @param {() => any} does */
  async run(does) {
    try {
      const done = await does();
      if (done) this.say(done);
    } catch (error) {
      this.say({ said: `Not done: ${/** @type {Error} */ (error).message}.` });
    }
  }

  /** @param {Done} done */
  say({ said, undo, confirm }) {
    this.parts.said.textContent = said;
    Object.assign(this.parts.undo, { hidden: !undo, go: undo });
    Object.assign(this.parts.confirm, { hidden: !confirm, go: confirm?.go, textContent: confirm?.label ?? "" });
    if (confirm) this.parts.confirm.focus();
  }

  get text() {
    return PairbridgePreferences.read(`saved-${this.kind}`) ?? PairbridgeSavedCore.write(this.kind, []);
  }

  /** Throws an Error if what the browser has is damaged: nothing replaces it then. */
  entries() {
    return PairbridgeSavedCore.read(this.kind, this.text);
  }

  keep(entries, chosen = "") {
    PairbridgePreferences.write(`saved-${this.kind}`, PairbridgeSavedCore.write(this.kind, entries));
    this.offer(chosen);
  }

  /** The saved ones in the select. */
  offer(chosen = "") {
    return this.run(() => {
      const names = this.entries().map(({ name }) => name);
      const { element } = PairbridgeSaved;
      const none = element("option", { value: "", textContent: names.length ? `choose one of ${names.length} …` : "none yet" });
      this.parts.choice.replaceChildren(none, ...names.map((name) => element("option", { value: name, textContent: name })));
      this.parts.choice.value = chosen;
    });
  }

  /** @returns {Done} */
  changed(said, entries, chosen = "") {
    const before = this.entries();
    this.keep(entries, chosen);
    const undo = () => {
      this.keep(before);
      return { said: "As it was." };
    };
    return { said, undo };
  }

  chosen() {
    const found = this.entries().find(({ name }) => name === this.parts.choice.value);
    if (!found) throw new Error(`no ${this.what} is chosen; expected one of those saved`);
    return found;
  }

  async save() {
    const name = PairbridgeSavedCore.readName(this.parts.name.value);
    const content = PairbridgeSavedCore.CHECKS[this.kind](`the ${this.what}`, await this.hooks.current());
    const before = this.entries();
    const isKnown = before.some((each) => each.name === name);
    const entries = PairbridgeSavedCore.merge(before, [{ name, content }]);
    this.parts.name.value = "";
    return this.changed(`${name} is saved${isKnown ? ", in place of the one before" : ""}.`, entries, name);
  }

  load() {
    return this.hooks.load(this.chosen());
  }

  rename() {
    const { name: old, content } = this.chosen();
    const name = PairbridgeSavedCore.readName(this.parts.name.value);
    const others = this.entries().filter((each) => each.name !== old);
    if (others.some((each) => each.name === name)) throw new Error(`${name} is taken; expected a name of its own`);
    this.parts.name.value = "";
    return this.changed(`${old} is now ${name}.`, PairbridgeSavedCore.merge(others, [{ name, content }]), name);
  }

  remove() {
    const { name: old } = this.chosen();
    return this.changed(`${old} is deleted.`, this.entries().filter(({ name }) => name !== old));
  }

  export() {
    const entries = this.entries();
    if (!entries.length) throw new Error(`no ${this.what} is saved yet`);
    const href = URL.createObjectURL(new Blob([this.text], { type: "application/json" }));
    PairbridgeSaved.element("a", { href, download: `pairbridge-${this.kind}.json` }).click();
    setTimeout(() => URL.revokeObjectURL(href), 10_000);
    return { said: `${entries.length} saved to pairbridge-${this.kind}.json.` };
  }

  choose() {
    const input = PairbridgeSaved.element("input", { type: "file", accept: ".json,application/json" });
    input.addEventListener("change", () => this.run(() => this.import(input.files[0])));
    input.click();
  }

  /** @param {File} file */
  async import(file) {
    const before = this.entries();
    const others = PairbridgeSavedCore.read(this.kind, await file.text());
    const merged = PairbridgeSavedCore.merge(before, others);
    return this.changed(`${file.name}: ${PairbridgeSavedCore.mergedText(before, others)}.`, merged);
  }
}
