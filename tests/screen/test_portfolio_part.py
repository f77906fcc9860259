"""The portfolio of the backtest's page: figures with their labels, an unknown correlation in words, fields checked."""

from __future__ import annotations

import asyncio
from typing import Any

from screen.pages.backtest import portfolio_callbacks as callbacks
from screen.pages.backtest import portfolio_figures as figures
from screen.pages.backtest.portfolio import portfolio_panels
from services.portfolio import PortfolioService
from services.portfolio_record import portfolio_record
from tests.services.test_portfolio import World, world

__all__ = ["world"]


def test_panels_say_what_it_is_made_of_and_their_parts_add_up(world: World) -> None:
    record = portfolio_record(world.combine(*world.numbers))
    said = str(portfolio_panels(record))
    assert f"Made of backtests {world.numbers[0]}, {world.numbers[1]} and {world.numbers[2]}" in said
    assert "no new trial is counted" in said
    bars = figures.contributions(record)["data"][0]
    assert abs(sum(bars["x"][:-1]) - bars["x"][-1]) < 1e-6 and bars["y"][-1].startswith("Total  +")
    heat = figures.correlation(record)["data"][0]
    assert heat["y"] == [f"{n} ~ {x}" for n, x in zip(
        (f"{number}: {y}" for number, y in zip(world.numbers, ("ETHUSDT", "SOLUSDT", "XRPUSDT"), strict=True)),
        ("BTCUSDT", "BTCUSDT", "ADAUSDT"), strict=True)]  # fmt: skip
    assert all(abs(heat["z"][place][place] - 1.0) < 1e-9 for place in range(3))


def test_an_unknown_correlation_is_said_and_one_that_did_not_move_is_marked(world: World) -> None:
    record = portfolio_record(world.combine(*world.numbers))
    unknown = record | {"correlation": [[None] * 3] * 3}
    said = f"Not known: the pairs have {record['periods']} whole hours in common; it takes 30, in which a pair's profit"
    assert record["periods"] == 35 and said in str(portfolio_panels(unknown))
    part = record | {"correlation": [[1.0, None, 0.5], [None] * 3, [0.5, None, 1.0]]}
    assert [each["text"] for each in figures.correlation(part)["layout"]["annotations"]] == ["none"] * 5


def test_fields_are_checked_and_errors_are_said(world: World) -> None:
    service = PortfolioService(world.store, world.folder)

    def combine(ticked: list[str], *values: Any) -> tuple[Any, ...]:
        return asyncio.run(callbacks._combine(service, 1, ticked, *values))

    ticked = [str(number) for number in world.numbers]
    panels, said, *errors = combine(ticked, "100000", "1", "1", "3")
    assert panels and said == "" and errors == [""] * 4
    _, said, *errors = combine(ticked, "0", "x", "", "3")
    assert said == "Not combined." and "expected above 0" in errors[0] and "expected a number" in errors[1]
    assert errors[2] and not errors[3]
    assert "backtests are 1; expected 2 to 10" in combine(ticked[:1], "1", "1", "1", "1")[1]
