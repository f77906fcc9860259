// @ts-check
"use strict";

/** Read-only reports of the machine for the server, the diagnostics and a screen. */
class StatusReporter {
  static FROZEN_MS = 60_000; // how long a freeze is reported

  /** @param {Machine} machine */
  constructor(machine) {
    this.machine = machine;
  }

  /** @param {number} now the data for a screen */
  view(now) {
    const { plan, sendQueue, serverLink, symbolStates, backfill, frameHandler, dedupQueue } = this.machine;
    const vitals = this.vitals(now);
    return {
      phase: vitals.phase,
      market: plan.market,
      stream: plan.stream,
      server: serverLink.url,
      session: this.machine.session,
      seq: sendQueue.seq,
      upstream: vitals.upstream,
      serverState: serverLink.state,
      findings: Diagnostics.findings(vitals),
      counts: {
        received: frameHandler.counts.received,
        acknowledged: serverLink.stats.counts.acknowledged,
        queued: sendQueue.queued,
        inFlight: sendQueue.inFlight.length,
        refused: frameHandler.counts.refused + serverLink.stats.counts.rejected,
        duplicates: dedupQueue.counts.duplicates + serverLink.stats.counts.duplicates,
        conflicts: serverLink.stats.counts.conflicts,
        lost: dedupQueue.counts.lost,
        fetched: backfill.counts.fetched,
        unfetchable: backfill.counts.unfetchable,
      },
      ackMs: serverLink.stats.ackMs,
      lagMs: frameHandler.lagMs,
      quietMs: vitals.quietMs,
      added: this.machine.additions.added,
      symbols: symbolStates.rows(backfill.progress()),
    };
  }

  /**
   * The beat, sent to the server twice a second.
   * @param {number} now
   * @returns {Beat}
   */
  beat(now) {
    const { restRequests, feeds, notices } = this.machine;
    const age = Math.round(now - feeds.lastTrade);
    const told = { lag_ms: this.#lag(now), skew_ms: restRequests.skewMs };
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
   * The inputs of the diagnostics.
   * @param {number} now
   * @returns {Vitals}
   */
  vitals(now) {
    const { plan, notices, sendQueue, symbolStates, serverLink, restRequests, feeds, dedupQueue, backfill } = this.machine;
    const states = symbolStates.all;
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
      server: serverLink.state,
      serverUrl: serverLink.url,
      answering: serverLink.answering,
      serverFailures: serverLink.failures,
      hasToken: serverLink.token !== "",
      refusal: serverLink.refusal,
      stalled: serverLink.stalled(now),
      queued: sendQueue.queued,
      lost: dedupQueue.counts.lost,
      permission: notices.permission,
      unheard: serverLink.probe.unheard,
      exchangeWithheld: this.#exchangeWithheld(),
      visible: notices.visible,
      unknown: states.map((state) => state.problem).filter(Boolean),
      usable: symbolStates.usable.length,
      silent: states.filter((state) => state.silent).map((state) => state.symbol),
      standby: states.filter((state) => state.lease === "standby").map((state) => state.symbol),
      lagMs: this.#lag(now),
      skewMs: restRequests.skewMs,
      frozenMs: this.#frozenMs(now),
      gaps: fetching.filter(({ warm }) => !warm).length,
      warming: fetching.filter(({ warm }) => warm).map(({ symbol }) => symbol),
      unfetched: backfill.unfetched,
      pausedMs: Math.max(0, restRequests.budget.pausedUntil - now),
    };
  }

  /** @param {number} now delay of trades, NaN without recent ones or for recorded ones */
  #lag(now) {
    const { feeds, frameHandler } = this.machine;
    const { lagMs } = frameHandler;
    const live = now - feeds.lastTrade < Diagnostics.QUIET_MS && lagMs < Diagnostics.REPLAY_MS;
    return live ? lagMs : NaN;
  }

  /** @param {number} now how long the page was recently suspended */
  #frozenMs(now) {
    const { ms, at } = this.machine.frozen;
    return now - at < StatusReporter.FROZEN_MS ? ms : 0;
  }

  /** Whether the browser blocks this page from an exchange on this computer. */
  #exchangeWithheld() {
    const { plan, notices, feeds } = this.machine;
    return notices.permission === "denied" && Address.isLoopback(new URL(plan.stream)) && feeds.upstream !== "open";
  }
}
