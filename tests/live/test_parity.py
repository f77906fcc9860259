"""Parity: a replay of the stored ticks is the live run, and one changed tick shows at its bar, field by field."""

from __future__ import annotations

import dataclasses
import json
import random
import sqlite3
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from engine.backtest import Account, Costs, run
from engine.backtest.backtest import trades_frame
from engine.errors import StoreError
from engine.market.records import Run
from engine.market.ticks import Tick
from engine.pairs.enums import Action
from engine.pairs.layout import Out
from engine.pairs.leg import Col
from engine.pairs.run import PairRun
from engine.store import open_backend
from engine.store.sqlite.bar_reader import SqliteBarReader
from engine.store.sqlite.retention import RetentionJob
from live.paper import PaperBooks
from live.parity import Parity, check, compare, main, with_live
from live.replay import replay
from live.run_record import Record, digests_of
from tests.engine.pairs.markets import SETTINGS, T0, Trouble, deliver, make_ticks
from tests.live.test_monitor import Harness

CHOSEN = replace(SETTINGS, fee_bps=1.0, half_spread_bps=0.3, gate="off")


class Live:
    """A monitor that has read a market in pieces, its settings changed on the way: a run over history and live bars."""

    def __init__(self, harness: Harness) -> None:
        self.harness = harness
        self.books = PaperBooks(partial(SqliteBarReader, harness.folder / "ticks.db"))
        (self.watch_id,) = harness.monitor.watches

    @classmethod
    async def over(cls, folder: Path, arrived: list[Tick]) -> Live:
        harness, rng, at = await Harness.open(folder), random.Random(3), 0
        half = len(arrived) // 2
        while at < len(arrived):
            size = rng.choice([1, 20, 150])
            await harness.write(arrived[at : at + size])
            harness.read_all(rng.choice([3, 1_000]))
            if at < half <= at + size:
                harness.monitor.watch("sim", "YUSDT", "XUSDT", CHOSEN)
            at += size
        return cls(harness)

    @property
    def run(self) -> PairRun:
        found = self.harness.monitor.followed(self.harness.monitor.watches[self.watch_id])
        assert found is not None
        return found

    def record(self) -> Record:
        made = Record.of(self.run, *self.books.ledger(self.watch_id, self.run), self.harness.monitor.cursor)
        return Record(**json.loads(json.dumps(dataclasses.asdict(made), allow_nan=False)))

    def check(self) -> Parity:
        reader = open_backend(self.harness.folder).tick_reader()
        with closing(reader):
            found = check(self.record(), reader)
        plain = Parity.from_json(json.loads(json.dumps(dataclasses.asdict(found), allow_nan=False)))
        assert plain == found
        return with_live(found, self.run, self.books.ledger(self.watch_id, self.run)[0])

    async def close(self) -> None:
        self.harness.monitor.close()
        await self.harness.writer.close()


@pytest.mark.parametrize("seed", range(3))
async def test_live_replay_and_backtest_agree_on_the_same_ticks(tmp_path: Path, seed: int) -> None:
    live = await Live.over(tmp_path, deliver(make_ticks(seed, 400), Trouble(late_ms=12_000)))
    found = live.check()
    assert found.is_equal and found.lines() == []
    ledger = live.books.ledger(live.watch_id, live.run)[0]
    assert found.bars == (live.run.model.size,) * 2 and found.bars[0] > 150
    assert found.decisions == (len(live.run.current),) * 2 and found.decisions[0] > 20
    assert found.fills == (len(ledger.trades),) * 2 and found.fills[0] >= 5
    reader = open_backend(tmp_path).tick_reader()
    again = replay(reader, Run(**live.record().run), live.record().seq, live.record().event_id)
    reader.close()
    assert again.given == live.harness.stored(), "as given, with time and revision"
    await live.close()


