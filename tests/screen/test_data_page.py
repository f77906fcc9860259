"""The data's page: texts, tables, the export form, corrections of an import, and its callbacks over real services."""

from __future__ import annotations

import doctest
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from dash import Dash, no_update

from config import Config, settings_in_force
from engine.errors import NotAllowed, PairbridgeError
from engine.store import open_backend
from engine.store.inventory import GapCount, StoredGap, SymbolStock
from engine.store.sqlite.writer import SqliteTickWriter
from live.heartbeat import Answer, Heartbeat
from screen.pages.data import callbacks, export_form, ids, import_callbacks, labels, tables
from screen.pages.data.layout import data_page
from services.backups import Backup, BackupService, BackupState
from services.data import DataService, RowCounts, Setting, Stock
from services.feeds import FeedService, FeedState, Finding, HistoryWant, ServerState
from services.job_process import ProcessExecutor
from services.jobs import Jobs
from services.uploads import UploadService, UploadState
from tests.conftest import ServerHarness, until
from tests.engine.store.harness import NOW, batch, tick
from tests.screen.reading import elements
from tests.screen.test_signals_page import rows_of, text_of

CASES = Path(__file__).parents[1] / "fixtures" / "cases"
SETTINGS = [
    Setting("retention_hours", "PAIRBRIDGE_RETENTION_HOURS", "24", "24", False, "Hours in the store."),
    Setting("token", "PAIRBRIDGE_TOKEN", "(hidden)", "none", True, "The bridge's password."),
]


def pressed(monkeypatch: pytest.MonkeyPatch, module: ModuleType, what: str) -> None:
    monkeypatch.setattr(module, "ctx", SimpleNamespace(triggered_id=what))


def feed(**changes: Any) -> FeedState:
    fields: dict[str, Any] = {
        "market": "sim", "state": "LIVE", "cause": "Trades are coming in.", "advice": "", "clients": ("page",),
        "heard_age_ms": 200, "trade_age_ms": 12_000, "latency_ms": (12, 48), "received": 1_000, "stored": 990,
        "duplicates": 10, "conflicts": 0, "rejected": 0, "open_gaps": 0, "findings": (), "wants": (),
        "bars_wanted": 0, "bars_missing": 0,
    }  # fmt: skip
    return FeedState(**(fields | changes))


def test_the_doctests_of_the_page() -> None:
    for module in (labels, tables, export_form, import_callbacks):
        assert doctest.testmod(module).failed == 0


def test_every_control_of_the_callbacks_is_on_the_page_and_has_a_label() -> None:
    app = Dash("page", suppress_callback_exceptions=True)
    nothing: Any = None
    callbacks.register_data(app, nothing, nothing, nothing, nothing)
    page = json.dumps(data_page().to_plotly_json(), default=lambda each: each.to_plotly_json())
    named = {part["id"] for each in app.callback_map.values() for part in (*each["inputs"], *each["state"])}
    named |= {part.rpartition(".")[0] for each in app.callback_map for part in each.strip(".").split("...")}
    assert len(named) > 40
    assert [name for name in sorted(named) if f'"id": "{name}"' not in page] == []
    for name in (*ids.TOLD, ids.IMPORT_MARKET, *ids.EXPORT, ids.GAP_SYMBOL, ids.GAP_STATUS):
        assert f'"html_for": "{name}"' in page


def test_a_feed_is_shown_with_its_latency_and_its_findings() -> None:
    stuck = HistoryWant("sim", "BTCUSDT", 60_000, 0, 6_000_000, 100, 25, "the bridge: HTTP 500")
    asking = HistoryWant("sim", "ETHUSDT", 60_000, 0, 6_000_000, 100, None, "")
    found = (Finding("clock-skew", "The clock is ahead.", "Set it by network time."),)
    one = feed(findings=found, wants=(asking, stuck), bars_wanted=200, bars_missing=25)
    server = ServerState(
        True, "LIVE", "Trades are coming in.", "", (one,), 90_000, 3.0, 2, "", {"handshake": 1, "rows": 0}
    )
    (row,) = rows_of(tables.feeds_table(server))
    assert row[0] == "sim" and row[3:6] == ["0.2 s ago", "12 s ago", "12 / 48 ms"]
    assert "clock is ahead" in text_of(tables.findings_list(server))
    wants = tables.history_table(server)
    assert [row.className for row in elements(wants).children[2].children] == ["", "is-stuck"]
    assert rows_of(wants)[0][5] == "asking the store" and rows_of(wants)[1][4:6] == ["100", "25"]
    assert labels.history_line(server) == "175 of 200 wanted bars are stored"
    assert labels.server_line(server).endswith("last commit 3 ms · batches to be stored: 2 · refused: 1 handshake")
    assert labels.feed_tone("UPSTREAM DOWN") == "warn" and labels.feed_tone("LIVE") == ""


