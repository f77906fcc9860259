// @ts-check
"use strict";

/**
 * What the user does with the chart: moves, zooms, the cross-hair, range buttons, keys. A wheel, a drag or two fingers
 * hold the view; a double click follows the market again.
 */
class PairbridgeGestures {
  /** @param {PairbridgeCharts} charts */
  constructor(charts) {
    this.charts = charts;
    this.isPressed = false;
    this.isUser = false; // whether the user moved the chart since it last followed
    this.quiet = 0; // a timer
    this.touched = { x: 0, y: 0 }; // where the first finger came down
    document.addEventListener("click", (event) => this.clicked(event));
    document.addEventListener("pointerup", () => this.released());
    document.addEventListener("pointercancel", () => this.released());
  }

  /**
   * What the library's own gestures do. A finger's swipe up or down is the page's; where fingers are what there is, they
   * would also drag price axes and the dividers of panes by mistake, so these stay.
   */
  static options() {
    const isFinger = matchMedia("(pointer: coarse)").matches;
    return {
      panes: { enableResize: !isFinger },
      gestures: { handleScroll: { vertTouchDrag: false }, handleScale: { axisPressedMouseMove: !isFinger } },
    };
  }

  /** Whether a gesture goes on, during which the axis must stay. */
  get isBusy() {
    return this.isPressed;
  }

  /** To a chart, which may be made anew in its box. */
  listen(chart) {
    chart.timeScale().subscribeVisibleLogicalRangeChange(() => this.ranged());
    chart.subscribeCrosshairMove((event) => this.pointed(event));
    chart.subscribeClick(() => this.charts.seek.end());
    chart.subscribeDblClick(() => this.follow());
  }

  /** Once per box. */
  listenTo(box) {
    const moved = () => this.moved();
    box.addEventListener("wheel", moved, { capture: true, passive: true });
    box.addEventListener("touchstart", (event) => this.touches(event), { capture: true, passive: true });
    box.addEventListener("touchmove", (event) => this.swiped(event), { capture: true, passive: true });
    box.addEventListener("pointerdown", () => (this.isPressed = true), { capture: true });
    box.addEventListener("pointermove", (event) => event.buttons && event.pointerType !== "touch" && moved(), { capture: true });
    box.addEventListener("keydown", (event) => this.pressed(event));
    new ResizeObserver(() => requestAnimationFrame(() => this.charts.legend?.place())).observe(box);
    box.addEventListener("pointermove", () => this.isPressed && this.charts.legend?.place()); // panes are resized so
  }

  /** Back to the newest bars, and no bar is marked. */
  follow() {
    this.charts.seek.end();
    this.charts.unzoom();
  }

  /** Look at a stretch of time, from and to in ms, whatever comes. */
  stay(stretch) {
    const { charts } = this;
    charts.held = stretch;
    this.isUser = true;
    this.tell();
    if (charts.pair.bars.size) charts.setAxis(PairbridgeCore.newest(charts.pair) + 1);
  }

  /** From here on the view is the user's. */
  moved() {
    if (this.isUser) return;
    this.isUser = true;
    this.charts.hold(...this.charts.window());
    this.tell();
  }

  touches({ touches: [{ clientX: x, clientY: y }] }) {
    this.touched = { x, y };
  }

  /** Two fingers, or one to the side, move the chart; one up or down moves the page. */
  swiped({ touches }) {
    const [{ clientX, clientY }] = touches;
    const { x, y } = this.touched;
    if (touches.length > 1 || Math.abs(clientX - x) > Math.abs(clientY - y)) this.moved();
  }

  clicked(event) {
    const button = event.target instanceof Element ? event.target.closest("[data-range]") : null;
    if (!(button instanceof HTMLElement)) return;
    this.charts.seek.end();
    if (button.dataset.range === "now") this.charts.unzoom();
    else this.charts.showRange(button.dataset.range === "all" ? Infinity : Number(button.dataset.range));
  }

  released() {
    if (!this.isPressed) return;
    this.isPressed = false;
    this.settleSoon();
  }

  /** Another range is seen: the user's doing, unless we follow. */
  ranged() {
    if (!this.isUser || this.charts.target) return;
    this.charts.hold(...this.charts.window());
    this.settleSoon();
  }

  settleSoon() {
    clearTimeout(this.quiet);
    this.quiet = window.setTimeout(() => {
      if (!this.isPressed) this.charts.settle();
    }, PairbridgeCharts.QUIET_MS);
  }

  pointed(event) {
    const { charts } = this;
    const { start, step } = charts.axis;
    const index = event.logical === undefined || event.logical === null ? null : start + event.logical * step;
    const isInside = event.point !== undefined && index !== null && index >= 0 && index <= PairbridgeCore.newest(charts.pair);
    charts.pointed = isInside ? charts.pair.bars.time(index) : null;
    charts.legend?.show(charts.at);
  }

  /** Arrow keys move, + and - zoom: the chart can be focused. */
  pressed(event) {
    const [from, to] = this.charts.window();
    const room = to - from;
    const changes = {
      ArrowLeft: [-0.1, -0.1], ArrowRight: [0.1, 0.1], "+": [0.1, -0.1], "-": [-0.125, 0.125],
    };
    const change = changes[event.key];
    if (!change || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.moved();
    this.charts.look(from + change[0] * room, to + change[1] * room);
  }

  /** Show which range is followed. */
  tell() {
    const { held, span } = this.charts;
    this.charts.address.changed();
    if (!held) this.isUser = false;
    for (const button of document.querySelectorAll("[data-range]")) {
      const name = button.getAttribute("data-range");
      const isShown = name === "now" || span === (name === "all" ? Infinity : Number(name));
      button.setAttribute("aria-pressed", String(!held && isShown));
    }
  }
}
