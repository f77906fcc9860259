"""The job that replays a stretch of a stored run, and compares its decisions with the stored ones.

The decisions are compared as they were given: each revision with its time, place in commit order and lateness.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import SettingsError, StoreError
from engine.market.records import Decision
from engine.store import open_backend
from engine.store.bulk import AnalysisReader, StoredRun
from engine.store.interface import Backend
from live.code_version import code_version
from live.replay import Replay
from services.jobs import IsCancelled, JobCancelled, Json, Report

FIELDS = tuple(field.name for field in dataclasses.fields(Decision))
KEPT_DIFFERENCES = 100  # of a result; all are counted


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """A stretch of a stored run: its decisions of the bars that open in ``[from_ms, to_ms)``."""

    run_id: str
    from_ms: int = 0
    to_ms: int = 2**62

    def __post_init__(self) -> None:
        """Raises SettingsError for an empty stretch."""
        if self.from_ms >= self.to_ms:
            raise SettingsError(f"the stretch is {self.from_ms} to {self.to_ms} ms; expected an end after its start")


@dataclass(frozen=True, slots=True)
class Difference:
    """One decision that differs. ``fields``: by name, the stored value and the replayed one; where one of the two has
    no such decision its value is None."""

    bar_ms: int
    revision: int
    fields: dict[str, tuple[Any, Any]]

    def __str__(self) -> str:
        """In one line."""
        each = (f"{name}: stored {mine!r}, replayed {theirs!r}" for name, (mine, theirs) in self.fields.items())
        return f"bar {self.bar_ms} ms, revision {self.revision}: {', '.join(each)}"


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """``decisions``: the replayed ones in the order in which they were given; ``stored``: how many are stored, and
    ``equal``: how many of these are the same in every field. ``differing``: how many differ, ``differences``: the
    first of them. ``digest``: of the replayed decisions. ``is_same_code``: whether the run was made by this version of
    the program."""

    run_id: str
    decisions: tuple[Decision, ...]
    stored: int
    equal: int
    differing: int
    differences: tuple[Difference, ...]
    digest: str
    is_same_code: bool

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs."""
        return self.differing == 0

    @classmethod
    def from_json(cls, values: Json) -> ReplayResult:
        """From ``dataclasses.asdict`` that went through JSON."""
        differences = tuple(
            Difference(each["bar_ms"], each["revision"], {name: (a, b) for name, (a, b) in each["fields"].items()})
            for each in values["differences"]
        )
        decisions = tuple(Decision(**each) for each in values["decisions"])
        return cls(**values | {"decisions": decisions, "differences": differences})


def run_replay(request: Json, report: Report, is_cancelled: IsCancelled) -> Json:
    """The job function: ``data_dir``, and a ``replay`` with the fields of a ReplayRequest; the result is a ReplayResult
    by ``dataclasses.asdict``. Raises JobCancelled, SettingsError, StoreError."""
    wanted = ReplayRequest(**request["replay"])
    found = replay_stretch(open_backend(Path(request["data_dir"])), wanted, report, is_cancelled)
    return dataclasses.asdict(found)


def replay_stretch(
    backend: Backend, wanted: ReplayRequest, report: Report = lambda *_: None, is_cancelled: IsCancelled = lambda: False
) -> ReplayResult:
    """Replay the run from the first tick of the store on, and compare. Raises as ``run_replay``."""
    analysis = backend.analysis_reader()
    found = run_named(analysis, wanted.run_id)
    given: list[Decision] = []
    with closing(moments_of(backend, found, report, is_cancelled)) as moments:
        for _, decisions in moments:
            given += [each for each in decisions if wanted.from_ms <= each.bar_ms < wanted.to_ms]
    stored = [each for each in analysis.decisions(wanted.run_id) if wanted.from_ms <= each.bar_ms < wanted.to_ms]
    equal, differences = compared(stored, given)
    return ReplayResult(
        wanted.run_id,
        tuple(given),
        len(stored),
        equal,
        len(differences),
        tuple(differences[:KEPT_DIFFERENCES]),
        digest_of(given),
        found.run.code == code_version(),
    )


def run_named(analysis: AnalysisReader, run_id: str) -> StoredRun:
    """The stored run. Raises SettingsError where there is none."""
    found = analysis.run(run_id)
    if found is None:
        raise SettingsError(f"no run {run_id!r} is stored; expected the run_id of a stored decision")
    return found


def moments_of(
    backend: Backend, stored: StoredRun, report: Report, is_cancelled: IsCancelled
) -> Generator[tuple[Replay, list[Decision]]]:
    """The moments at which the replayed run gave decisions, with the replay as it was then. Close it.

    Goes as far as the dashboard has read. Raises JobCancelled, and StoreError where the ticks are not those of the run.
    """
    run, analysis = stored.run, backend.analysis_reader()
    cursor, reader = analysis.cursor(), backend.tick_reader()
    try:
        if cursor is None or cursor.ticks_store_id != reader.store_id():
            raise StoreError(f"the run {run.run_id} was made of another store of trades; expected the one it read")

        def progress(seq: int) -> None:
            if is_cancelled():
                raise JobCancelled(f"the replay of run {run.run_id} was cancelled")
            report("replaying", seq, cursor.seq)

        progress(0)
        replay = Replay(reader, run, cursor.seq, cursor.event_id, stored.end)
        for decisions in replay.moments(progress):
            yield replay, decisions
    finally:
        reader.close()


def compared(stored: Iterable[Decision], given: Iterable[Decision]) -> tuple[int, list[Difference]]:
    """How many of the stored decisions were given with the same values, and every decision that differs, by bar and
    revision."""
    mine, theirs = ({(each.bar_ms, each.revision): each for each in some} for some in (stored, given))
    differences = []
    for key in sorted(mine.keys() | theirs.keys()):
        fields = differing_fields(mine.get(key), theirs.get(key))
        if fields:
            differences.append(Difference(*key, fields))
    return sum(theirs.get(key) == decision for key, decision in mine.items()), differences


def differing_fields(stored: Decision | None, given: Decision | None) -> dict[str, tuple[Any, Any]]:
    """The fields in which two decisions differ, the stored value first; of one that is missing its values are None."""
    pairs = ((name, (getattr(stored, name, None), getattr(given, name, None))) for name in FIELDS)
    return {name: (mine, theirs) for name, (mine, theirs) in pairs if mine != theirs}


def digest_of(decisions: Iterable[Decision]) -> str:
    """Changes with any field of any decision, and with their order: SHA-256 in hexadecimal."""
    rows = [[getattr(each, name) for name in FIELDS] for each in decisions]
    return hashlib.sha256(json.dumps(rows, allow_nan=False).encode()).hexdigest()
