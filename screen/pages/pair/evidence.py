"""The evidence panel as a table: which figures stand in it, what each is called and what it means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.market.intervals import interval_name
from engine.pairs.evidence import PairEvidence
from screen.components.formatting import Item, unknown, window_name
from screen.pages.pair import evidence_items as numbers
from services.pair_view import PairView

Make = Callable[[PairView, PairEvidence], Item]


@dataclass(frozen=True, slots=True)
class Line:
    """One figure of the panel: the name of its live element, its label, its help, and how it is made."""

    name: str
    label: str
    explanation: str
    make: Make


@dataclass(frozen=True, slots=True)
class Group:
    """Figures that belong together."""

    title: str
    explanation: str
    lines: tuple[Line, ...]


def evidence_items(view: PairView) -> dict[str, Item]:
    """Every figure of the panel, by the name of its live element."""
    found = view.evidence
    if found is None:
        why = "no run yet" if not view.has_run else "no complete bar yet"
        return {line.name: unknown(why) for group in GROUPS for line in group.lines}
    return {line.name: line.make(view, found) for group in GROUPS for line in group.lines}


GROUPS = (
    Group(
        "Test",
        "Engle-Granger on one fixed line over the test window: what it can see at all.",
        (
            Line(
                "ev-power", "Power",
                "The chance that the 5 % test sees a spread with the fitted half-life in a window this long, and at"
                " both ends of the half-life's 95 % interval. Low: 'not cointegrated' says nothing.", numbers.power,
            ),
            Line(
                "ev-needed", "Bars for 80 % power",
                "How long the test window would have to be to see such a spread four times out of five.",
                numbers.needed,
            ),
            Line(
                "ev-half-life", "Half-life over the test window",
                "Bars until half of a deviation is gone, over the test window, corrected for its small-sample bias,"
                " with a bootstrap interval, beside what the residual of two unrelated walks shows at the median, and"
                " in one case of twenty.",
                numbers.half_life,
            ),
            Line(
                "ev-critical", "5 % critical value",
                "The value below which the statistic has to fall, at this window's length (MacKinnon 2010).",
                numbers.critical,
            ),
            Line(
                "ev-tests-today", "Tests today",
                "Tests of this pair since midnight UTC. Each opens on 5 % of unrelated pairs, so some do by luck; the"
                " windows of neighbouring tests overlap, so they open together.",
                numbers.tests_today,
            ),
        ),
    ),
    Group(
        "Gate",
        "It opens at its level and closes at the 20 % value. One opening is no proof.",
        (
            Line(
                "ev-open", "Open",
                "Share of the bars since the first test in which the gate was open. On unrelated walks about 9 % on"
                " average; nine single pairs of ten are between 1 and 25 % over 3,000 bars.",
                numbers.open_share,
            ),
            Line("ev-flips", "Flips", "How often the gate changed in this run.", numbers.flips),
            Line("ev-tests", "Evaluations", "How often the gate was tested in this run.", numbers.evaluations),
            Line(
                "ev-breaks", "Break alarms",
                "CUSUM of one-step errors over the newest third of 1,500 bars, of a line fitted to the older two"
                " thirds. False alarms are rare only while that line holds: on unrelated walks it alarms far more"
                " often, which is what it is for. Information: it closes nothing.", numbers.breaks,
            ),
        ),
    ),
    Group(
        "Kalman filter",
        "Its memory against the spread's half-life, and its errors against what it expected.",
        (
            Line(
                "ev-ratio", "Memory / half-life",
                "Below 5 the filter follows the spread instead of the relation, and what is left to trade is an"
                " artefact. 25 is preferred.", numbers.of_filter(numbers.ratio),
            ),
            Line(
                "ev-memory", "Memory",
                "Half-life of the filter's memory, measured on the last bars.", numbers.of_filter(numbers.memory),
            ),
            Line(
                "ev-nis", "NIS",
                "Mean squared error over what the filter expected, after an AR(1) is taken out: 1 in a healthy one."
                " 95 % of healthy filters are inside the band.", numbers.of_filter(numbers.nis),
            ),
            Line(
                "ev-ljung-box", "Ljung-Box",
                "Is there autocorrelation left in the whitened errors? Below 0.05 there probably is.",
                numbers.of_filter(numbers.ljung_box),
            ),
        ),
    ),
    Group(
        "Bounce meter",
        "Last prints jump between bid and ask, which looks like mean reversion and cannot be traded.",
        (
            Line(
                "ev-bounce-badge", "Reversion is",
                "Bounce, where prints revert 3 times faster than the mid; not seen, where the mid's half-life is one"
                " that more than one residual of noise in twenty shows.", numbers.bounce_badge,
            ),
            Line(
                "ev-bounce-share", "Bounce in the spread",
                "Share of the variance of the prints' spread (and of its bar-to-bar moves) that is bounce.",
                numbers.bounce_share,
            ),
            Line(
                "ev-bounce-lives", "Half-lives over the bounce window",
                "Of the same spread taken from last prints, and from trade-side mids, over as many bars as the test"
                " window; raw, not corrected for their bias.", numbers.bounce_half_lives,
            ),
            Line(
                "ev-half-spreads", "Half-spread",
                "Effective half-spread of each leg, from the trades' sides: the median over the z window. The cost wall"
                " takes each bar's own.", numbers.half_spreads,
            ),
        ),
    ),
    Group(
        "Coverage",
        "Share of bars in which both legs traded, over each window that decisions look back over.",
        (
            *(
                Line(
                    f"ev-coverage-{name}", f"{window_name(name)} window",
                    "Filled bars are no news; a window that an open gap touches gives no entry.",
                    numbers.coverage(name),
                )
                for name in ("beta", "z", "test")
            ),
            Line(
                "ev-sources", "Bars are from",
                "The exchange's candles stand in where there are no whole ticks: they have last prices and no quotes."
                " The price chart shows where the two meet.", numbers.sources,
            ),
            Line(
                "ev-candles-differ", "Candles unlike ticks",
                "Bars of which there are both, and that differ in a price, or in volume by more than rounding. Ticks"
                " are used there.", numbers.candle_differences,
            ),
        ),
    ),
)  # fmt: skip


def head(view: PairView) -> str:
    """The panel's heading: what it is about."""
    return f"{interval_name(view.settings.interval_ms)} bars, {view.bars:,} so far" if view.bars else ""
