// @ts-check
"use strict";

/** Reads the machine and changes nothing: what the server, the doctor and a screen want to know of it. */
class Reporter {
  static FROZEN_MS = 60_000; // how long a freeze is told

  /** @param {Machine} machine */
  constructor(machine) {
    this.machine = machine;
  }

  /** @param {number} now what a screen shows */
  view(now) {
    const { plan, outbox, delivery, book, backfill, listener, gate } = this.machine;
    const vitals = this.vitals(now);
    return {
      phase: vitals.phase,
      market: plan.market,
      stream: plan.stream,
      server: delivery.url,
      session: this.machine.session,
      seq: outbox.seq,
      upstream: vitals.upstream,
      serverState: delivery.state,
      findings: Doctor.findings(vitals),
      counts: {
        received: listener.counts.received,
        acknowledged: delivery.counts.acknowledged,
        queued: outbox.queued,
        inFlight: outbox.inFlight.length,
        refused: listener.counts.refused + delivery.counts.rejected,
        duplicates: gate.counts.duplicates + delivery.counts.duplicates,
        conflicts: delivery.counts.conflicts,
        lost: gate.counts.lost,
        fetched: backfill.counts.fetched,
        unfetchable: backfill.counts.unfetchable,
      },
      ackMs: delivery.ackMs,
      lagMs: listener.lagMs,
      quietMs: vitals.quietMs,
      symbols: book.rows(backfill.progress()),
    };
  }

  /**
   * What the server hears twice a second.
   * @param {number} now
   * @returns {Beat}
   */
  beat(now) {
    const { errands, feeds, notices } = this.machine;
    const age = Math.round(now - feeds.lastTrade);
    const told = { lag_ms: this.#lag(now), skew_ms: errands.skewMs, frozen_ms: this.#frozenMs(now) || NaN };
    const known = Object.entries(told).filter(([, ms]) => !Number.isNaN(ms));
    return {
      upstream: feeds.upstream,
      age_ms: Number.isNaN(age) ? null : age,
      visible: notices.visible,
      clock_ms: Math.round(this.machine.clock.wallAt(now)),
      ...Object.fromEntries(known.map(([name, ms]) => [name, Math.round(ms)])),
      ...(this.#exchangeWithheld() ? { permission: notices.permission } : {}),
    };
  }

  /**
   * What the doctor looks at.
   * @param {number} now
   * @returns {Vitals}
   */
  vitals(now) {
    const { plan, notices, outbox, book, delivery, errands, feeds, gate, backfill } = this.machine;
    const states = book.all;
    const fetching = backfill.progress();
    return {
      phase: this.machine.phase,
      upstream: feeds.upstream,
      stream: plan.stream,
      retired: plan.retired,
      custom: plan.custom,
      online: notices.online,
      delivered: feeds.delivered,
      quietMs: feeds.quietMs(now),
      upstreamTries: feeds.attempts,
      server: delivery.state,
      serverUrl: delivery.url,
      answering: delivery.answering,
      serverFailures: delivery.failures,
      hasToken: delivery.token !== "",
      refusal: delivery.refusal,
      stalled: delivery.stalled(now),
      queued: outbox.queued,
      lost: gate.counts.lost,
      permission: notices.permission,
      unheard: delivery.unheard,
      exchangeWithheld: this.#exchangeWithheld(),
      visible: notices.visible,
      unknown: states.map((state) => state.problem).filter(Boolean),
      usable: book.usable.length,
      silent: states.filter((state) => state.silent).map((state) => state.symbol),
      standby: states.filter((state) => state.lease === "standby").map((state) => state.symbol),
      lagMs: this.#lag(now),
      skewMs: errands.skewMs,
      frozenMs: this.#frozenMs(now),
      holes: fetching.filter(({ warm }) => !warm).length,
      warming: fetching.filter(({ warm }) => warm).map(({ symbol }) => symbol),
      unfetched: backfill.unfetched,
      pausedMs: Math.max(0, errands.budget.pausedUntil - now),
    };
  }

  /** @param {number} now how late trades come, NaN if none came lately or they are recorded ones */
  #lag(now) {
    const { feeds, listener } = this.machine;
    const { lagMs } = listener;
    const live = now - feeds.lastTrade < Doctor.QUIET_MS && lagMs < Doctor.REPLAY_MS;
    return live ? lagMs : NaN;
  }

  /** @param {number} now how long the page had been stopped, if that was lately */
  #frozenMs(now) {
    const { ms, at } = this.machine.frozen;
    return now - at < Reporter.FROZEN_MS ? ms : 0;
  }

  /** Whether the browser keeps this page from an exchange on this computer. */
  #exchangeWithheld() {
    const { plan, notices, feeds } = this.machine;
    return notices.permission === "denied" && Address.isLoopback(new URL(plan.stream)) && feeds.upstream !== "open";
  }
}
