"""The router and the search: which page an address mounts, which pair it chooses, and what is said of the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dash import no_update

from engine.market.similar import edits
from screen.components.addresses import pair_in, pair_path
from screen.page_table import PAGES, page_of
from screen.shell import _go, _route
from services.pairs import PairService
from tests.engine.pairs.markets import SETTINGS, make_ticks
from tests.live.test_monitor import Harness
from tests.screen.reading import elements


@pytest.fixture
async def pairs(tmp_path: Path) -> AsyncIterator[PairService]:
    harness = await Harness.open(tmp_path)
    await harness.write(make_ticks(1)[:400])
    harness.read_all()
    harness.monitor.watch("sim", "XUSDT", "YUSDT", replace(SETTINGS, entry_z=2.5))
    yield PairService(harness.monitor, SETTINGS, lambda: None)
    harness.monitor.close()
    await harness.writer.close()


def text_of(component: Any) -> str:
    component = elements(component)
    children = getattr(component, "children", component if isinstance(component, (str, list, tuple)) else None)
    if isinstance(children, (list, tuple)):
        return " ".join(text_of(each) for each in children)
    return children if isinstance(children, str) else text_of(children) if children is not None else ""


async def test_an_address_mounts_its_page_and_chooses_its_pair(pairs: PairService) -> None:
    second = pairs.find("sim", "XUSDT", "YUSDT")
    page, mounted, watch_id, moved = await _route(pairs, PAGES, "/pair/sim/XUSDT~YUSDT", None, None)
    assert page is not no_update and (mounted, watch_id, moved) == ("/pair", second, no_update)
    page, mounted, watch_id, moved = await _route(pairs, PAGES, "/pair/sim/YUSDT~XUSDT", "/pair", second)
    assert page is no_update and watch_id == pairs.first(), "the page stays, with another pair"
    page, mounted, watch_id, moved = await _route(pairs, PAGES, "/scan", "/pair", second)
    assert page is not no_update and (mounted, watch_id, moved) == ("/scan", no_update, no_update)


async def test_the_pair_page_without_a_pair_moves_to_the_first(pairs: PairService) -> None:
    _, mounted, watch_id, moved = await _route(pairs, PAGES, "/pair", None, None)
    assert (mounted, watch_id, moved) == ("/pair", pairs.first(), "/pair/sim/YUSDT~XUSDT")
    for watch_id in (pairs.first(), pairs.find("sim", "XUSDT", "YUSDT")):
        pairs.unwatch(watch_id)
    page, mounted, watch_id, moved = await _route(pairs, PAGES, "/pair", None, 1)
    assert page is not no_update and (mounted, watch_id, moved) == ("/pair", None, no_update)


async def test_addresses_that_lead_nowhere_are_told(pairs: PairService) -> None:
    page, mounted, watch_id, _ = await _route(pairs, PAGES, "/pair/sim/FOO~BAR", "/pair", 1)
    assert "FOO ~ BAR is not watched" in text_of(page) and (mounted, watch_id) == ("", no_update)
    page, *_ = await _route(pairs, PAGES, "/nothing", None, None)
    assert "no such page" in text_of(page)
    assert page_of("/") and page_of("/pair/sim/A~B") is page_of("/pair") and page_of("/nothing") is None


@pytest.mark.parametrize(
    ("typed", "path", "said"),
    [
        ("x ~ y", "/pair/sim/XUSDT~YUSDT", ""),
        ("YUSDT xusdt", "/pair/sim/YUSDT~XUSDT", ""),
        ("ethusdt", no_update, "No watched pair has ETHUSDT."),
        ("  ", no_update, ""),
    ],
)
async def test_what_is_typed_leads_to_a_watched_pair(pairs: PairService, typed: str, path: Any, said: str) -> None:
    moved, told, _ = await _go(pairs, 1, typed)
    assert (moved, told) == (path, said)


async def test_a_misspelt_symbol_is_suggested_within_two_edits(
    pairs: PairService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PairService, "symbols", lambda _: {"sim": ["SOLUSDT", "MATICUSDT", "BTCUSDT"]})
    assert (await _go(pairs, 1, "slo"))[1] == "No watched pair has SLO."
    assert (await _go(pairs, 1, "soll"))[1] == "No watched pair has SOLL. Did you mean SOLUSDT?"
    assert (await _go(pairs, 1, "MATCIUSDT"))[1] == "No watched pair has MATCIUSDT. Did you mean MATICUSDT?"
    assert (await _go(pairs, 1, "FOOUSDT"))[1] == "No watched pair has FOOUSDT."
    assert (await _go(pairs, 1, "SOL"))[1] == "No watched pair has SOL.", "known, only not watched"
    assert (edits("", "ab"), edits("kitten", "sitting")) == (2, 3)


@pytest.mark.parametrize("symbols", [("ETHUSDT", "BTCUSDT"), ("A/B", "C~D"), ("Ä%20", "X")])
def test_a_pair_survives_its_address(symbols: tuple[str, str]) -> None:
    assert pair_in(pair_path("usdm", *symbols)) == ("usdm", *symbols)
    assert pair_in("/pair/usdm/only") is None
