"""The one table of pages: where each is, how it is reached, what it shows, and what it registers.

Pages of one's own come from ``PAIRBRIDGE_PAGES`` (docs/extending.md).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from dash import Dash

from engine.pairs.settings import PairSettings
from screen.components.addresses import ALERTS, BACKTEST, DATA, GLOSSARY, OVERVIEW, PAIR, SCAN, SIGNALS, pair_in
from screen.pages.alerts.callbacks import register_alerts
from screen.pages.alerts.layout import alerts_page
from screen.pages.backtest.audit_callbacks import register_audit
from screen.pages.backtest.callbacks import register_backtest
from screen.pages.backtest.layout import backtest_page
from screen.pages.backtest.portfolio_callbacks import register_portfolio
from screen.pages.data.callbacks import register_data
from screen.pages.data.layout import data_page
from screen.pages.glossary.layout import glossary_page
from screen.pages.overview.layout import overview_page
from screen.pages.pair.callbacks import register_pair
from screen.pages.pair.details_callbacks import register_details
from screen.pages.pair.layout import pair_page
from screen.pages.pair.money_callbacks import register_money
from screen.pages.pair.settings_callbacks import register_settings
from screen.pages.scan.callbacks import register_scan
from screen.pages.scan.layout import scan_page
from screen.pages.signals.callbacks import register_signals
from screen.pages.signals.layout import signals_page
from services.use_cases import UseCases

Register = Callable[[Dash, UseCases], None]


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its address, its name in the navigation, the key that follows ``g``, what makes its layout from the
    settings of a new pair, and what registers its callbacks. ``has_grid``: whether it may show a ``dash_ag_grid``,
    whose scripts are loaded for such pages only. Our own layouts contain no data, so each is made once."""

    path: str
    title: str
    key: str
    layout: Callable[[PairSettings], Any]
    register: Register = lambda *_: None
    has_grid: bool = True


def _register_pair_page(app: Dash, cases: UseCases) -> None:
    register_pair(app, cases.pairs)
    register_money(app, cases.parity, cases.locks)
    register_details(app, cases.details, cases.reports)
    register_settings(app, cases.pairs, cases.run_history, cases.settings_trials)


def _register_backtest_page(app: Dash, cases: UseCases) -> None:
    register_backtest(app, cases.backtests, cases.backtest_sources, cases.uploads, cases.pairs)
    register_audit(app, cases.audits)
    register_portfolio(app, cases.portfolios)


PAGES: tuple[Page, ...] = (
    Page(OVERVIEW, "Overview", "o", cache(lambda _: overview_page())),
    Page(PAIR, "Pair", "p", cache(lambda _: pair_page()), _register_pair_page, has_grid=False),
    Page(SCAN, "Scan", "s", cache(lambda _: scan_page()), lambda app, its: register_scan(app, its.scans, its.pairs)),
    Page(BACKTEST, "Backtest", "b", cache(backtest_page), _register_backtest_page),
    Page(
        SIGNALS, "Signals", "j", cache(lambda _: signals_page()),
        lambda app, its: register_signals(app, its.journal, its.trades, its.parity), has_grid=False,
    ),
    Page(
        ALERTS, "Alerts", "a", cache(lambda _: alerts_page()),
        lambda app, its: register_alerts(app, its.alerts, its.channels), has_grid=False,
    ),
    Page(
        DATA, "Data", "d", cache(lambda _: data_page()),
        lambda app, its: register_data(app, its.data, its.feeds, its.uploads, its.backups), has_grid=False,
    ),
    Page(GLOSSARY, "Glossary", "h", cache(lambda _: glossary_page()), has_grid=False),
)  # fmt: skip


def page_of(path: str, pages: Sequence[Page] = PAGES) -> Page | None:
    """The page at an address; None where there is none."""
    wanted = PAIR if pair_in(path) is not None else path
    return next((page for page in pages if page.path == wanted), None)


def pages_with(own: str | None) -> tuple[Page, ...]:
    """The table with the pages of ``module:NAME``, a Page or several. Raises ValueError with what was found and what
    was expected."""
    if own is None:
        return PAGES
    setting = f"PAIRBRIDGE_PAGES is {own!r}"
    module, _, name = own.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{setting}, which cannot be imported ({error}); expected module:NAME of a Page") from error
    added = (found,) if isinstance(found, Page) else tuple(found) if isinstance(found, (list, tuple)) else ()
    if not added or not all(isinstance(page, Page) for page in added):
        raise ValueError(f"{setting}, which is {found!r:.80}; expected a screen.page_table.Page, or several")
    pages = (*PAGES, *added)
    for what in ("path", "title", "key"):
        values = [getattr(page, what) for page in pages]
        twice = next((value for value in values if values.count(value) > 1), None)
        if twice is not None:
            raise ValueError(f"{setting}, and two pages have the {what} {twice!r}; expected one of its own")
    return pages