async def test_the_backtest_of_the_same_bars_decides_and_fills_the_same(tmp_path: Path) -> None:
    live = await Live.over(tmp_path, make_ticks(1, 400))
    assert_backtest(live.run, live.books.ledger(live.watch_id, live.run)[0].trades)
    await live.close()


def assert_backtest(live: PairRun, trades: np.ndarray) -> None:
    """``engine.backtest.run`` over the bars as frames: actions, quantities and fills of the live run."""
    frames, size = [], live.model.size
    slots = (live.model.first_slot or 0) + np.arange(size)
    for leg in live.legs:
        at = (live.model.first_slot or 0) - leg.first_slot
        cols = {col: leg.column(col, at)[:size] for col in Col}
        names = {
            "close": Col.CLOSE,
            "mid": Col.MID,
            "open": Col.OPEN,
            "volume": Col.VOLUME,
            "half_spread": Col.HALF_SPREAD,
        }
        times = pd.to_datetime(slots * live.settings.interval_ms, unit="ms", utc=True)
        frames.append(pd.DataFrame({name: cols[col] for name, col in names.items()}, index=times)[cols[Col.TRADES] > 0])
    found = run(frames[0], frames[1], None, live.settings, Costs.of(live.settings), Account())
    assert found.inputs.actions.tolist() == live.model.column(Out.ACTION).tolist()
    closed = found.trades[~found.trades["is_open"]]
    mine = trades_frame(trades, found.inputs.open_times_ms, live.settings.interval_ms)
    pd.testing.assert_frame_equal(closed.reset_index(drop=True), mine)
    entries = [
        place for place in np.flatnonzero(found.inputs.actions) if found.inputs.actions[place] != Action.NO_ENTRY
    ]
    assert len(entries) >= 2 * len(mine)


@pytest.mark.parametrize("share", [0.2, 0.45, 0.8])
async def test_one_changed_tick_shows_at_its_bar(tmp_path: Path, share: float) -> None:
    live = await Live.over(tmp_path, make_ticks(1, 400))
    changed = change_tick(tmp_path, share)
    width_ms = CHOSEN.interval_ms
    found = live.check()
    assert found.first is not None and found.first.what == "bar"
    assert found.first.bar_ms == changed // width_ms * width_ms
    assert "x_volume" in found.first.fields and "y_close" not in found.first.fields
    mine, theirs = found.first.fields["x_volume"]
    assert theirs == pytest.approx(mine + 1.0)
    assert found.bars[0] == found.bars[1] - 1, "a volume changes no other bar"
    assert found.lines()[0].startswith("first difference: bar at 2026-09-22T")
    await live.close()


@pytest.mark.parametrize("change", ["price=price*(1+1e-9)", "buyer_is_maker=1-buyer_is_maker", "price=price*1.001"])
@pytest.mark.parametrize("share", [0.55, 0.7, 0.9])
async def test_any_change_of_a_tick_shows_at_its_bar_even_between_the_extremes(
    tmp_path: Path, change: str, share: float
) -> None:
    live = await Live.over(tmp_path, make_ticks(1, 400))
    changed = change_tick(tmp_path, share, change)
    found = live.check()
    assert found.first is not None and found.first.bar_ms == changed // CHOSEN.interval_ms * CHOSEN.interval_ms
    assert found.first.fields and all(mine != theirs for mine, theirs in found.first.fields.values())
    await live.close()


def change_tick(folder: Path, share: float, change: str = "quantity=quantity+1") -> int:
    """Change one stored trade of X, by default to one more coin; returns its time."""
    with closing(sqlite3.connect(folder / "ticks.db")) as db, db:
        (series_id,) = db.execute("SELECT series_id FROM series WHERE symbol='XUSDT'").fetchone()
        rows = db.execute(
            "SELECT seq, trade_time_ms FROM ticks WHERE series_id=? ORDER BY seq", (series_id,)
        ).fetchall()
        seq, time_ms = rows[int(share * len(rows))]
        db.execute(f"UPDATE ticks SET {change} WHERE seq=?", (seq,))
    return int(time_ms)


