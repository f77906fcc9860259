"""The runs of a pair with what each changed: when it began and why it ended, its settings, what its paper position
earned."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.errors import SettingsError
from engine.market.paper_result import PaperResult
from engine.pairs.settings import PairSettings
from engine.store.bulk import AnalysisReader, PastRun

LISTED = 30  # runs of a pair

Changes = dict[str, tuple[Any, Any]]  # by setting: before and after


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run. ``began_at_ms``: the local clock when it began, over bars from ``first_bar_ms`` on.

    ``end_reason`` as in ``RunEnd``, empty while it runs. ``settings``: None where this version cannot read them.
    ``changed`` from the run before it, None without one that can be read. ``result``: of its paper position, as it was
    stored last.
    """

    run_id: str
    began_at_ms: int
    first_bar_ms: int
    end_reason: str
    end_detail: str
    settings: PairSettings | None
    changed: Changes | None = None
    result: PaperResult | None = None

    @property
    def last_bar_ms(self) -> int | None:
        """The end of its last bar; None while it runs, and for a run without bars."""
        return self.result.to_ms if self.end_reason and self.result else None


def changes(before: PairSettings, after: PairSettings) -> Changes:
    """The settings in which two differ, in the order of their definition.

    >>> changes(PairSettings(), PairSettings(entry_z=2.5, stop_z=4.0))
    {'entry_z': (2.0, 2.5), 'stop_z': (None, 4.0)}
    """
    names = (each.name for each in dataclasses.fields(PairSettings))
    pairs = ((name, (getattr(before, name), getattr(after, name))) for name in names)
    return {name: (old, new) for name, (old, new) in pairs if old != new}


class RunHistoryService:
    """Reads of a pair's runs. Any thread may call; every method raises StoreError."""

    def __init__(self, store: AnalysisReader) -> None:
        self._store = store

    def runs(self, market: str, y: str, x: str, limit: int = LISTED) -> list[RunRecord]:
        """The runs of a pair, the newest first."""
        found = self._store.runs_of(market, y, x, limit + 1)  # one more says what the oldest of them changed
        return _with_changes([_record(each) for each in found])[:limit]

    def settings_of(self, run_id: str) -> PairSettings:
        """The settings of a run. Raises SettingsError for a run that is not stored or cannot be read."""
        found = self._store.run(run_id)
        if found is None:
            raise SettingsError(f"no run {run_id[:40]!r} is stored; expected one of the list")
        return PairSettings.from_json(found.run.settings)


def _record(past: PastRun) -> RunRecord:
    run, end = past.run, past.end
    return RunRecord(
        run.run_id, past.began_at_ms, run.start_ms, end.reason if end else "", end.detail if end else "",
        _readable(run.settings), result=past.result,
    )  # fmt: skip


def _readable(text: str) -> PairSettings | None:
    try:
        return PairSettings.from_json(text)
    except SettingsError:  # of another version; the run is listed without them
        return None


def _with_changes(newest_first: Sequence[RunRecord]) -> list[RunRecord]:
    earlier = [*newest_first, None][1:]
    return [
        dataclasses.replace(each, changed=changes(before.settings, each.settings))
        if before and before.settings and each.settings
        else each
        for each, before in zip(newest_first, earlier, strict=True)
    ]
