"""Where bars come from: files and the store, with the fingerprint of what they hold; recorded pairs end to end."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.backtest import Costs, run
from engine.market.sourced import SourcedBar
from engine.store import open_backend
from engine.store.interface import Backend, Now
from engine.store.sqlite.writer import SqliteTickWriter
from services.backtest import main
from services.backtest_data import read_legs
from services.backtest_request import FileSource, StoredSource
from tests.engine.backtest.configurations import MINUTE_MS, START_MS
from tests.engine.pairs.recorded import SYMBOLS
from tests.engine.store.harness import batch
from tests.realdata import recording
from tests.services.backtest_worlds import NAMES, SETTINGS, legs_of, write_files
from tests.services.test_scans import T0, universe

COSTS = Costs(2.0, 0.5)


@pytest.fixture
async def stored(tmp_path: Path) -> AsyncIterator[Backend]:
    """Minutes of two symbols that came as candles, and seconds of others that came as ticks."""
    writer = await SqliteTickWriter.open(tmp_path / "ticks.db")
    legs = legs_of(write_files(tmp_path))
    for name, leg in zip(NAMES, (legs.y, legs.x), strict=True):
        times = leg.index.as_unit("ms").asi8.tolist()
        rows = zip(times, leg["open"], leg["close"], leg["volume"], strict=True)
        bars = [SourcedBar(name, MINUTE_MS, t, o, max(o, c), min(o, c), c, v, "kline") for t, o, c, v in rows]
        await writer.store_bars("usdm", bars)
    ticks = universe()
    for name in {tick.symbol for tick in ticks}:
        await writer.commit([batch(*(tick for tick in ticks if tick.symbol == name))], [], Now(T0, 0))
    yield open_backend(tmp_path)
    await writer.close()


async def test_candles_of_the_store_are_the_files_own(stored: Backend, tmp_path: Path) -> None:
    legs = legs_of([tmp_path / f"{name}_1m.csv" for name in NAMES])
    found = read_legs(StoredSource("usdm", *NAMES, START_MS), MINUTE_MS, stored)
    assert found.span_ms == legs.span_ms and found.names == NAMES and found.market == "usdm"
    one, two = (run(each.y, each.x, None, SETTINGS, COSTS) for each in (legs, found))
    assert len(one.trades) > 20
    np.testing.assert_array_equal(one.trades["net"], two.trades["net"])
    part = read_legs(StoredSource("usdm", *NAMES, START_MS + 1, START_MS + 600 * MINUTE_MS + 5), MINUTE_MS, stored)
    first_ms = found.span_ms[0]
    assert part.span_ms == (first_ms + MINUTE_MS, first_ms + 600 * MINUTE_MS)
    assert part.fingerprint != found.fingerprint
    for source, message in (
        (StoredSource("usdm", "ETHUSDT", "NOUSDT", START_MS), "no bars of NOUSDT"),
        (StoredSource("usdm", *NAMES, START_MS + 10**10), "expected some from"),
    ):
        with pytest.raises(ValueError, match=message):
            read_legs(source, MINUTE_MS, stored)
    files = tuple(str(tmp_path / f"{name}_1m.csv") for name in NAMES)
    with pytest.raises(ValueError, match="files have no settled funding of ETHUSDT and BTCUSDT"):
        read_legs(FileSource(files, *NAMES), MINUTE_MS, stored, funding=True)


async def test_ticks_of_the_store_give_mids_quotes_and_opens(stored: Backend) -> None:
    found = read_legs(StoredSource("sim", "YUSDT", "XUSDT", T0), 5_000, stored)
    assert set(found.y) == {"close", "mid", "half_spread", "open", "volume"} and len(found.y) == 139
    assert found.y["half_spread"].to_numpy() == pytest.approx(1e-5, rel=0.05)
    assert (found.y["volume"] == 10.0).all() and (found.x["volume"] == 100.0).all()
    assert (np.abs(found.y["mid"] / found.y["close"] - 1.0) < 1.1e-5).all()


def test_a_fingerprint_sees_every_number(tmp_path: Path) -> None:
    legs = legs_of(write_files(tmp_path))
    assert legs.fingerprint == legs_of(write_files(tmp_path)).fingerprint
    other = legs.y.copy()
    other.iloc[77, 1] = np.nextafter(other.iloc[77, 1], 1e9)
    assert replace(legs, y=other).fingerprint != legs.fingerprint


@pytest.mark.realdata
def test_every_recorded_pair_goes_end_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ten pairs over 30 days: a search with a walk-forward each and its report."""
    for x, y in itertools.combinations(SYMBOLS, 2):
        files = [str(recording(f"klines/{name}_1m.csv")) for name in (y, x)]
        options = ["--data-dir", str(tmp_path), "--out", str(tmp_path / f"{y}-{x}")]
        search = ["--preset", "classic", "--sweep", "entry=1.5:3:0.5", "--sweep", "exit=0,0.5", "--walk", "168:72"]
        assert main([*files, "--y", y, "--x", x, *search, *options, "--set", "gate=off"]) == 0
        out = capsys.readouterr().out
        assert "8 cells" in out and "This is trial 8 on these data" in out and "Walk-forward: " in out
        assert (tmp_path / f"{y}-{x}" / "tear-sheet.html").stat().st_size > 20_000