def test_a_server_that_does_not_answer_leaves_nothing_known() -> None:
    server = ServerState(False, "BRIDGE DISCONNECTED", "The bridge server has not answered for 9 s.", "Is it running?")
    assert "what its feeds do is not known" in text_of(tables.feeds_table(server))
    assert labels.server_line(server).startswith("BRIDGE DISCONNECTED: The bridge server has not")
    assert text_of(tables.findings_list(server)) == ""


def test_what_is_missing_and_lost_is_said() -> None:
    symbol = SymbolStock("sim", "BTCUSDT", 1_790_046_465_000, 1_790_050_000_000, 5_000, 3, 70_000, 1)
    gaps = (GapCount("sim", "BTCUSDT", "open", 2, 7), GapCount("sim", "BTCUSDT", "filled", 1, 3))
    stock = Stock("/data", True, (), (symbol,), gaps=gaps)
    (row,) = rows_of(tables.stock_table(stock, RowCounts({})))
    assert row[3:] == ["–", "–", "5,000 in 3 files, 1 not there", "70.0 kB", "7 in 2 gaps"]
    assert labels.gap_line(gaps) == "2 open (7 trades), 1 filled (3 trades)"
    assert "1 of the files are not there; `check` lists them" in labels.archive_line(stock, "24")
    assert "created when the bridge server first starts" in labels.stock_line(Stock("/data", has_store=False))
    gap = StoredGap(1, "sim", "BTCUSDT", 10, 19, 10, "unfetchable", "geo-blocked", 1_790_046_465_000, None)
    assert rows_of(tables.gaps_table([gap], False))[0] == [
        "BTCUSDT · sim", "unfetchable", "10 – 19", "10", "10", "2026-09-22 03:07:45", "–", "geo-blocked"
    ]  # fmt: skip


def test_backups_and_settings_say_where_they_are_from() -> None:
    (row,) = rows_of(tables.backups_table([Backup("2026-09-22T030745Z", 1_790_046_465_000, 5_000_000, True)]))
    assert row == ["2026-09-22T030745Z", "2026-09-22 03:07:45", "5.0 MB", "with its files"]
    assert [row[:3] for row in rows_of(tables.settings_table(SETTINGS))] == [
        ["PAIRBRIDGE_TOKEN", "(hidden)", "environment"], ["PAIRBRIDGE_RETENTION_HOURS", "24", "default of config.py"]
    ]  # fmt: skip
    for phase, said in (("running", "backing up: ticks.db"), ("failed", "not made: full"), ("cancelled", "cancelled")):
        assert labels.backup_line(BackupState(phase, "ticks.db", "full")).startswith(said)


def test_the_settings_in_force_hide_secrets() -> None:
    environ = {"PAIRBRIDGE_TOKEN": "t" * 40, "PAIRBRIDGE_ALLOWED_HOSTS": "a.example,b.example"}
    found = {each.name: each for each in settings_in_force(Config.from_environ(environ), environ)}
    assert len(found) == len(SETTINGS_OF_CONFIG) and "t" * 40 not in repr(found)
    assert (found["token"].value, found["token"].is_from_environment) == ("(hidden)", True)
    assert (found["allowed_hosts"].value, found["allowed_hosts"].default) == ("a.example, b.example", "none")
    assert (found["open_browser"].value, found["password"].value) == ("0", "none")


SETTINGS_OF_CONFIG = Config.__dataclass_fields__


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"kind": "ticks"}, "market is empty"),
        ({"kind": "ticks", "market": "sim", "from": "soon"}, "from is 'soon'"),
        ({"kind": "ohlc", "market": "sim", "interval": "fast"}, "fast"),
        ({"kind": "analytics", "market": "sim", "symbols": "BTCUSDT"}, "expected the two legs of a pair"),
        ({"kind": "ticks", "market": "sim", "symbols": "<b>"}, "symbol"),
    ],
)
def test_an_export_that_cannot_be_made_says_why(asked: dict[str, str], says: str) -> None:
    with pytest.raises(PairbridgeError, match=says):
        export_form.export_address({"format": "csv", **asked})


