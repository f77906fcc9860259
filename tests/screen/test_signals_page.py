"""The journal's page: texts, tables and addresses, and its callbacks over a store in which two pairs have traded."""

from __future__ import annotations

import doctest
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

import pytest
from dash import Dash, no_update

from engine.errors import NotAllowed
from engine.pairs.enums import Reason
from engine.store import open_backend
from engine.store.bulk import SignalBars, SignalFilter
from engine.store.sqlite.analysis_reader import SqliteAnalysisReader
from engine.store.sqlite.bar_reader import SqliteBarReader
from live.paper import PaperBooks
from live.parity import Mismatch, Parity
from screen.components.fields import error_id
from screen.components.markup import Markup
from screen.pages.signals import callbacks, ids, labels, tables
from screen.pages.signals.layout import signals_page
from services.export.request import read_when
from services.job_process import ProcessExecutor
from services.jobs import Jobs
from services.journal import JournalCounts, JournalService
from services.paper_trades import BOOK, LOG, PaperTradeService, TradeJournal, TradeTotal
from services.parity import PairParity, ParityService, ParityState
from tests.engine.pairs.markets import SETTINGS, Trouble, deliver, make_ticks
from tests.live.test_monitor import Harness
from tests.screen.reading import elements


class Services:
    """The page's services around one harness."""

    def __init__(self, harness: Harness) -> None:
        books = PaperBooks(partial(SqliteBarReader, harness.folder / "ticks.db"))
        self.jobs = Jobs(ProcessExecutor())
        self.journal = JournalService(SqliteAnalysisReader(harness.folder / "analysis.db"))
        self.trades = PaperTradeService(harness.monitor, books, open_backend(harness.folder))
        self.parity = ParityService(harness.monitor, books, self.jobs, harness.folder, lambda: None)


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    made = await Harness.open(tmp_path)
    yield made
    made.monitor.close()
    await made.writer.close()


@pytest.fixture
def services(harness: Harness) -> Iterator[Services]:
    made = Services(harness)
    yield made
    made.jobs.close()


async def trade(harness: Harness) -> None:
    arrived = deliver(make_ticks(1, seconds=400), Trouble())
    await harness.write(arrived[:2_000])
    harness.read_all()
    harness.monitor.watch("sim", "XUSDT", "YUSDT", replace(SETTINGS, interval_ms=1_000))
    await harness.write(arrived[2_000:])
    harness.read_all()


def pressed(monkeypatch: pytest.MonkeyPatch, what: Any) -> None:
    monkeypatch.setattr(callbacks, "ctx", SimpleNamespace(triggered_id=what))


def text_of(component: Any) -> str:
    """Everything that is read on the screen."""
    if isinstance(component, Markup):
        return text_of(elements(component))
    if component is None or isinstance(component, (bool, int, float)):
        return ""
    if isinstance(component, str):
        return component
    if isinstance(component, (list, tuple)):
        return " ".join(filter(None, map(text_of, component)))
    return text_of(getattr(component, "children", None))


def rows_of(table: Any) -> list[list[str]]:
    return [[text_of(cell) for cell in row.children] for row in elements(table).children[2].children]


def heads_of(table: Any) -> set[str]:
    return {head.children for head in elements(table).children[1].children.children}


def test_the_doctests_of_the_page() -> None:
    for module in (labels, tables):
        assert doctest.testmod(module).failed == 0


def test_every_control_of_the_callbacks_is_on_the_page() -> None:
    app = Dash("page", suppress_callback_exceptions=True)
    nothing: Any = None
    callbacks.register_signals(app, nothing, nothing, nothing)
    page = json.dumps(signals_page().to_plotly_json(), default=lambda each: each.to_plotly_json())
    named = {part["id"] for each in app.callback_map.values() for part in (*each["inputs"], *each["state"])}
    named |= {part.rpartition(".")[0] for each in app.callback_map for part in each.strip(".").split("...")}
    plain = {name.split("@")[0] for name in named if not name.startswith("{")}
    assert len(plain) > 20
    assert [name for name in sorted(plain) if f'"id": "{name}"' not in page] == []


async def test_an_empty_store_says_what_is_waited_for(services: Services) -> None:
    shown = await callbacks._show(services.journal, None, None, None)
    assert "No decision yet. One is logged whenever |z|" in text_of(shown[0]) and shown[1] == "no row"
    assert shown[3:6] == (True, True, True) and shown[7:10] == (None, None, None)
    trades, totals, _ = await callbacks._show_trades(services.journal, services.trades, None, BOOK, 0, None)
    assert "No closed trade in this range" in text_of(trades) and totals == ["no closed trade"]
    assert await callbacks._offer(services.journal, 0, None) == [{"label": "all pairs", "value": labels.ANY}]