async def test_a_changed_decision_and_a_changed_fill_are_found(tmp_path: Path) -> None:
    live = await Live.over(tmp_path, make_ticks(1, 300))
    record = live.record()
    reader = open_backend(tmp_path).tick_reader()
    bar = next(at for at, content in record.decisions.items() if content[0].startswith("enter"))
    content = [*record.decisions[bar]]
    content[10] += 1e-9
    found = check(replace(record, decisions=record.decisions | {bar: content}), reader)
    assert found.decisions == (len(record.decisions) - 1, len(record.decisions))
    assert found.first is not None and (found.first.what, found.first.bar_ms) == ("decision", int(bar))
    assert list(found.first.fields) == ["quantity_y"]
    missing = {at: each for at, each in record.decisions.items() if at != bar}
    found = check(replace(record, decisions=missing), reader)
    assert found.first is not None and found.first.fields["kind"] == (None, record.decisions[bar][0])
    trades = [[*each] for each in record.trades]
    trades[1][0] = -trades[1][0]
    found = check(replace(record, trades=trades), reader)
    assert found.first is not None and found.first.what == "fill" and list(found.first.fields) == ["side"]
    assert found.fills == (len(trades) - 1, len(trades))
    reader.close()
    await live.close()


async def test_archived_ticks_are_replayed_too(tmp_path: Path) -> None:
    live = await Live.over(tmp_path, make_ticks(2, 300))
    job = RetentionJob(live.harness.writer, 60_000, slack_ms=0)
    for _ in range(3):
        await job.sweep()
    reader = open_backend(tmp_path).tick_reader()
    assert reader.deleted_seq() > 500
    reader.close()
    assert live.check().is_equal
    await live.close()


async def test_missing_ticks_are_an_error_and_an_ended_run_is_a_mismatch(tmp_path: Path) -> None:
    live = await Live.over(tmp_path, make_ticks(1, 300))
    record = live.record()
    found = compare(record, None, "gap YUSDT had no trade for 170 s")
    assert found.bars == (0, live.run.model.size) and found.first is not None
    assert (found.first.what, found.first.fields) == ("run", {"end": (None, "gap YUSDT had no trade for 170 s")})
    with closing(sqlite3.connect(tmp_path / "ticks.db")) as db, db:
        db.execute("DELETE FROM ticks WHERE trade_time_ms BETWEEN ? AND ?", (T0 + 250_000, T0 + 255_000))
    with pytest.raises(StoreError, match="are archived, and their file is gone"):
        live.check()
    await live.close()


async def test_the_command_checks_what_is_stored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    live = await Live.over(tmp_path, make_ticks(1, 300))
    live.harness.monitor.close()
    assert main(["--data-dir", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("YUSDT ~ XUSDT in sim, run ") and f"{live.run.model.size}/{live.run.model.size} bars" in said
    change_tick(tmp_path, 0.8)
    assert main(["--data-dir", str(tmp_path)]) == 1
    assert "first difference: bar at " in capsys.readouterr().out
    await live.harness.writer.close()
    assert main(["--data-dir", str(tmp_path / "none")]) == 2


def test_a_digest_changes_with_any_bit() -> None:

    def digest(values: list[list[float]], monkeypatch: pytest.MonkeyPatch) -> list[int]:
        monkeypatch.setattr("live.run_record.columns_of", lambda *_: (("a", each) for each in np.array(values)))
        bars = type("Run", (), {"model": type("Model", (), {"size": 2})})
        return digests_of(bars, bars.model).tolist()  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        known = digest([[1.0, 2.0], [3.0, np.nan]], patch)
        assert digest([[1.0, 2.0], [3.0, -np.nan]], patch) == known
        assert digest([[np.nextafter(1.0, 2.0), 2.0], [3.0, np.nan]], patch)[0] != known[0]
        assert digest([[3.0, 2.0], [1.0, np.nan]], patch)[0] != known[0]
