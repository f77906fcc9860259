"""Uploads from the first part of a file to the last stored row, with the jobs in processes of their own."""

from __future__ import annotations

import gzip
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.errors import NotAllowed
from services.job_process import ProcessExecutor
from services.jobs import JobBusy, Jobs
from services.uploads import MAX_UPLOADS, UploadMissing, UploadRefused, UploadService, UploadState, read_told
from tests.conftest import ServerHarness, until

CASES = Path(__file__).parents[1] / "fixtures" / "cases"


@pytest.fixture
async def uploads(harness: ServerHarness) -> AsyncIterator[UploadService]:
    jobs = Jobs(ProcessExecutor())
    yield UploadService(jobs, harness.config.data_dir, harness.url, lambda: harness.token, lambda: None)
    jobs.close()


async def ended(uploads: UploadService, upload: str) -> UploadState:
    await until(lambda: uploads.state(upload).phase not in ("looking", "storing"), 60, "the end of the job")
    return uploads.state(upload)


async def looked(uploads: UploadService, upload: str, told: Mapping[str, Any]) -> dict[str, Any]:
    uploads.look(upload, told)
    state = await ended(uploads, upload)
    assert (state.phase, state.problem) == ("looked", "")
    assert state.found is not None
    return state.found


def rows(harness: ServerHarness, query: str) -> list[Any]:
    with closing(sqlite3.connect(harness.ticks_db)) as db:
        return db.execute(query).fetchall()


async def test_a_file_is_shown_corrected_and_stored(uploads: UploadService, harness: ServerHarness) -> None:
    content = gzip.compress((CASES / "twosizes.csv").read_bytes())
    upload = uploads.receive("two.csv.gz", content[:50]).upload
    state = uploads.receive("two.csv.gz", content[50:], at=50, upload=upload)
    assert (state.phase, state.files) == ("received", {"two.csv.gz": len(content)})

    found = await looked(uploads, upload, {})
    (question,) = found["questions"]
    assert question["of"] == "columns" and "'quantity' and 'volume'" in question["text"]
    (file,) = found["files"]
    assert (file["format"], file["symbols"], file["rows"]) == ("CSV, ticks", {"TWSUSDT": 5}, 5)
    assert (file["from"], file["to"]) == ("2026-01-01T00:00:00.000Z", "2026-01-01T00:00:04.000Z")
    assert file["columns"] == {
        "timestamp": "time", "symbol": "symbol", "price": "price", "quantity": "quantity", "volume": "",
    }  # fmt: skip
    assert file["first_rows"][0] == {
        "symbol": "TWSUSDT", "time": "2026-01-01T00:00:00.000Z", "price": "5.0", "quantity": "2",
    }  # fmt: skip

    uploads.store(upload, {})
    assert (await ended(uploads, upload)).phase == "failed"
    assert "may both be the quantity" in uploads.state(upload).problem and rows(harness, "SELECT * FROM v_ticks") == []

    told = {"columns": {"quantity": "volume"}}
    assert (await looked(uploads, upload, told))["questions"] == []
    uploads.store(upload, told, "file-two")
    state = await ended(uploads, upload)
    assert state.outcome is not None and state.outcome["stored"] == 5 and state.outcome["market"] == "file-two"
    assert rows(harness, "SELECT quantity FROM v_ticks ORDER BY agg_id") == [(10,), (11,), (12,), (13,), (14,)]
    assert list((harness.config.data_dir / "uploads").iterdir()) == []


async def test_two_files_share_one_market(uploads: UploadService, harness: ServerHarness) -> None:
    upload = uploads.receive("a.csv", (CASES / "oldest_first.csv").read_bytes()).upload
    uploads.receive("b.csv", (CASES / "newest_first.csv").read_bytes(), upload=upload)
    uploads.store(upload, {})
    state = await ended(uploads, upload)
    assert state.outcome is not None and state.outcome["stored"] == 80
    found = rows(harness, "SELECT market, symbol, open, close FROM v_bars WHERE interval = '1m' ORDER BY symbol")
    assert [row[1:] for row in found] == [("NEWUSDT", 100.0, 103.9), ("OLDUSDT", 100.0, 103.9)]
    assert len({row[0] for row in found}) == 1 and found[0][0].startswith("file-")


