// @ts-check
"use strict";

/**
 * The settings drawer: opens and closes, marks what differs from the settings in force, and keeps the unsaved edits of
 * each pair in this browser tab. The drawer is made when it is opened first.
 */
class PairbridgeSettings {
  static KEY = "pairbridge-settings-drafts";

  constructor() {
    this.opener = /** @type {HTMLElement | null} */ (null);
    this.key = ""; // of the pair in the form
    this.marked = ""; // the values that were marked last
    this.isAwaited = false; // it was asked for and is being made
  }

  get drawer() {
    return PairbridgeDom.byId("settings-drawer");
  }

  get isOpen() {
    return this.drawer !== null && !this.drawer.hidden;
  }

  open() {
    const before = document.activeElement;
    const isFocused = before instanceof HTMLElement && before !== document.body;
    this.opener = isFocused ? before : PairbridgeDom.byId("settings-open");
    if (this.drawer) return this.unhide();
    this.isAwaited = true;
    window.dash_clientside.set_props("settings-wanted", { data: Date.now() }); // another value, should the first have got no answer
  }

  /** Its form is about to be filled. */
  arrived() {
    if (this.isAwaited && this.drawer) this.unhide();
  }

  unhide() {
    this.isAwaited = false;
    this.show(true);
    this.drawer?.focus();
  }

  close() {
    this.show(false);
    const back = this.opener?.isConnected ? this.opener : PairbridgeDom.byId("settings-open");
    back?.focus();
  }

  show(on) {
    if (this.drawer) this.drawer.hidden = !on;
    PairbridgeDom.byId("settings-open")?.setAttribute("aria-expanded", String(on));
  }

  /** @param {MouseEvent} event */
  click(event) {
    const on = event.target instanceof Element ? event.target : null;
    if (on?.closest("#settings-open")) return this.isOpen ? this.close() : this.open();
    if (on?.closest("#settings-close")) return this.close();
    const dot = on?.closest(".help-dot");
    if (dot) return this.help(dot);
    const jump = on?.closest(".error-jump");
    if (jump instanceof HTMLElement) this.jump(jump.dataset.field ?? "");
  }

  help(dot) {
    const text = PairbridgeDom.byId(dot.getAttribute("aria-controls"));
    if (!text) return;
    text.hidden = !text.hidden;
    dot.setAttribute("aria-expanded", String(!text.hidden));
  }

  jump(field) {
    window.dash_clientside.set_props("settings-view", { value: "form" });
    this.views("form");
    this.unfold(field);
    PairbridgeDom.byId(field)?.focus();
  }

  /** Escape closes, Enter in a field applies. @param {KeyboardEvent} event */
  press(event) {
    if (!this.isOpen || document.querySelector(".modal.show")) return;
    if (event.key === "Escape") {
      event.stopPropagation();
      this.close();
      return;
    }
    const field = event.target instanceof HTMLElement ? event.target : null;
    if (event.key !== "Enter" || !field?.matches("#settings-drawer .drawer-body :is(input, select)")) return;
    event.preventDefault();
    field.blur(); // what was typed counts from here on
    field.focus();
    setTimeout(() => PairbridgeDom.byId("apply")?.click());
  }

  views(chosen) {
    for (const name of ["form", "presets", "runs"]) {
      const view = PairbridgeDom.byId(`settings-view-${name}`);
      if (view) view.hidden = name !== chosen;
    }
    this.drawer?.querySelector(".drawer-body")?.scrollTo(0, 0);
  }

  unfold(field) {
    const fold = PairbridgeDom.byId(`${field}-row`)?.closest("details");
    if (fold) fold.open = true;
  }

  drafts() {
    try {
      return JSON.parse(sessionStorage.getItem(PairbridgeSettings.KEY) ?? "{}");
    } catch {
      return {}; // not ours
    }
  }

  /** The values of the form: those in force, under the unsaved edits of the pair. */
  filled(base, ids) {
    const isOther = base.key !== this.key;
    this.key = base.key;
    PairbridgeDom.setText("settings-title", base.title);
    const draft = this.drafts()[base.key] ?? {};
    const values = ids.map((id) => (id in draft ? draft[id] : base.values[id]));
    const width = draft["set-interval"];
    const isOffered = !width || base.widths.some((each) => each.value === width);
    return { values, widths: isOffered ? base.widths : [...base.widths, { label: width, value: width }], isOther };
  }