async def test_the_download_follows_the_form() -> None:
    href, said = await export_form._address("analytics", "sim", "ethusdt, btcusdt", "1h", "2026-01-01", None, "parquet")
    assert (href, said) == (
        "/api/export/analytics?market=sim&symbols=ETHUSDT%2CBTCUSDT&from=2026-01-01&format=parquet", "",
    )  # fmt: skip
    assert await export_form._address("scan", None, None, None, None, None, "csv") == (
        "/api/export/scan?format=csv",
        "",
    )
    href, said = await export_form._address("ticks", None, None, None, None, None, "csv")
    assert href is None and said == "market is empty; expected one with stored data."


@pytest.fixture
async def data(tmp_path: Path) -> AsyncIterator[DataService]:
    writer = await SqliteTickWriter.open(tmp_path / "ticks.db")
    await writer.commit([batch(tick(1), tick(5), tick(9))], [], NOW)
    yield DataService(open_backend(tmp_path), tmp_path, SETTINGS)
    await writer.close()


async def test_what_is_stored_is_shown_and_sent_again_only_when_it_changed(
    data: DataService, monkeypatch: pytest.MonkeyPatch
) -> None:
    pressed(monkeypatch, callbacks, ids.POLL)
    shown = await callbacks._show_stock(data, 0, None, None, None)
    assert rows_of(shown[0])[0][0] == "BTCUSDT · sim" and shown[9] == "sim"
    assert "Hours in the store" in text_of(shown[10])
    assert shown[6] == "2 open (6 trades)" and shown[7][1]["value"] == "sim/BTCUSDT"
    assert await callbacks._show_stock(data, 1, None, "sim", shown[-1] | {"rests_until_s": 2**40}) == (no_update,) * 12
    again = await callbacks._show_stock(data, 1, None, "sim", shown[-1] | {"rests_until_s": 0.0})
    assert again[0] is no_update and "ticks.db" in again[1]
    pressed(monkeypatch, callbacks, ids.COUNT)
    await callbacks._show_stock(data, 1, 1, "sim", shown[-1])
    await until(lambda: not data.row_counts().is_counting, 20, "the count")
    pressed(monkeypatch, callbacks, ids.POLL)
    counted = await callbacks._show_stock(data, 2, 1, "sim", shown[-1])
    assert counted[9] is no_update, "what the user chose meanwhile stays"
    assert rows_of(counted[0])[0][3] == "3" and counted[4].startswith("rows as of")


