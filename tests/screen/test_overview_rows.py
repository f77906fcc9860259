"""Rows of the overview: rounded as they are shown, and no further."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import pytest

from engine.backtest.breakeven import CostWall
from engine.pairs.settings import PairSettings
from engine.stats.half_life import HalfLife
from engine.store.interface import Watched
from screen.pages.overview.rows import pair_row
from services.overview import PairNow
from tests.screen.pairs import NAN, paper, snapshot

WATCH = Watched(7, "sim", "ETHUSDT", "BTCUSDT", "{}")


def now(**values: float) -> PairNow:
    return PairNow(WATCH, PairSettings(), "", 400, True, snapshot(**values), (0.5, NAN, -1.005), None, None, 3)


@pytest.mark.parametrize(("pvalue", "shown"), [(0.00041, 0.0004), (0.00002, 0.0), (0.0248, 0.0248), (NAN, None)])
def test_a_small_p_is_as_small_as_it_is(pvalue: float, shown: float | None) -> None:
    assert pair_row(now(gate_pvalue=pvalue))["p"] == shown


def test_a_row_has_its_pair_its_path_and_what_is_unknown_as_none() -> None:
    row = pair_row(now(z=-1.236))
    assert (row["id"], row["pair"], row["path"]) == ("7", "ETHUSDT ~ BTCUSDT", "/pair/sim/ETHUSDT~BTCUSDT")
    assert (row["z"], row["trail"], row["today"]) == (-1.24, [0.5, None, -1.0], 3)
    assert row["half_life_text"] == row["edge_text"] == "–" and row["open"] is row["realised"] is None
    assert math.isclose(row["distance"], row["entry"] - 1.236, abs_tol=0.006)


def test_estimates_are_shown_with_their_intervals() -> None:
    life = HalfLife(12.34, 8.0, math.inf, 10.0, 0.94, NAN, NAN)
    wall = CostWall(**dict.fromkeys((each.name for each in fields(CostWall)), NAN) | {
        "half_life": life, "net_bps_per_day": 1234.4, "net_bps_per_day_low": -20.6, "net_bps_per_day_high": 2500.0,
    })  # fmt: skip
    row = pair_row(replace(now(), wall=wall))
    assert (row["half_life_text"], row["edge_text"]) == ("12.3 (8.0 … ∞)", "1,234 (-21 … 2,500)")


def test_money_is_that_of_the_pairs_book_and_an_order_that_is_not_filled_yet_is_said() -> None:
    held = replace(now(position=-1.0), paper=paper(of_book={"open_net": 1.5, "realised": 12.345}))
    row = pair_row(held)
    assert (row["position"], row["open"], row["realised"]) == ("short", 1.5, 12.35)
    assert pair_row(replace(held, latest=snapshot(position=0.0)))["position"] == "closing"
    flat = replace(now(position=1.0), paper=paper(side=0))
    assert pair_row(flat)["position"] == "opening"
    assert pair_row(replace(flat, latest=snapshot(position=0.0)))["position"] == "flat"


def test_a_pair_that_waits_or_is_suspended_says_so() -> None:
    waiting = PairNow(WATCH, PairSettings(), "", 0, False, None, (), None, None, 0)
    suspended = PairNow(WATCH, PairSettings(), "prices of 0", 0, False, None, (), None, None, 0)
    assert pair_row(waiting)["status"] == "waiting for trades of both legs"
    assert (pair_row(suspended)["status"], pair_row(suspended)["tone"]) == ("suspended: prices of 0", "warn")