async def test_the_journal_is_paged_and_shown_again_only_when_it_grew(
    harness: Harness, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    await trade(harness)
    monkeypatch.setattr("services.journal.PAGE", 10)
    monkeypatch.setattr("screen.pages.signals.labels.PAGE", 10)
    first = await callbacks._show(services.journal, None, 0, None)
    total = services.journal.counts(SignalFilter()).rows
    assert first[1] == f"rows 1 – 10 of {total:,}" and first[3:6] == (True, True, False)
    seen = first[10]
    assert await callbacks._show(services.journal, None, 1, seen) == callbacks._SAME
    grown = seen | {"version": seen["version"] - 1}
    assert await callbacks._show(services.journal, None, 1, grown | {"rests_until_s": 2**40}) == callbacks._SAME
    assert (await callbacks._show(services.journal, None, 1, grown | {"rests_until_s": 0.0}))[0] is not no_update
    pressed(monkeypatch, ids.OLDER)
    view, *errors = await callbacks._choose(*callbacks.EMPTY, 0, 0, 1, callbacks._VIEW, list(first[6]))
    assert errors == ["", ""] and view["places"] == [list(first[6])]
    second = await callbacks._show(services.journal, view, 1, first[10])
    assert second[1] == f"rows 11 – 20 of {total:,}" and second[3:5] == (False, False)
    assert rows_of(first[0])[-1][0] >= rows_of(second[0])[0][0] and rows_of(first[0]) != rows_of(second[0])
    pressed(monkeypatch, ids.NEWER)
    back, *_ = await callbacks._choose(*callbacks.EMPTY, 0, 1, 1, view, list(second[6]))
    assert back["places"] == []


async def test_the_exports_obey_the_filter(
    harness: Harness, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    await trade(harness)
    pressed(monkeypatch, ids.SHOWN)
    view, *_ = await callbacks._choose("sim/YUSDT~XUSDT", "why-not", "", "2026-01-01", "", 0, 0, 0, None, None)
    assert view == {"filter": ["sim/YUSDT~XUSDT", "why-not", labels.ANY, "2026-01-01", ""], "places": []}
    shown = await callbacks._show(services.journal, view, 0, None)
    assert {row[3] for row in rows_of(shown[0])} == {"no entry"}
    assert shown[7] == (
        "/api/export/signals?market=sim&symbols=YUSDT%2CXUSDT&from=1767225600000&kind=no_entry&format=csv"
    )
    assert shown[8].endswith("format=parquet") and shown[9].endswith("format=ndjson")
    assert "bars without an entry" in text_of(shown[2])


@pytest.mark.parametrize(
    ("values", "errors"),
    [
        ((labels.ANY, "all", labels.ANY, "soon", ""), ("from is 'soon'", "")),
        ((labels.ANY, "all", labels.ANY, "", "later"), ("", "to is 'later'")),
        ((labels.ANY, "all", labels.ANY, "2026-02-01", "2026-01-01"), ("", "the range is 2026-02-01")),
    ],
)
async def test_what_is_wrong_stands_at_its_field(
    values: tuple[str, ...], errors: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pressed(monkeypatch, ids.FROM)
    view, *said = await callbacks._choose(*values, 0, 0, 0, callbacks._VIEW, None)
    assert view is no_update
    for text, expected in zip(said, errors, strict=True):
        assert text.startswith(expected) and bool(text) == bool(expected)
    assert error_id(ids.FROM) == "signals-from-error"


async def test_trades_are_listed_by_book_and_by_log_with_the_running_total(
    harness: Harness, services: Services
) -> None:
    await trade(harness)
    for counted in (BOOK, LOG):
        table, line, seen = await callbacks._show_trades(services.journal, services.trades, None, counted, 0, None)
        found = services.trades.closed(SignalFilter(), counted)
        rows = rows_of(table)
        assert len(rows) == len(found.rows) >= 5 and rows[0][-1] == labels.money(found.totals[0].net)
        assert rows[-1][-1] == rows[-1][-2], "the first trade's total is its own"
        assert f"{found.totals[0].trades:,} trades" in text_of(line) and "USDT" in text_of(line)
        again = await callbacks._show_trades(services.journal, services.trades, None, counted, 1, seen)
        assert again == (no_update,) * 3
        assert {
            "Entered (UTC)",
            "Decided",
            "Y in, out",
            "X in, out",
            "Fees",
            "Half-spreads",
            "Slippage",
            "Funding",
        } <= heads_of(table)


async def test_the_run_of_a_pair_is_checked_from_its_row(
    harness: Harness, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    await trade(harness)
    table, seen = await callbacks._show_parity(services.parity, 0, "", None)
    assert [row[1].split()[:2] for row in rows_of(table)] == [["not", "checked"]] * 2
    assert await callbacks._show_parity(services.parity, 1, "", seen) == (no_update, no_update)
    (watch_id, *_) = harness.monitor.watches
    pressed(monkeypatch, {"type": "signals-check", "watch": watch_id})
    assert await callbacks._check(services.parity, [None, None]) is no_update
    assert await callbacks._check(services.parity, [1, None]) == "replaying"
    assert "wait for it" in await callbacks._check(services.parity, [2, None])
    for thread in list(services.jobs._threads.values()):
        thread.join(60)
    table, _ = await callbacks._show_parity(services.parity, 2, "", seen)
    assert rows_of(table)[0][1].startswith("equal ") and "bars" in rows_of(table)[0][1]


async def test_whoever_may_only_look_is_told_so(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise NotAllowed("this window may only look")

    jobs: Any = None
    parity = ParityService(harness.monitor, PaperBooks(), jobs, harness.folder, refuse)
    pressed(monkeypatch, {"type": "signals-check", "watch": 1})
    assert await callbacks._check(parity, [1]) == "this window may only look"


async def test_a_decision_links_to_its_proof_pack(harness: Harness, services: Services) -> None:
    await trade(harness)
    page = services.journal.page(SignalFilter())
    for row in page.rows:
        link = tables._proof(row)
        if row.kind == "withdrawn" or row.reason == "RUN_END":
            assert link == "–"
            continue
        asked = parse_qs(link.href.removeprefix("/api/export/proof?"))
        assert asked["run"] == [row.run_id] and asked["revision"] == [str(row.revision)]
        assert read_when(asked["bar_close"][0], "bar_close", 0) == row.close_ms
    assert any(row.kind == "exit" for row in page.rows)


def test_the_badge_of_a_run() -> None:
    pair = PairParity(1, "sim", "A", "B", 900, ParityState())
    assert labels.parity_item(replace(pair, bars=0)).note == "no bar yet: nothing to check"
    assert labels.parity_item(pair).value == "not checked"
    assert labels.parity_item(replace(pair, state=ParityState("running", 1, 4))).value == "replaying 25%"
    failed = labels.parity_item(replace(pair, state=ParityState("failed", problem="the disk is full")))
    assert (failed.value, failed.note, failed.tone) == ("check failed", "the disk is full", "warn")
    differing = Parity(
        "r", 1_790_046_500_000, (899, 900), (3, 3), (1, 1), Mismatch("bar", 1_790_046_465_000, {"z": (1, 2)})
    )
    shown = labels.parity_item(replace(pair, state=ParityState("done", found=differing)))
    assert shown.value == "differs" and "899/900 bars" in shown.note and "z: live 1, replay 2" in shown.note


def test_what_is_not_listed_or_has_no_result_is_said() -> None:
    totals = (
        TradeTotal("BTC", 2, 1, 1.0, 0.5, 0.25, 0.0, 0.0, 0.25),
        TradeTotal("", 3, 0, -1.0, 1.0, 0.0, 0.5, 0.5, -2.0),
    )
    line = text_of(tables.totals_line(TradeJournal((), totals, 2)))
    assert "2 trades, 1 won: gross +1.00 − fees 0.50 − half-spreads 0.25 = net +0.25 BTC" in " ".join(line.split())
    assert "− slippage 0.50, funding +0.50 = net -2.00" in " ".join(line.split())
    one = TradeTotal("BTC", 1, 1, 1.0, 0.5, 0.25, 0.0, 0.0, 0.25, 1, 0.25)
    said = " ".join(text_of(tables.totals_line(TradeJournal((), (one,), 0, 1, 3))).split())
    assert (
        said.startswith("1 trade, 1 won") and "1 of them replayed, over bars from before their run began: +0.25" in said
    )
    assert "1 trade over bars that an earlier run of the pair counted: in no total" in said
    assert "3 exits of ended runs whose paper book cannot be computed again: in no total" in said
    assert "of quote currency" in line and "the newest 0 are listed" in line and "2 exits without a result" in line


def test_reasons_are_counted_with_the_most_frequent_first() -> None:
    counts = JournalCounts(9, {"enter_long": 2, "no_entry": 7}, {"GATE_CLOSED": 5, "WARMUP": 2}, SignalBars(1, 2, 7))
    assert labels.count_items(counts)[0] == ("gate closed", "the test does not find the legs cointegrated", "5")
    assert labels.counts_head(counts) == "7 bars without an entry, 2 entries in 1 run; superseded rows left out"
    twice = labels.counts_head(replace(counts, bars=SignalBars(3, 1, 4)))
    assert twice.startswith("4 bars without an entry, 1 entry in 3 runs; a bar that several runs decided counts once")
    assert "and below once for each reason they gave" in twice
    drawn = tables.counts_list(counts)
    assert drawn[1].children[1].style == {"--share": "100.0%"} and drawn[2].children[1].style == {"--share": "40.0%"}


def test_every_reason_that_a_run_can_give_has_a_text() -> None:
    names = [name for name, _ in labels.REASON_CHOICES]
    assert [reason.name for reason in Reason if reason and reason.name not in names] == []