async def test_gaps_are_paged_and_filtered(data: DataService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.data.GAP_PAGE", 1)
    pressed(monkeypatch, callbacks, ids.POLL)
    first = await callbacks._show_gaps(data, labels.ANY, labels.ANY, 0, 0, 0, None, None)
    assert len(rows_of(first[0])) == 1 and first[1:3] == (True, False)
    assert await callbacks._show_gaps(data, labels.ANY, labels.ANY, 0, 0, 1, first[3], first[4]) == (no_update,) * 5
    pressed(monkeypatch, callbacks, ids.GAPS_OLDER)
    second = await callbacks._show_gaps(data, labels.ANY, labels.ANY, 0, 1, 1, first[3], first[4])
    assert second[1:3] == (False, True) and rows_of(second[0]) != rows_of(first[0])
    pressed(monkeypatch, callbacks, ids.GAP_STATUS)
    none = await callbacks._show_gaps(data, "sim/BTCUSDT", "filled", 0, 1, 1, second[3], second[4])
    assert "No gap passes this filter" in text_of(none[0])


async def test_without_a_store_the_page_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pressed(monkeypatch, callbacks, ids.POLL)
    data = DataService(open_backend(tmp_path), tmp_path, SETTINGS)
    shown = await callbacks._show_stock(data, 0, None, None, None)
    assert "No trade is stored yet" in text_of(shown[0]) and shown[9] is None
    gaps = await callbacks._show_gaps(data, labels.ANY, labels.ANY, 0, 0, 0, None, None)
    assert "does not exist yet" in gaps[0]


async def test_feeds_are_sent_again_only_when_they_changed(harness: ServerHarness) -> None:
    heartbeat = Heartbeat("http://127.0.0.1:1/", 60_000)
    feeds = FeedService(heartbeat)
    silent = await callbacks._show_feeds(feeds, 0, None)
    assert silent[0].startswith("WAITING FOR BRIDGE") and "does not answer" in text_of(silent[1])
    heartbeat._answer = Answer(harness.server.health(), time.monotonic_ns() // 1_000_000)
    shown = await callbacks._show_feeds(feeds, 1, silent[-1])
    assert "No feed yet" in text_of(shown[1]) and shown[3] is no_update
    assert await callbacks._show_feeds(feeds, 2, shown[-1]) == (no_update,) * 6


async def test_an_import_goes_from_the_file_to_the_store(
    harness: ServerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = Jobs(ProcessExecutor())
    uploads = UploadService(jobs, harness.config.data_dir, harness.url, lambda: harness.token, lambda: None)
    upload = uploads.receive("two.csv", (CASES / "twosizes.csv").read_bytes()).upload
    usual = ("", "", "", labels.ANY, "")
    pressed(monkeypatch, import_callbacks, ids.UPLOAD)
    assert (await import_callbacks._act(uploads, upload, 0, 0, 0, *usual, ""))[:2] == ("", False)
    await until(lambda: uploads.state(upload).phase == "looked", 60, "the look")
    shown = await import_callbacks._follow(uploads, 1, upload, None)
    assert "may both be the quantity" in text_of(shown[0]) and shown[4], "what is asked must be said first"
    assert shown[6], "nothing runs: it is not polled"
    pressed(monkeypatch, import_callbacks, ids.LOOK)
    said, *_ = await import_callbacks._act(uploads, upload, 1, 0, 0, "", "", "", labels.ANY, "quantity", "")
    assert "expected meaning = name of the column" in said
    told = ("", "", "", labels.ANY, "quantity = volume")
    await import_callbacks._act(uploads, upload, 2, 0, 0, *told, "")
    await until(lambda: uploads.state(upload).phase == "looked", 60, "the second look")
    assert not (await import_callbacks._follow(uploads, 2, upload, None))[4]
    pressed(monkeypatch, import_callbacks, ids.STORE)
    await import_callbacks._act(uploads, upload, 2, 1, 0, *told, "file-two")
    await until(lambda: uploads.state(upload).phase == "stored", 60, "the rows")
    stored = await import_callbacks._follow(uploads, 3, upload, None)
    assert stored[1] == "Stored in market file-two: 5 trades stored." and stored[3:7] == (True, True, True, True)
    jobs.close()


async def test_what_was_sent_is_discarded_or_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uploads = UploadService(Jobs(ProcessExecutor()), tmp_path, "", lambda: "", lambda: None)
    upload = uploads.receive("a.csv", b"x").upload
    usual = ("", "", "", labels.ANY, "", "")
    pressed(monkeypatch, import_callbacks, ids.DISCARD)
    assert await import_callbacks._act(uploads, upload, 0, 0, 1, *usual) == ("", True, None, None)
    assert "there is no upload" in (await import_callbacks._follow(uploads, 1, upload, None))[1]
    said, is_off, known, _ = await import_callbacks._act(uploads, upload, 0, 0, 2, *usual)
    assert "there is no upload" in said and (is_off, known) == (True, None)
    assert (await import_callbacks._follow(uploads, 1, None, None))[3:7] == (True, True, True, True)


def test_what_became_of_rows_is_told() -> None:
    outcome = {"market": "usdm", "stored": 5, "known": 2, "conflicts": 0, "again": {"a.csv": 1}, "refused": 3,
               "bars": {"stored": 0, "known": 0, "conflicts": 0}}  # fmt: skip
    state = UploadState("u", {}, "stored", outcome=outcome)
    assert import_callbacks.stage_of(state) == (
        "Stored in market usdm: 5 trades stored, 2 known before, 3 rows refused, 1 rows twice in the files."
    )
    running = UploadState("u", {}, "storing", "storing", 10, 1_000)
    assert import_callbacks.stage_of(running) == "storing 10 of 1,000 rows …"
    assert import_callbacks.stage_of(UploadState("u", {}, "failed", problem="no columns")) == "Not done: no columns."


async def test_backups_are_started_and_followed(
    tmp_path: Path, data: DataService, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = Jobs(ProcessExecutor())
    backups = BackupService(jobs, tmp_path, lambda: None)
    first = await callbacks._show_backups(backups, 0, None)
    assert "No backup in this folder yet" in text_of(first[0]) and first[2:4] == (False, True)
    pressed(monkeypatch, callbacks, ids.BACK_UP)
    assert (await callbacks._back_up(backups, 1, 0, False)).startswith(("backing up", "made"))
    await until(lambda: backups.state().phase == "done", 60, "the backup")
    shown = await callbacks._show_backups(backups, 1, first[-1])
    assert len(rows_of(shown[0])) == 1 and shown[1].startswith("made and checked")
    assert await callbacks._show_backups(backups, 2, shown[-1]) == (no_update,) * 5
    jobs.close()

    def refuse() -> None:
        raise NotAllowed("this window may only look")

    assert await callbacks._back_up(BackupService(jobs, tmp_path, refuse), 1, 0, False) == "this window may only look"
