"""Which feed a command line asks for, and what it is refused for."""

from __future__ import annotations

import argparse

import pytest

from config import Config
from engine.market.limits import COIN_M_MARKETS, NO_COIN_M
from feeds.cli import Feed, feed_from, feed_options
from feeds.direct import DirectFeed
from feeds.replay import ReplayFeed
from tests.conftest import ROOT

DUMP = str(ROOT / "tests/fixtures/BTCUSDT-aggTrades-2026-11-01.csv")


def asked(*arguments: str) -> Feed | None:
    parser = argparse.ArgumentParser()
    feed_options(parser)
    return feed_from(parser.parse_args(arguments), Config())


def test_the_feed_that_was_asked_for() -> None:
    assert asked() is None
    assert isinstance(asked("--feed", "binance", "--market", "spot"), DirectFeed)
    assert isinstance(asked("--feed", "simulator"), DirectFeed)
    assert isinstance(asked("--feed", DUMP, "--market", "usdm"), ReplayFeed)


@pytest.mark.parametrize("market", COIN_M_MARKETS)
@pytest.mark.parametrize("feed", ["binance", "trades.csv"])
def test_contracts_are_refused_with_the_reason(feed: str, market: str) -> None:
    with pytest.raises(ValueError, match=f"--market is '{market}'; {NO_COIN_M}"):
        asked("--feed", feed, "--market", market)


def test_what_is_unknown_is_refused() -> None:
    with pytest.raises(ValueError, match="--market is 'moon'; expected one of usdm, spot, us, testnet"):
        asked("--feed", "binance", "--market", "moon")
    with pytest.raises(ValueError, match="--symbols is ' , '"):
        asked("--feed", "binance", "--symbols", " , ")
