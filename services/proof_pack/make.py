"""Makes the proof pack of a stored decision, out of the trades that gave it."""

from __future__ import annotations

import dataclasses
import json
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.errors import SettingsError, StoreError
from engine.market.intervals import SECOND_MS, bar_open
from engine.market.records import Decision
from engine.market.ticks import Tick
from engine.pairs.run import PairRun
from engine.stats.checks import Floats
from engine.store import open_backend
from engine.store.bulk import SignalFilter, StoredSignal
from engine.store.interface import Backend, TickReader
from services.export.request import NothingToExport
from services.jobs import IsCancelled, Json, Report
from services.proof_pack.computed import columns_of, known_at, run_over
from services.proof_pack.pack import BAR_COLUMNS, ProofPack, utc, write_pack
from services.proof_pack.verify import is_of_ticks, verify
from services.replay_job import moments_of, run_named

MOST_TICKS = 20_000  # of the newest bars, both legs; those of the decision's bar are always whole


@dataclass(frozen=True, slots=True)
class ProofRequest:
    """The decision of a run at the bar that closed at ``bar_close_ms``; ``revision`` None: the one that stands."""

    run_id: str
    bar_close_ms: int
    revision: int | None = None


def run_proof(request: Json, report: Report, is_cancelled: IsCancelled) -> Json:
    """The job function: ``data_dir``, and a ``proof`` with the fields of a ProofRequest; the pack is written into
    ``exports`` of the folder, and the result has its ``name``. Raises as ``make_pack``."""
    folder = Path(request["data_dir"])
    pack = make_pack(open_backend(folder), ProofRequest(**request["proof"]), report, is_cancelled)
    return {"name": save_pack(pack, folder / "exports").name}


def save_pack(pack: ProofPack, folder: Path) -> Path:
    """Write the pack under its name into a folder; a file with its name is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    decision = pack.record["decision"]
    name = f"proof_{decision['run_id']}_{decision['bar_ms']}_{decision['revision']}.zip"
    part = folder / f"{name}.part"
    part.write_bytes(write_pack(pack))
    return part.replace(folder / name)


def make_pack(
    backend: Backend, wanted: ProofRequest, report: Report = lambda *_: None, is_cancelled: IsCancelled = lambda: False
) -> ProofPack:
    """Replay the run's trades up to the moment at which the decision was given, and take its bars as they were then.

    Raises NothingToExport for a decision that is not stored, SettingsError for one that is not the rule's,
    JobCancelled, and StoreError where the stored trades do not give it.
    """
    signal = stored_signal(backend, wanted)
    decision = signal.logged.decision
    found = run_named(backend.analysis_reader(), wanted.run_id)
    with closing(moments_of(backend, found, report, is_cancelled)) as moments:
        for replay, given in moments:
            followed = replay.followed
            if followed is not None and any(_is_of(each, decision) for each in given):
                return _checked(_packed(backend, signal, followed))
    raise StoreError(
        f"the stored trades give no decision of run {wanted.run_id} at {utc(wanted.bar_close_ms)}; expected the stored"
        f" {decision.kind} (compare with a replay of the run)"
    )


def stored_signal(backend: Backend, wanted: ProofRequest) -> StoredSignal:
    """The decision that is asked for. Raises NothingToExport, SettingsError."""
    close_ms = wanted.bar_close_ms
    only = SignalFilter(from_ms=close_ms, to_ms=close_ms + 1, runs=(wanted.run_id, ""))
    signals = backend.analysis_reader().signals(only, 0, 10_000)
    revisions = [each.logged.decision.revision for each in signals]
    if not signals or wanted.revision not in (None, *revisions):
        there = f"revisions {', '.join(map(str, revisions))}" if revisions else "the run_id and bar_close of a signal"
        raise NothingToExport(
            f"run {wanted.run_id!r} has no decision {'' if wanted.revision is None else f'{wanted.revision} '}at the"
            f" bar that closed at {utc(close_ms)}; expected {there}"
        )
    signal = signals[-1] if wanted.revision is None else signals[revisions.index(wanted.revision)]
    decision = signal.logged.decision
    if decision.kind == "withdrawn" or decision.reason == "RUN_END":
        raise SettingsError(
            f"the decision is {decision.kind} {decision.reason}: not made by the rule from the bar; expected an entry,"
            " an exit or a refusal"
        )
    return signal


def _is_of(given: Decision, stored: Decision) -> bool:
    return (given.bar_ms, given.revision) == (stored.bar_ms, stored.revision)


def _packed(backend: Backend, signal: StoredSignal, live: PairRun) -> ProofPack:
    run, decision = signal.run, signal.logged.decision
    y, x = (_bars_of(live, which, decision.bar_ms) for which in (0, 1))
    first_slot = live.legs[0].first_slot
    followed = run_over(run, first_slot, (y, x))
    reader = backend.tick_reader()
    try:
        from_ms, ticks = _newest_ticks(reader, followed, (y, x), decision)
    finally:
        reader.close()
    record = {
        "decision": dataclasses.asdict(decision),
        "given_at_ms": signal.logged.given_at_ms,
        "run": dataclasses.asdict(run),
        "settings": json.loads(run.settings),
        "ticks_from_ms": from_ms,
        "model": known_at(followed, decision.bar_ms),
    }
    return ProofPack(record, first_slot, (y, x), ticks, columns_of(followed))


def _bars_of(live: PairRun, which: int, bar_ms: int) -> Floats:
    """The leg's bars from its first to that of the decision, shape (len(BAR_COLUMNS), n)."""
    leg = live.legs[which]
    bars = bar_ms // live.settings.interval_ms - leg.first_slot + 1
    return np.array([leg.column(col)[:bars] for col in BAR_COLUMNS])


def _newest_ticks(
    reader: TickReader, followed: PairRun, bars: tuple[Floats, Floats], decision: Decision
) -> tuple[int, tuple[Tick, ...]]:
    """The trades of as many of the z window's bars as ``MOST_TICKS`` allows, as they were stored when the decision was
    given; and the open time of the first of these bars."""
    width_ms, market = followed.settings.interval_ms, followed.run.market
    window = min(followed.model.windows().get("z") or 1, bars[0].shape[1])
    found: list[Tick] = []
    from_ms = decision.bar_ms + width_ms
    for back in range(window):
        open_ms, ticks = decision.bar_ms - back * width_ms, []
        for symbol, leg in zip((followed.run.y, followed.run.x), bars, strict=True):
            if is_of_ticks(leg, -1 - back):
                ticks += _ticks_of_bar(reader, (market, symbol), (open_ms, open_ms + width_ms), decision.given_seq + 1)
        if back and len(found) + len(ticks) > MOST_TICKS:
            break
        found, from_ms = ticks + found, open_ms
    return from_ms, tuple(found)


def _ticks_of_bar(reader: TickReader, series: tuple[str, str], span_ms: tuple[int, int], before_seq: int) -> list[Tick]:
    seconds = sorted({bar_open(bar.open_time_ms, SECOND_MS) for bar in reader.bars(*series, *span_ms)})
    return [tick for second in seconds for tick in reader.ticks_of_second(*series, second, before_seq)]


def _checked(pack: ProofPack) -> ProofPack:
    """Raises StoreError for a pack whose bars do not give the stored decision."""
    differences = verify(pack)
    if differences:
        raise StoreError(f"the stored decision is not what its trades give: {'; '.join(differences)}")
    return pack
