"""The evidence panel as a table: its figures, their labels and their help texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from engine.market.intervals import interval_name
from engine.pairs.evidence import PairEvidence
from screen.components.formatting import Item, unknown, window_name
from screen.pages.pair import coverage_items, hedge_items
from screen.pages.pair import evidence_values as values
from services.pair_view import PairView

Make = Callable[[PairView, PairEvidence], Item]


@dataclass(frozen=True, slots=True)
class Line:
    """One figure of the panel: the name of its live element, its label, its help, and the function that computes it."""

    name: str
    label: str
    explanation: str
    make: Make
    rows: Mapping[str, str] = field(default_factory=dict)  # under it: the name of a live element -> its label


@dataclass(frozen=True, slots=True)
class Group:
    """A group of figures."""

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
        "Power of the Engle-Granger test on one fixed line over the test window.",
        (
            Line(
                "ev-power", "Power",
                "The probability that the 5 % test detects a spread with the fitted half-life in this window, and at"
                " both ends of the half-life's 95 % interval. Low: 'not cointegrated' says nothing.", values.power,
            ),
            Line(
                "ev-needed", "Bars for 80 % power",
                "The test window needed to detect such a spread four times out of five.",
                values.needed,
            ),
            Line(
                "ev-legs", "Each leg by itself",
                "The tests of a relation presume legs that walk: a leg that comes back without the other is always"
                " found related, to anything. p-values of the ADF test of each leg over the test window; below 1 % the"
                " relation proves nothing.", values.legs,
            ),
            Line(
                "ev-half-life", "Half-life over the test window",
                "Bars until half of a deviation is gone, over the test window: a median-unbiased estimate for the"
                " residual of a fitted line, with its exact interval; ∞ if a random walk cannot be excluded. Unrelated"
                " walks have none half of the time, and less than the figure given in one case of twenty.",
                values.half_life,
            ),
            Line(
                "ev-critical", "5 % critical value",
                "The value below which the statistic has to fall, at this window's length (MacKinnon 2010).",
                values.critical,
            ),
            Line(
                "ev-tests-today", "Tests today",
                "Tests of this pair since midnight UTC. Each opens on 5 % of unrelated pairs, so some open by chance;"
                " the windows of neighbouring tests overlap, so they open together.",
                values.tests_today,
            ),
        ),
    ),
    Group(
        "Gate",
        "It opens at its level and closes at the 20 % value. One opening is no proof.",
        (
            Line(
                "ev-open", "Open",
                "Share of the bars since the first test in which the gate was open, and below it what unrelated legs of"
                " seven kinds show on average: nine single Gaussian pairs of ten are between 1 and 25 % over 3,000"
                " bars. The variances jump once, in the middle of a run.",
                values.open_share, values.NOISES,
            ),
            Line(
                "ev-bootstrap", "Wild bootstrap",
                "Share of pairs rebuilt from this one's own increments with random signs whose statistic is as low. It"
                " is asked when the plain test would open a robust gate, and drawn until its verdict is fixed.",
                values.bootstrap,
            ),
            Line("ev-flips", "Flips", "How often the gate changed in this run.", values.flips),
            Line("ev-tests", "Evaluations", "How often the gate was tested in this run.", values.evaluations),
            Line(
                "ev-breaks", "Break alarm",
                "How much of the way to an alarm is gone. Two sign CUSUMs of the filter's one-step errors: one sees"
                " that the level has moved, the other that β has. An alarm ends the run; the next one is calibrated on"
                " bars after it.", values.breaks,
            ),
        ),
    ),
    Group(
        "Hedge and filter",
        "The error of the hedge ratio, and which leg reverts; then the Kalman filter: its memory against the spread's"
        " half-life, and its errors against their expected variance.",
        (
            Line(
                "ev-hedge", "Hedge",
                "The 95 % interval of the hedge ratio in use, with an error that allows for a spread that comes back"
                " slowly. Window too short: in fewer than 25 half-lives of the spread it covers the true ratio less"
                " often than it says, and on unrelated legs it means nothing.", hedge_items.hedge,
            ),
            Line(
                "ev-correction", "Comes back",
                "The leg that closes the gap, over the test window: a speed below 0 of Y, above 0 of X (with a positive"
                " hedge), and a t value beyond 2. It says which leg, not whether: on unrelated legs one of them passes"
                " in half of all cases.", values.correction,
            ),
            Line(
                "ev-ratio", "Memory / half-life",
                "Below 5 the filter follows the spread instead of the relation, and what is left to trade is an"
                " artefact. It is set to 25; a filter that learns β comes near that within a few memories, and 10 is"
                " enough.", values.of_filter(values.ratio),
            ),
            Line(
                "ev-memory", "Memory",
                "Half-life of the filter's memory, measured on the last bars.", values.of_filter(values.memory),
            ),
            Line(
                "ev-nis", "NIS",
                "How well the filter's own error bars fit; about 1 is right. Above: it is surer of its line than it may"
                " be; below: its bars are too wide. 95 % of healthy filters are inside the band.",
                values.of_filter(values.nis),
            ),
            Line(
                "ev-ljung-box", "Ljung-Box",
                "Are the whitened errors still autocorrelated? Below 0.05, probably yes.",
                values.of_filter(values.ljung_box),
            ),
        ),
    ),
    Group(
        "Bounce meter",
        "Last prints jump between bid and ask, which looks like mean reversion and cannot be traded.",
        (
            Line(
                "ev-bounce-badge", "Reversion is",
                "Bounce, if prints revert 3 times faster than the mid; not seen, if the mid's half-life is one"
                " that more than one residual of noise in twenty shows.", values.bounce_badge,
            ),
            Line(
                "ev-bounce-share", "Bounce in the spread",
                "Share of the variance of the prints' spread (and of its bar-to-bar moves) that is bounce.",
                values.bounce_share,
            ),
            Line(
                "ev-bounce-lives", "Half-lives over the bounce window",
                "Of the same spread taken from last prints, and from trade-side mids, over as many bars as the test"
                " window; raw, not corrected for their bias.", values.bounce_half_lives,
            ),
            Line(
                "ev-half-spreads", "Half-spread",
                "Effective half-spread of each leg, from the trades' sides: the median over the z window. The cost wall"
                " takes each bar's own.", values.half_spreads,
            ),
        ),
    ),
    Group(
        "Coverage",
        "Share of bars in which both legs traded, over each window that decisions use.",
        (
            *(
                Line(
                    f"ev-coverage-{name}", f"{window_name(name)} window",
                    "Filled bars add no information; a window that overlaps an open gap gives no entry.",
                    coverage_items.coverage(name),
                )
                for name in ("beta", "z", "test")
            ),
            Line(
                "ev-sources", "Bars are from",
                "The exchange's candles stand in where there are no whole ticks: they have last prices and no quotes."
                " The price chart shows where the two meet.", coverage_items.sources,
            ),
            Line(
                "ev-candles-differ", "Candles unlike ticks",
                "Bars of which there are both, and that differ in a price, or in volume by more than rounding. Ticks"
                " are used there.", coverage_items.candle_differences,
            ),
        ),
    ),
)  # fmt: skip


def head(view: PairView) -> str:
    """The panel's heading."""
    return f"{interval_name(view.settings.interval_ms)} bars, {view.bars:,} so far" if view.bars else ""