  /** Marks each field that differs from the settings in force; returns how many. */
  mark(base, values) {
    const draft = {};
    for (const [id, value] of Object.entries(values)) {
      const isChanged = !PairbridgeSettings.same(value, base.values[id]);
      if (isChanged) draft[id] = value;
      PairbridgeDom.byId(`${id}-row`)?.classList.toggle("is-changed", isChanged);
      PairbridgeDom.setText(`${id}-was`, isChanged ? `was ${this.shown(id, base.values[id])}` : "");
      if (isChanged) this.unfold(id);
    }
    if (base.key) this.keep(base.key, draft);
    return Object.keys(draft).length;
  }

  keep(key, draft) {
    const all = this.drafts();
    delete all[key];
    if (Object.keys(draft).length) all[key] = draft;
    sessionStorage.setItem(PairbridgeSettings.KEY, JSON.stringify(all));
  }

  /** A value as its control shows it. */
  shown(id, value) {
    const control = PairbridgeDom.byId(id);
    if (control instanceof HTMLSelectElement) {
      return [...control.options].find((each) => each.value === String(value))?.text ?? String(value);
    }
    if (typeof value === "boolean") return value ? "on" : "off";
    if (value !== null && value !== "") return String(value);
    return control?.getAttribute("placeholder") ?? "empty";
  }

  /** Whether two values of a control are the same setting: "2.0" is 2, and nothing is an empty text. */
  static same(one, other) {
    const [a, b] = [one, other].map((each) => String(each ?? "").trim());
    return a === b || (a !== "" && b !== "" && Number(a) === Number(b));
  }

  blame(errors) {
    for (const [id, text] of Object.entries(errors)) {
      const control = PairbridgeDom.byId(id);
      control?.setAttribute("aria-invalid", String(Boolean(text)));
      control?.setAttribute("aria-describedby", `${id}-error`);
      if (text) this.unfold(id);
    }
  }
}

(() => {
  const settings = new PairbridgeSettings();
  const clientside = () => window.dash_clientside;
  const byId = (list) => Object.fromEntries(list.map((each) => [each.id, each.value]));

  document.addEventListener("click", (event) => settings.click(event));
  document.addEventListener("keydown", (event) => settings.press(event), true);

  window.dash_clientside = Object.assign(window.dash_clientside ?? {}, {
    pairbridgeSettings: {
      fill(base) {
        const outputs = clientside().callback_context.outputs_list;
        const ids = outputs.slice(0, -3).map((each) => each.id);
        if (!base) return new Array(outputs.length).fill(clientside().no_update);
        const { values, widths, isOther } = settings.filled(base, ids);
        setTimeout(() => settings.arrived());
        return [...values, base, widths, isOther ? "" : clientside().no_update];
      },
      mark(base, applied) {
        const keep = clientside().no_update;
        const values = byId(clientside().callback_context.inputs_list.slice(2));
        if (!base) return [keep, keep, keep, keep, keep];
        const count = settings.mark(base, values);
        const marked = JSON.stringify([base.key, base.values, values]); // an applied draft is compared no more
        const isSame = marked === settings.marked;
        settings.marked = marked;
        const takesBack = count === 0 && Boolean(applied?.[base.key]);
        const [hidden, visible] = [{ display: "none" }, {}];
        const said = count ? `${count} unsaved change${count === 1 ? "" : "s"}` : "";
        return [said, count === 0, takesBack ? hidden : visible, takesBack ? visible : hidden, isSame ? keep : ""];
      },
      undo(clicks, base) {
        const outputs = clientside().callback_context.outputs_list;
        if (!clicks || !base) return new Array(outputs.length).fill(clientside().no_update);
        return [...outputs.slice(0, -1).map((each) => base.values[each.id]), "The edits are undone."];
      },
      show: (view) => settings.views(view),
      blame() {
        const errors = byId(clientside().callback_context.inputs_list);
        settings.blame(Object.fromEntries(Object.entries(errors).map(([id, text]) => [id.replace(/-error$/, ""), text])));
      },
    },
  });
})();
