// @ts-check
"use strict";

/** Watch lists under names: what is watched now, and how another list is brought about, by the API of the dashboard. */
class PairbridgeWatchLists {
  constructor() {
    const hooks = { current: () => this.watched(), load: ({ name, content }) => this.ask(name, content) };
    this.box = new PairbridgeSaved("watch-lists", "watch list", hooks);
  }

  mounted() {
    this.box.mounted();
  }

  /** @returns {Promise<any[]>} the watched pairs, with their settings and the numbers of their watches */
  async watched() {
    return (await PairbridgeWatchLists.send("GET", "/api/pairs")).items;
  }

  static async send(method, address, body) {
    const more = body ? { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } } : {};
    const answer = await fetch(address, { method, ...more });
    const found = await answer.json();
    if (!answer.ok) throw new Error(found.detail ?? `the dashboard answered ${answer.status}`);
    return found;
  }

  /** What loading a list would change, to be confirmed. */
  async ask(name, wanted) {
    const plan = PairbridgeSavedCore.plan(await this.watched(), wanted);
    const text = PairbridgeSavedCore.planText(plan);
    if (!text) return { said: `${name}: the same pairs are watched already.` };
    const go = () => this.change(wanted, `${name} is loaded`, plan);
    return { said: `${name} ${text}.`, confirm: { label: "Change the watch list", go } };
  }

  /** Watch and unwatch; where it stops, what was done stays and can be undone. `told`: the plan that was confirmed. */
  async change(wanted, said, told = /** @type {any} */ (null)) {
    const before = await this.watched();
    const plan = PairbridgeSavedCore.plan(before, wanted);
    const isTold = !told || PairbridgeWatchLists.keyOf(told) === PairbridgeWatchLists.keyOf(plan);
    if (!isTold) throw new Error("the watch list has changed since; load it again to see what is left to do");
    const { add, remove } = plan;
    const steps = [
      ...add.map((pair) => [pair, () => PairbridgeWatchLists.watch(pair)]),
      ...remove.map((pair) => [pair, () => PairbridgeWatchLists.send("DELETE", `/api/pairs/${pair.watch}`)]),
    ];
    const undo = () => this.change(before, "The watch list is as it was");
    let done = 0;
    try {
      for (const [, step] of steps) {
        await step();
        done += 1;
      }
    } catch (error) {
      const at = PairbridgeSavedCore.pairName(steps[done][0]);
      const why = /** @type {Error} */ (error).message;
      return { said: `Stopped after ${done} of ${steps.length} changes, at ${at}: ${why}.`, undo: done ? undo : undefined };
    }
    PairbridgeWatchLists.leave(remove);
    return { said: `${said}: ${add.length} added, ${remove.length} removed.`, undo };
  }

  static keyOf({ add, remove }) {
    return JSON.stringify([add, remove].map((pairs) => pairs.map(PairbridgeSavedCore.keyOf)));
  }

  static watch({ market, y, x, settings }) {
    return PairbridgeWatchLists.send("POST", "/api/pairs", { market, y, x, settings });
  }

  /** To another pair, if the one that is shown is watched no longer. */
  static leave(removed) {
    const shown = decodeURIComponent(location.pathname);
    if (removed.some(({ market, y, x }) => shown === `/pair/${market}/${y}~${x}`)) PairbridgeDom.go("/pair");
  }
}
