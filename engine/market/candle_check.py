"""An exchange's candles beside the bars of the same stretches made from our own ticks, where those are whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from engine.market.bars import Bar, roll_up
from engine.market.intervals import bar_open
from engine.market.sourced import SourcedBar, is_same
from engine.market.stretches import Stretch

Values = tuple[float, float, float, float, float]  # open, high, low, close, volume in coins


class CandleDifference(NamedTuple):
    """One stretch of which candle and ticks do not say the same."""

    symbol: str
    width_ms: int
    open_time_ms: int
    candle: Values
    ticks: Values


def whole_bars(bars: Iterable[SourcedBar], whole: Stretch, most_ms: int) -> list[SourcedBar]:
    """The bars inside a stretch, rising: of more than ``most_ms`` in all the newest."""
    found: list[SourcedBar] = []
    for bar in sorted(bars, key=lambda each: -each.open_time_ms):
        if whole[0] <= bar.open_time_ms and bar.end_ms <= whole[1] and (len(found) + 1) * bar.width_ms <= most_ms:
            found.append(bar)
    return found[::-1]


def differences(bars: Sequence[SourcedBar], seconds: Iterable[Bar]) -> list[CandleDifference]:
    """Of bars that ticks have whole those that differ in a price, or in volume by more than rounding; of a stretch
    without a trade the candle has no volume.

    ``bars``: of one symbol and width; ``seconds``: those in which it traded, rising, over all of the bars.
    """
    inside: dict[int, list[Bar]] = {bar.open_time_ms: [] for bar in bars}
    for second in seconds:
        slot = inside.get(bar_open(second.open_time_ms, bars[0].width_ms))
        if slot is not None:
            slot.append(second)
    found = []
    for bar in bars:
        traded = inside[bar.open_time_ms]
        made = bar._replace(volume=0.0)
        if traded:
            rolled = roll_up(traded, bar.open_time_ms, bar.width_ms)
            made = bar._replace(
                open=rolled.open, high=rolled.high, low=rolled.low, close=rolled.close, volume=rolled.volume
            )
        if not is_same(bar, made):
            found.append(CandleDifference(bar.symbol, bar.width_ms, bar.open_time_ms, bar[3:8], made[3:8]))
    return found
