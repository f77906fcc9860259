"""A portfolio admits what its limits allow, as a slow reference in plain Python does."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.backtest.clock import DAY_MS, HOUR_MS
from engine.backtest.portfolio import VERDICTS, PairPath, PortfolioLimits, combine
from engine.stats.checks import Floats

T0 = 1_790_035_200_000


def path(y: str, x: str, held: list[float], pnl: list[float] | None = None, x_per_y: float = -1.0) -> PairPath:
    """Both prices 100: so many coins of Y, and minus as many of X."""
    coins, price = np.array(held), np.full(len(held), 100.0)
    return PairPath(y, x, price, price, coins, x_per_y * coins, np.array(pnl or [0.0] * len(held)))


def run(*pairs: PairPath, limits: PortfolioLimits | None = None, **more: Any) -> Any:
    times = T0 + np.arange(np.size(pairs[0].pnl)) * HOUR_MS
    return combine(pairs, times, capital=1_000.0, interval_ms=HOUR_MS, limits=limits, **more)


def test_equity_drawdown_and_exposure_by_hand() -> None:
    a = path("A", "B", [1, 1, 0, 0], [-1.0, 5.0, -1.0, 0.0])
    b = path("C", "B", [0, -2, -2, 0], [0.0, -10.0, 3.0, 2.0])
    found = run(a, b)
    assert found.equity.tolist() == [999.0, 994.0, 996.0, 998.0]
    assert found.drawdown.quote == 6.0 and found.admitted.tolist() == [[1, 0], [1, 1], [0, 1], [0, 0]]
    assert found.symbols == ("A", "B", "C")
    assert found.net.tolist() == [[100, -100, 0], [100, 100, -200], [0, 200, -200], [0, 0, 0]]
    assert found.gross.tolist() == [200, 600, 400, 0]
    assert found.positions.tolist() == [[0, 0, 2, 0], [1, 1, 3, 0]]


@pytest.mark.parametrize(
    ("limits", "verdict"),
    [
        (PortfolioLimits(0.39, 9.0, 9.0), "pair limit"),
        (PortfolioLimits(0.41, 0.29, 9.0), "symbol limit"),
        (PortfolioLimits(0.41, 0.31, 0.59), "total limit"),
        (PortfolioLimits(0.41, 0.31, 0.61), "admitted"),
    ],
)
def test_each_limit_refuses_the_second_pair(limits: PortfolioLimits, verdict: str) -> None:
    """The first holds 200 gross and B -100; the second asks for 400 gross and B -200 more, of an equity of 1,000."""
    found = run(path("A", "B", [1, 1, 1]), path("C", "B", [0, 2, 0], [0, 7, 7]), limits=limits)
    assert [VERDICTS[v] for v in found.positions[:, 3]] == ["admitted", verdict]
    assert found.equity[-1] == (1_014.0 if verdict == "admitted" else 1_000.0)
    assert found.positions[1].tolist()[:3] == [1, 1, 2]


def test_a_position_that_lowers_an_exposure_passes_where_one_that_adds_does_not() -> None:
    tight = PortfolioLimits(9.0, 0.25, 9.0)
    rise = np.array([100.0, 300.0, 300.0])
    long = PairPath("A", "B", rise, np.full(3, 100.0), np.ones(3), -np.ones(3), np.zeros(3))  # A's value rises to 300
    lower = PairPath(
        "C", "A", np.full(3, 100.0), rise, np.array([0.0, 0.1, 0.1]), np.array([0, -0.1, -0.1]), np.zeros(3)
    )
    more = PairPath("C", "A", np.full(3, 100.0), rise, np.array([0.0, 0.1, 0.1]), np.array([0, 0.1, 0.1]), np.zeros(3))
    assert run(long, lower, limits=tight).positions[1, 3] == 0
    assert VERDICTS[run(long, more, limits=tight).positions[1, 3]] == "symbol limit"


def test_what_ends_in_a_bar_makes_room_for_what_begins_in_it_and_the_order_decides() -> None:
    one = PortfolioLimits(1.0, 1.0, 0.2)
    found = run(path("A", "B", [0, 1, 0]), path("C", "D", [1, 0, 0]), path("E", "F", [0, 1, 0]), limits=one)
    assert [(row[0], VERDICTS[row[3]]) for row in found.positions.tolist()] == [
        (1, "admitted"), (0, "admitted"), (2, "total limit"),
    ]  # fmt: skip


def test_a_refused_position_is_not_taken_up_later_and_a_turn_is_one_position() -> None:
    one = PortfolioLimits(1.0, 1.0, 0.2)
    found = run(
        path("A", "B", [1, 0, 0, 0]),
        path("C", "D", [1, 1, -1, 0], [3, 3, 3, 3]),
        path("E", "F", [0, 1, -1, 0], [0, 1, 1, 1]),
        limits=one,
    )
    assert found.positions.tolist() == [[0, 0, 1, 0], [1, 0, 3, 3], [2, 1, 3, 0]]
    assert found.equity.tolist() == [1_000.0, 1_001.0, 1_002.0, 1_003.0]


def test_losses_lower_the_limits() -> None:
    losing = path("A", "B", [0.1, 0, 0, 0], [-600.0, 0, 0, 0])
    asking = path("C", "D", [2, 0, 2, 0])
    found = run(losing, asking, limits=PortfolioLimits(0.5, 9.0, 9.0))
    assert [VERDICTS[v] for v in found.positions[:, 3]] == [
        "admitted",
        "admitted",
        "pair limit",
    ]  # 400 of 1,000, of 400


def test_correlation_of_daily_profits() -> None:
    rng = np.random.default_rng(1)
    bars = 24 * 40
    shared = rng.standard_normal(bars)
    held = [1.0] * bars
    pairs = [
        path("A", "B", held, list(shared)), path("C", "D", held, list(-2.0 * shared)),
        path("E", "F", held, list(shared + rng.standard_normal(bars))), path("G", "H", [0.0] * bars),
    ]  # fmt: skip
    found = run(*pairs, limits=PortfolioLimits(9.0, 9.0, 9.0))
    daily = np.stack([np.asarray(pair.pnl).reshape(40, 24).sum(axis=1) for pair in pairs[:3]])
    assert found.correlation[:3, :3] == pytest.approx(np.corrcoef(daily))
    assert np.isnan(found.correlation[3]).all()
    hourly = run(*pairs, limits=PortfolioLimits(9.0, 9.0, 9.0), clock="hourly").correlation
    assert hourly[0, 2] == pytest.approx(np.corrcoef(pairs[0].pnl, pairs[2].pnl)[0, 1])


def test_two_points_are_no_correlation() -> None:
    """Two hours always correlate by 1 or -1."""
    rng = np.random.default_rng(2)

    def of(hours: int) -> Any:
        pairs = [path(*legs, [1.0] * hours, list(rng.normal(size=hours))) for legs in ("AB", "CD")]
        return run(*pairs, limits=PortfolioLimits(9.0, 9.0, 9.0), clock="hourly")

    for hours in (2, 29):
        assert np.isnan(of(hours).correlation).all() and of(hours).periods == hours
    assert np.isfinite(of(30).correlation).all()


def reference(pairs: list[PairPath], limits: PortfolioLimits, capital: float) -> tuple[list[float], list[list[int]]]:
    """Positions as lists, one bar after another."""
    equity, log = [capital], []
    current: dict[int, tuple[bool, int]] = {}
    for t in range(len(pairs[0].pnl)):  # type: ignore[arg-type]
        gain, values = 0.0, [(p.held_y[t] * p.price_y[t], p.held_x[t] * p.price_x[t]) for p in pairs]  # type: ignore[index]
        for p, (is_in, row) in list(current.items()):
            gain += pairs[p].pnl[t] if is_in else 0.0  # type: ignore[index]
            if values[p] == (0.0, 0.0):
                log[row][2] = t
                del current[p]
        for p in range(len(pairs)):
            if p in current or values[p] == (0.0, 0.0):
                continue
            net: defaultdict[str, float] = defaultdict(float)
            for q, (is_in, _) in current.items():
                for name, value in zip((pairs[q].y, pairs[q].x), values[q] if is_in else (0.0, 0.0), strict=True):
                    net[name] += value
            total = sum(abs(v) for q, (is_in, _) in current.items() if is_in for v in values[q])
            own = sum(map(abs, values[p]))
            after = [(abs(net[s] + v), abs(net[s])) for s, v in zip((pairs[p].y, pairs[p].x), values[p], strict=True)]
            verdict = 0
            if own > limits.pair_gross * equity[-1] * (1 + 1e-9):
                verdict = 1
            elif any(new > max(old, limits.symbol_net * equity[-1] * (1 + 1e-9)) for new, old in after):
                verdict = 2
            elif total + own > limits.total_gross * equity[-1] * (1 + 1e-9):
                verdict = 3
            current[p] = (verdict == 0, len(log))
            log.append([p, t, len(pairs[0].pnl), verdict])  # type: ignore[arg-type]
            gain += pairs[p].pnl[t] if verdict == 0 else 0.0  # type: ignore[index]
        equity.append(equity[-1] + gain)
    return equity[1:], log


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    pairs=st.integers(1, 5),
    pair=st.floats(0.2, 1.5),
    net=st.floats(0.1, 1.0),
    total=st.floats(0.3, 3.0),
)
def test_equal_to_a_slow_reference(seed: int, pairs: int, pair: float, net: float, total: float) -> None:
    rng = np.random.default_rng(seed)
    bars = 60
    prices: dict[str, Floats] = {name: 100.0 * np.exp(np.cumsum(rng.normal(0, 0.02, bars))) for name in "ABCD"}
    paths = []
    for _ in range(pairs):
        y, x = rng.choice(list("ABCD"), 2, replace=False)
        held = np.repeat(rng.choice([0.0, 0.0, 1.0, -1.0, 3.0], bars // 4), 4)
        side = held * rng.uniform(-1.5, -0.5)
        moved = np.abs(held) + np.abs(np.roll(held, 1)) > 0.0
        moved[0] = held[0] != 0.0
        paths.append(PairPath(y, x, prices[y], prices[x], held, side, rng.normal(0.0, 20.0, bars) * moved))
    limits = PortfolioLimits(pair, net, total)
    times = T0 + np.arange(bars) * DAY_MS
    found = combine(paths, times, capital=1_000.0, interval_ms=DAY_MS, limits=limits)
    equity, log = reference(paths, limits, 1_000.0)
    assert found.equity == pytest.approx(equity, abs=1e-9) and found.positions.tolist() == log
    assert found.equity == pytest.approx(1_000.0 + np.cumsum(found.pnl.sum(axis=1)), abs=1e-9)


def test_what_cannot_be_combined_is_refused() -> None:
    good = path("A", "B", [0, 1])
    with pytest.raises(ValueError, match="pairs is empty; expected at least one"):
        combine([], [T0], capital=1.0, interval_ms=1)
    with pytest.raises(ValueError, match="both legs are A; expected two symbols"):
        run(path("A", "A", [0, 1]))
    with pytest.raises(ValueError, match="pair 0 has 2 values and pair 1 has 3; expected equal lengths"):
        run(good, path("C", "D", [0, 1, 0]))
    with pytest.raises(ValueError, match=r"A-B\.price_x\[1\] is 0\.0; expected positive prices"):
        run(PairPath("A", "B", [1.0, 1.0], [1.0, 0.0], [0, 0], [0, 0], [0, 0]))
    with pytest.raises(ValueError, match=r"total_gross is 0\.0; expected a finite number above 0"):
        PortfolioLimits(total_gross=0.0)
    with pytest.raises(ValueError, match="clock is 'weekly'"):
        run(good, clock="weekly")
