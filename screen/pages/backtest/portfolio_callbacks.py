"""The callbacks of the portfolio: which backtests there are, and Combine."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from dash import Dash, Input, Output, State

from engine.errors import PairbridgeError, SettingsError
from screen.pages.backtest import ids
from screen.pages.backtest.portfolio import FIELDS, error_ids, portfolio_panels
from services.errors import problem_of
from services.portfolio import LEAST, PortfolioRequest, PortfolioService
from services.portfolio_record import portfolio_record


def register_portfolio(app: Dash, portfolios: PortfolioService) -> None:
    """Register them."""
    app.callback(
        Output(ids.PORTFOLIO_PARTS, "options"),
        Output(ids.PORTFOLIO_PARTS, "value"),
        Output(ids.PORTFOLIO_FORM, "hidden"),
        Output(ids.PORTFOLIO_NONE, "hidden"),
        Input(ids.CHOSEN, "options"),
        State(ids.PORTFOLIO_PARTS, "value"),
    )(_offer)
    app.callback(
        Output(ids.COMBINED, "children"),
        Output(ids.COMBINE_SAID, "children"),
        *(Output(name, "children") for name in error_ids()),
        Input(ids.COMBINE, "n_clicks"),
        State(ids.PORTFOLIO_PARTS, "value"),
        *(State(field.id, "value") for field in FIELDS),
        running=[(Output(ids.COMBINE, "disabled"), True, False)],
        prevent_initial_call=True,
    )(partial(_combine, portfolios))


def _offer(options: list[dict[str, str]], ticked: list[str] | None) -> tuple[Any, ...]:
    """The page's list, each with its number; what was ticked stays so while it is in the list."""
    shown = [{"label": f"{each['value']}: {each['label']}", "value": each["value"]} for each in options]
    known = {each["value"] for each in options}
    is_some = len(options) >= LEAST
    return shown, [each for each in ticked or () if each in known], not is_some, is_some


async def _combine(portfolios: PortfolioService, _: int, ticked: list[str] | None, *given: Any) -> tuple[Any, ...]:
    """(result, what is said, the error of each field)."""
    values, errors = {}, dict.fromkeys((field.name for field in FIELDS), "")
    for field, value in zip(FIELDS, given, strict=True):
        try:
            values[field.name] = field.read(value)
            if values[field.name] <= 0:
                raise SettingsError(f"{field.name} is {values[field.name]}; expected above 0")
        except SettingsError as error:
            errors[field.name] = f"{str(error)[:1].upper()}{str(error)[1:]}.".replace("_", " ")
    if any(errors.values()):
        return "", "Not combined.", *errors.values()
    numbers = sorted(int(each) for each in ticked or ())
    try:
        request = PortfolioRequest.of(tuple(numbers), **values)
        record = await asyncio.to_thread(_record, portfolios, request)
    except PairbridgeError as error:
        return "", f"Not combined: {problem_of(error).message}.", *errors.values()
    return portfolio_panels(record), "", *errors.values()


def _record(portfolios: PortfolioService, request: PortfolioRequest) -> dict[str, Any]:
    return portfolio_record(portfolios.combine(request))
