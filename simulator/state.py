"""The state file: ids and prices continue from the last run of the exchange, even a killed one.

Ids are reserved on disk before the first of them is sent. A stopping run writes the last id used; after a killed run
the next run starts past the reserve, so no id is used twice.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from simulator.errors import SettingsRefused
from simulator.market import MAX_FILLS, CoinState, MarketState, SyntheticMarket

VERSION = 1
RESERVED_IDS = 100_000  # below the fetch limit of a bridge server: the gap of a killed run can close
RESERVED_MS = 600_000


@dataclass(frozen=True, slots=True)
class Saved:
    """The market's state after the last run, and an upper bound of its trade times."""

    through_ms: int
    market: MarketState


def load_state(path: Path) -> Saved | None:
    """The file's content; None if there is no file. Raises SettingsRefused for an unusable file."""
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["version"] != VERSION:
            raise SettingsRefused(f"state file {path} has version {found['version']!r}; expected {VERSION}")
        coins = {symbol: CoinState(**fields) for symbol, fields in found["coins"].items()}
        return Saved(int(found["through_ms"]), MarketState(int(found["generation"]), float(found["factor"]), coins))
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        if isinstance(error, SettingsRefused):
            raise
        raise SettingsRefused(
            f"state file {path} cannot be used ({error!r}); expected one that a simulator wrote"
        ) from None


class StateWriter:
    """Keeps the state file of a running market ahead of the market."""

    def __init__(self, path: Path, market: SyntheticMarket, before: Saved | None) -> None:
        self._path = path
        self._market = market
        self._others = dict(before.market.coins) if before else {}
        self._reserved_ids = dict.fromkeys(market.next_ids(), 0)
        self._reserved_ms = 0

    def note(self, source_ms: int, now_ms: int) -> None:
        """Call after advancing the market, before sending its trades."""
        ids = self._market.next_ids()
        if now_ms <= self._reserved_ms and all(ids[symbol] <= self._reserved_ids[symbol] for symbol in ids):
            return
        state = self._market.state(source_ms)
        for coin in state.coins.values():
            coin.next_id += RESERVED_IDS
            coin.next_fill += RESERVED_IDS * MAX_FILLS
        self._write(state, now_ms + RESERVED_MS)
        self._reserved_ids = {symbol: coin.next_id for symbol, coin in state.coins.items()}
        self._reserved_ms = now_ms + RESERVED_MS

    def close(self, source_ms: int, now_ms: int) -> None:
        """Release the unused reserve: the next run continues with the next id."""
        self._write(self._market.state(source_ms), now_ms)

    def _write(self, state: MarketState, through_ms: int) -> None:
        coins = {symbol: asdict(coin) for symbol, coin in (self._others | state.coins).items()}
        text = json.dumps(
            {
                "version": VERSION, "through_ms": through_ms, "generation": state.generation + 1,
                "factor": state.factor, "coins": coins,
            },
            indent=1, ensure_ascii=False,
        )  # fmt: skip
        draft = self._path.with_name(self._path.name + ".new")
        try:
            with draft.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
        except OSError as error:
            raise SettingsRefused(f"state file {self._path} cannot be written: {error}") from None
