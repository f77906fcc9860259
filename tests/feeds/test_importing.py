"""Folders of an exchange's public data into the store: each row once, each file told."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import feeds.importing
from engine.files.inspection import Inspected, Told
from feeds.dump_files import expanded
from feeds.import_table import table
from feeds.importing import FileOutcome, Import, import_files
from tests.conftest import ServerHarness, until
from tests.engine.files.helpers import FIXTURES
from tests.feeds.dumps import DAY0, DAY_MS, HEADS, write
from tests.feeds.test_main import finished, start


async def brought(harness: ServerHarness, *patterns: Path | str, **more: Any) -> list[FileOutcome]:
    store_id = harness.server.health()["store_id"]
    request = Import(harness.url, harness.token, harness.config.data_dir, store_id, **more)
    paths = expanded([str(each) for each in patterns])
    return [outcome async for outcome in import_files(paths, request, lambda what, done, of: None)]


def query(harness: ServerHarness, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(harness.ticks_db)) as db:
        return db.execute(sql).fetchall()


def counts(outcomes: list[FileOutcome]) -> dict[str, tuple[int, int]]:
    return {each.name: (each.stored, each.known) for each in outcomes}


def test_paths_patterns_and_folders_mean_their_files(tmp_path: Path) -> None:
    first, second = (write(tmp_path, "aggTrades", day) for day in (0, 1))
    (tmp_path / "data" / "README.md").write_text("not a recording")
    archived = tmp_path / "data/archive/market=usdm/symbol=BTCUSDT/day=2026-01-01"
    archived.mkdir(parents=True)
    (archived / "1-2-3-abc.parquet").write_bytes(b"the store's own")
    assert expanded([str(tmp_path)]) == [first, second]
    assert expanded([f"{first.parent}/*01-02*"]) == [second], "the checksum is no recording"
    assert expanded([f"{tmp_path}/**/*.zip", str(first)]) == [first, second]
    for nothing in (f"{tmp_path}/*.csv", str(tmp_path / "no.csv")):
        with pytest.raises(ValueError, match=r"there is no file .*; expected one that exists, a pattern, or a folder"):
            expanded([nothing])


@pytest.mark.parametrize("processes", [False, True])
async def test_a_folder_of_every_kind(
    harness: ServerHarness, tmp_path: Path, processes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if processes:
        monkeypatch.setattr(feeds.importing, "_WORTH_A_PROCESS", 0)
    for day in (1, 0):
        write(tmp_path, "aggTrades", day)
        write(tmp_path, "klines", day, symbol="ETHUSDT", head=day == 0)
    write(tmp_path, "fundingRate")
    write(tmp_path, "aggTrades", symbol="BNBBTC", market="spot", per_ms=1_000, head=False)
    write(tmp_path, "trades", symbol="SOLUSDT")
    outcomes = await brought(harness, tmp_path)
    assert [each.problem for each in outcomes] == [""] * 7
    assert sum(each.stored for each in outcomes) == 5 * 60 + 60 + 3
    assert all(not each.refused and (each.gaps_opened, each.gaps_filled) == (0, 0) for each in outcomes)
    ticks = "SELECT market, symbol, count(*), min(agg_id), min(trade_time_ms), max(trade_time_ms) FROM v_ticks"
    found = query(harness, f"{ticks} GROUP BY 1, 2 ORDER BY 2, 1")
    own = next(each.market for each in outcomes if each.name.startswith("SOLUSDT"))
    assert own.startswith("file-"), "raw trades have no aggregate ids"
    assert found == [
        ("spot", "BNBBTC", 60, 1_000, DAY0, DAY0 + 59_000),
        ("usdm", "BTCUSDT", 120, 1_000, DAY0, DAY0 + DAY_MS + 59_000),
        (own, "SOLUSDT", 60, 0, DAY0, DAY0 + 59_000),
    ]
    bars = "SELECT market, symbol, interval, source, count(*) FROM v_bars WHERE source='kline' GROUP BY 1, 2, 3"
    assert query(harness, bars) == [("usdm", "ETHUSDT", "1m", "kline", 120)]
    funding = "SELECT market, symbol, kind, time_ms, rate FROM v_funding ORDER BY time_ms"
    assert query(harness, funding) == [
        ("usdm", "BTCUSDT", "settled", DAY0 + n * 28_800_000, rate)
        for n, rate in enumerate((0.0001, -0.00010001, 0.00010002))
    ]


async def test_a_second_run_reads_nothing_but_the_bytes(
    harness: ServerHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in (0, 1):
        write(tmp_path, "aggTrades", day)
    write(tmp_path, "fundingRate")
    await brought(harness, tmp_path)
    looked: list[Path] = []
    real = feeds.importing.look_ahead
    monkeypatch.setattr(feeds.importing, "look_ahead", lambda path, told: looked.append(path) or real(path, told))
    third = write(tmp_path, "aggTrades", 2)
    again = await brought(harness, tmp_path)
    assert looked == [third], "a file is known by its bytes, whatever else is in the folder"
    assert counts(again) == {
        "BTCUSDT-aggTrades-2026-01-01.zip": (0, 60), "BTCUSDT-aggTrades-2026-01-02.zip": (0, 60),
        "BTCUSDT-fundingRate-2026-01.zip": (0, 3), "BTCUSDT-aggTrades-2026-01-03.zip": (60, 0),
    }  # fmt: skip
    told = await brought(harness, tmp_path, is_again=True)
    assert all(each.stored == 0 and each.known for each in told) and len(looked) == 5


async def test_another_store_knows_nothing_and_a_cut_line_is_told(
    harness: ServerHarness, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path, "aggTrades")
    await brought(harness, path)
    ledger = harness.config.data_dir / "imports.log"
    ledger.write_text(ledger.read_text().replace(harness.server.health()["store_id"], "another"))
    assert counts(await brought(harness, path)) == {path.name: (0, 60)}, "read again, and known to the store itself"
    ledger.write_bytes(ledger.read_bytes()[:-30])
    outcome = (await brought(harness, path))[0]
    assert (outcome.known, outcome.note) == (60, "")
    assert "line 2 is left out" in caplog.text
    assert (await brought(harness, path))[0].note == "brought before", "the line after a cut one is whole"


async def test_a_wrong_checksum_refuses_its_file_alone(harness: ServerHarness, tmp_path: Path) -> None:
    wrong = write(tmp_path, "aggTrades", 0, checksum="wrong")
    write(tmp_path, "aggTrades", 1, checksum=None)
    broken = write(tmp_path, "aggTrades", 2)
    broken.with_name(f"{broken.name}.CHECKSUM").write_text("<html>404</html>")
    outcomes = {each.name: each for each in await brought(harness, tmp_path)}
    assert f"{wrong.name}.CHECKSUM says {'0' * 64}; fetch it again" in outcomes[wrong.name].problem
    assert "holds '<html>404</html>'; expected a SHA-256 and a name" in outcomes[broken.name].problem
    assert outcomes["BTCUSDT-aggTrades-2026-01-02.zip"].stored == 60
    assert query(harness, "SELECT count(*) FROM v_ticks") == [(60,)]


async def test_gaps_that_files_open_and_fill_are_told(harness: ServerHarness, tmp_path: Path) -> None:
    days = [write(tmp_path, "aggTrades", day) for day in range(3)]
    outcomes = await brought(harness, days[0], days[2])
    assert [(each.gaps_opened, each.gaps_filled) for each in outcomes] == [(0, 0), (1, 0)]
    (filling,) = await brought(harness, days[1])
    assert (filling.stored, filling.gaps_opened, filling.gaps_filled) == (60, 0, 1)


async def test_what_is_refused_is_told_by_reason(harness: ServerHarness, tmp_path: Path) -> None:
    dump = tmp_path / "BTCUSDT-aggTrades-2026-11-01.csv"
    dump.write_bytes((FIXTURES / dump.name).read_bytes())
    mixed = write(tmp_path, "trades")
    (tmp_path / "letter.csv").write_text("Dear Sir or Madam\n")
    (tmp_path / "copy.csv").write_bytes(dump.read_bytes())
    outcomes = {each.name: each for each in await brought(harness, tmp_path, market="usdm")}
    reasons = {"quantity is it": 1, "found N cells": 1, "the same trade again": 1}
    assert (outcomes[dump.name].stored, outcomes[dump.name].refused) == (3, reasons)
    assert "cannot go into market 'usdm'" in outcomes[mixed.name].problem
    assert "none is the time" in outcomes["letter.csv"].problem
    lines = "\n".join(table(list(outcomes.values())))
    assert "1 refused: found N cells" in lines and "4 files, 3 of them brought nothing" in lines
    assert "the same bytes as" in lines


async def test_files_without_ids_that_overlap_are_put_in_order_together(harness: ServerHarness, tmp_path: Path) -> None:
    head = "timestamp,symbol,price,size"
    for name, numbers in (("a", range(0, 60, 2)), ("b", range(1, 60, 2)), ("c", range(60, 90))):
        rows = [f"{DAY0 + n * 100},BTCUSDT,{100 + n},1" for n in numbers]
        (tmp_path / f"{name}.csv").write_text("\n".join([head, *rows]))
    outcomes = await brought(harness, tmp_path, market="file-mine", told=Told())
    assert counts(outcomes) == {"a.csv + b.csv": (60, 0), "c.csv": (30, 0)}
    assert query(harness, "SELECT agg_id, price FROM v_ticks ORDER BY agg_id") == [(n, 100.0 + n) for n in range(90)]


async def test_the_command_prints_a_table_and_its_code_says_whether_all_brought_something(
    harness: ServerHarness, tmp_path: Path
) -> None:
    write(tmp_path, "aggTrades")
    process = start(harness.config.data_dir, harness.server.port, str(tmp_path))
    assert (await finished(process))[0] == 0
    write(tmp_path, "aggTrades", 1, checksum="wrong")
    code, said = await finished(start(harness.config.data_dir, harness.server.port, str(tmp_path)))
    assert code == 1 and said == ""
    code, said = await finished(start(harness.config.data_dir, harness.server.port, str(tmp_path / "none*")))
    assert code == 2 and said.startswith("pairbridge: there is no file")


async def test_stopped_while_it_stores_it_goes_on_the_next_time(harness: ServerHarness, tmp_path: Path) -> None:
    rows = [f"{DAY0 + n * 10},BTCUSDT,{100 + n % 7},1" for n in range(60_000)]
    (tmp_path / "long.csv").write_text("\n".join(["timestamp,symbol,price,size", *rows]))
    command = (str(tmp_path / "long.csv"), "--market", "file-long")
    process = start(harness.config.data_dir, harness.server.port, *command)
    stored = "SELECT count(*) FROM v_ticks"
    await until(lambda: query(harness, stored)[0][0] > 0, 60, "the first rows")
    os.kill(process.pid, signal.SIGINT)
    code, said = await finished(process)
    assert code == 2 and "stopped; acknowledged rows are stored" in said and "Traceback" not in said
    before = query(harness, stored)[0][0]
    assert 0 < before < 60_000
    code, said = await finished(start(harness.config.data_dir, harness.server.port, *command))
    stored_then, known = (
        int(each.replace(",", "")) for each in re.findall(r"([0-9,]+) (?:stored|known already)", said)[:2]
    )
    assert (code, stored_then + known) == (0, 60_000) and known >= before, "what was on its way was stored too"
    assert query(harness, stored) == [(60_000,)]


def klines(folder: Path, *lines: str, repeat: int = 1_500) -> Path:
    """A dump of candles, longer than what is read by the row, and then ``lines``."""
    rows = [f"{DAY0 + n * 60_000},1.5,2.5,1.0,2.0,10,{DAY0 + n * 60_000 + 59_999},20,3,5,10,0" for n in range(repeat)]
    path = folder / "BTCUSDT-1m-2026-01.csv"
    path.write_text("\n".join([HEADS["klines"], *rows, *lines, ""]), encoding="latin-1")
    return path


async def test_candles_are_read_once_and_what_is_refused_in_them_is_told(
    harness: ServerHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    blocks = Inspected.blocks
    monkeypatch.setattr(Inspected, "blocks", lambda self: (opened.append(str(self.member)), blocks(self))[1])
    bad = f"{DAY0 + 10**9 * 60},1.5,1.4,1.0,2.0,10,0,20,3,5,10,0"
    (outcome,) = await brought(harness, klines(tmp_path, bad))
    assert (outcome.stored, outcome.refused.total(), outcome.problem) == (1_500, 1, "") and len(opened) == 1
    (again,) = await brought(harness, tmp_path / "BTCUSDT-1m-2026-01.csv", is_again=True)
    assert (again.stored, again.known) == (0, 1_500)


async def test_candles_that_go_on_as_something_else_keep_what_was_stored_and_say_so(
    harness: ServerHarness, tmp_path: Path
) -> None:
    (outcome,) = await brought(harness, klines(tmp_path, "\xff" * 40, repeat=40_000))
    assert "is not text" in outcome.problem
    stored = query(harness, "SELECT count(*) FROM sourced_bars")[0][0]
    assert stored > 0 and outcome.problem.endswith(f"; {stored:,} bars before that are stored")


async def test_a_dump_without_a_candle_is_refused_as_before(harness: ServerHarness, tmp_path: Path) -> None:
    (outcome,) = await brought(harness, klines(tmp_path, f"{DAY0},1.5,1.4,1.0,2.0,10,0,20,3,5,10,0", repeat=0))
    assert "has no row that can be used" in outcome.problem and "expected at least one trade or bar" in outcome.problem
