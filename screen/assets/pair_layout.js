// @ts-check
"use strict";

/**
 * What of a pair's page is shown, and in which order: panes of the chart, their lines, parts of the page. The browser
 * keeps it; layouts under names are in the same fold.
 */
class PairbridgeLayout {
  static PLACES = { cards: ".cards", money: ".money", evidence: ".evidence-panel", details: ".details", log: ".log" };

  /** @param {PairbridgeCharts} charts */
  constructor(charts) {
    this.charts = charts;
    this.now = PairbridgeLayout.kept();
    this.list = document.createElement("ul");
    const hooks = {
      current: () => this.now,
      load: ({ name, content }) => this.loaded(`${name} is loaded.`, content),
      above: () => this.controls(),
    };
    this.box = new PairbridgeSaved("layouts", "layout", hooks);
    charts.arrange(this.now);
    charts.chosen = (lines, leg) => this.keep({ ...this.now, lines, leg });
  }

  /** The layout of the last visit; the plain one without, or if another version of the screen has written it. */
  static kept() {
    const text = PairbridgePreferences.read("layout");
    try {
      return text ? PairbridgeSavedCore.CHECKS.layouts("layout", JSON.parse(text)) : PairbridgeSavedCore.plainLayout();
    } catch (error) {
      console.warn("The layout of the last visit cannot be read:", error);
      return PairbridgeSavedCore.plainLayout();
    }
  }

  keep(layout) {
    this.now = layout;
    PairbridgePreferences.write("layout", JSON.stringify(layout));
  }

  /** The page has been mounted: bring it to the layout. */
  mounted() {
    if (!document.getElementById("chart-stack")) return;
    this.box.mounted();
    this.show();
  }

  /** Another layout: the whole page follows. */
  apply(layout) {
    this.keep(layout);
    this.charts.arrange(layout);
    this.show();
  }

  loaded(said, layout) {
    const before = this.now;
    this.apply(layout);
    const undo = () => {
      this.apply(before);
      return { said: "As it was." };
    };
    return { said, undo };
  }

  show() {
    const { hidden, leg } = this.now;
    for (const [part, place] of Object.entries(PairbridgeLayout.PLACES)) {
      const element = document.querySelector(`main > ${place}, main > .pair-more > ${place}`);
      if (element instanceof HTMLElement) element.hidden = hidden.includes(part);
    }
    window.dash_clientside.set_props("price-leg", { value: leg });
    this.fill();
  }

  controls() {
    const { element } = PairbridgeSaved;
    this.list = element("ul", { className: "saved-panes" });
    this.fill();
    const plain = element("button", { type: "button", textContent: "Show all", className: "btn btn-sm btn-outline-secondary" });
    plain.addEventListener("click", () => this.box.run(() => this.loaded("Everything is shown.", PairbridgeSavedCore.plainLayout())));
    return element("div", { className: "saved-now" }, [this.list, plain]);
  }

  /** A row for each pane, in their order, and for each part; the control with the focus keeps it. */
  fill() {
    const focus = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.control : undefined;
    const title = (id) => PairbridgeSeries.PANES.find((spec) => spec.id === id)?.title ?? PairbridgeSavedCore.PARTS[id];
    const rows = [...this.now.panes, ...Object.keys(PairbridgeSavedCore.PARTS)].map((id) => this.row(id, title(id)));
    this.list.replaceChildren(...rows);
    const again = focus ? this.list.querySelector(`[data-control="${focus}"]`) : null;
    if (again instanceof HTMLElement) again.focus();
  }

  row(id, title) {
    const { element } = PairbridgeSaved;
    const box = element("input", { type: "checkbox", checked: !this.now.hidden.includes(id), className: "form-check-input" });
    box.dataset.control = `${id} shown`;
    box.addEventListener("change", () => this.box.run(() => this.toggle(id)));
    const isPane = PairbridgeSavedCore.PANES.includes(id);
    const moves = isPane ? [this.mover(id, title, -1), this.mover(id, title, 1)] : [];
    return element("li", { className: isPane ? "is-pane" : "" }, [element("label", {}, [box, title]), ...moves]);
  }

  mover(id, title, by) {
    const where = by < 0 ? "up" : "down";
    const made = PairbridgeSaved.element("button", { type: "button", textContent: by < 0 ? "↑" : "↓", className: "saved-move" });
    made.setAttribute("aria-label", `${title} ${where}`);
    made.dataset.control = `${id} ${where}`;
    const at = this.now.panes.indexOf(id) + by;
    made.setAttribute("aria-disabled", String(at < 0 || at >= this.now.panes.length));
    made.addEventListener("click", () => this.move(id, by));
    return made;
  }

  toggle(id) {
    const { hidden } = this.now;
    const other = hidden.includes(id) ? hidden.filter((each) => each !== id) : [...hidden, id];
    this.fill(); // the box is as it was, should this be refused
    this.apply(PairbridgeSavedCore.CHECKS.layouts("the layout", { ...this.now, hidden: other }));
    return { said: "" };
  }

  move(id, by) {
    const panes = [...this.now.panes];
    const at = panes.indexOf(id);
    if (at + by < 0 || at + by >= panes.length) return;
    panes.splice(at, 1);
    panes.splice(at + by, 0, id);
    this.apply({ ...this.now, panes });
  }
}