async def test_bars_are_asked_their_width_and_stored(uploads: UploadService, harness: ServerHarness) -> None:
    content = b"timestamp,open,high,low,close,volume\n2024-01-01 00:00:00,50000,50100,49900,50050,100.5\n"
    upload = uploads.receive("BTCUSDT.csv", content).upload
    found = await looked(uploads, upload, {})
    assert [question["of"] for question in found["questions"]] == ["interval", "zone"]
    told = {"interval": "1H", "zone": "UTC"}
    found = await looked(uploads, upload, told)
    assert (found["questions"], found["files"][0]["intervals"]) == ([], ["1h"])
    uploads.store(upload, told, "file-bars")
    state = await ended(uploads, upload)
    assert state.outcome is not None and state.outcome["bars"] == {"stored": 1, "known": 0, "conflicts": 0}
    query = "SELECT market, symbol, interval, open_time_ms, open, high, low, close, volume, source FROM v_bars"
    assert rows(harness, query) == [
        ("file-bars", "BTCUSDT", "1h", 1_704_067_200_000, 50_000, 50_100, 49_900, 50_050, 100.5, "upload")
    ]


async def test_what_is_no_file_of_trades_says_so(uploads: UploadService, harness: ServerHarness) -> None:
    upload = uploads.receive("letter.txt", b"Dear Sir or Madam\n").upload
    uploads.look(upload, {})
    state = await ended(uploads, upload)
    assert state.phase == "failed" and "columns are 'Dear Sir or Madam'" in state.problem
    upload = uploads.receive("noids.csv", (CASES / "noids_mix.csv").read_bytes()).upload
    uploads.store(upload, {}, "usdm")
    state = await ended(uploads, upload)
    assert state.phase == "failed" and "cannot go into market 'usdm'" in state.problem
    assert rows(harness, "SELECT * FROM v_ticks") == []


async def test_an_upload_without_a_server_can_be_dropped(tmp_path: Path) -> None:
    jobs = Jobs(ProcessExecutor())
    uploads = UploadService(jobs, tmp_path, "ws://127.0.0.1:9/", lambda: "x" * 32, lambda: None)
    upload = uploads.receive("a.csv", (CASES / "seconds.csv").read_bytes()).upload
    uploads.store(upload, {})
    with pytest.raises(JobBusy):
        uploads.look(upload, {})
    uploads.drop(upload)
    with pytest.raises(UploadMissing):
        uploads.state(upload)
    assert list((tmp_path / "uploads").iterdir()) == []
    jobs.close()


def local(folder: Path) -> UploadService:
    return UploadService(Jobs(ProcessExecutor()), folder, "", lambda: "", lambda: None)


@pytest.mark.parametrize("name", ["", "../up.csv", "a/b.csv", "a\\b.csv", "/etc/x", ".", "..", "a\n.csv", "x" * 121])
def test_a_name_is_no_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(UploadRefused, match="expected a file's name"):
        local(tmp_path).receive(name, b"x")
    assert list(tmp_path.iterdir()) == []


def test_parts_follow_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uploads = local(tmp_path)
    upload = uploads.receive("a.csv", b"123").upload
    for at in (0, 2, 4):
        with pytest.raises(UploadRefused, match=f"begins at {at}; expected 3"):
            uploads.receive("a.csv", b"4", at, upload)
    with pytest.raises(UploadMissing, match="there is no upload 'nobody'"):
        uploads.receive("a.csv", b"4", 3, "nobody")
    monkeypatch.setattr("services.uploads.MAX_BYTES", 5)
    with pytest.raises(UploadRefused, match="expected at most 5"):
        uploads.receive("a.csv", b"456", 3, upload)
    assert uploads.state(upload).files == {"a.csv": 3}


def test_the_oldest_upload_makes_room_and_a_start_clears_all(tmp_path: Path) -> None:
    uploads = local(tmp_path)
    names = [uploads.receive("a.csv", b"1").upload for _ in range(MAX_UPLOADS + 1)]
    with pytest.raises(UploadMissing):
        uploads.state(names[0])
    assert len(list((tmp_path / "uploads").iterdir())) == MAX_UPLOADS
    local(tmp_path)
    assert not (tmp_path / "uploads").exists()


def test_whoever_may_only_look_uploads_nothing(tmp_path: Path) -> None:
    def refuse() -> None:
        raise NotAllowed("only look")

    uploads = UploadService(Jobs(ProcessExecutor()), tmp_path, "", lambda: "", refuse)
    for attempt in (lambda: uploads.receive("a.csv", b"1"), lambda: uploads.look("x", {}), lambda: uploads.drop("x")):
        with pytest.raises(NotAllowed):
            attempt()
    with pytest.raises(NotAllowed):
        uploads.store("x", {})


@pytest.mark.parametrize(
    "told", [{"zone": 5}, {"columns": "price"}, {"columns": {"price": 1}}, {"colour": "blue"}], ids=str
)
def test_corrections_that_are_none(told: dict[str, Any]) -> None:
    with pytest.raises(UploadRefused, match="expected"):
        read_told(told)
