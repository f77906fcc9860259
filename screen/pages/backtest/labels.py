"""A backtest's record in words: the verdict first, luck beside the figures, a reason for each one unknown. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

from engine.market import similar
from engine.market.intervals import interval_name
from engine.store.backtests import BacktestSummary
from screen.components.formatting import UNKNOWN, Item, duration
from screen.pages.backtest.form import label_of
from services.backtest_record import twins_of

Record = dict[str, Any]
DAY_MS = 86_400_000
LEAST_DAYS = 30  # as for annualised figures
SURE = 0.95  # of PSR and DSR, and 1 less the p-value among twins
NET, GROSS, COSTS = "PnL net [quote]", "PnL gross [quote]", "Costs [quote]"
GROUPS = (
    ("Money", ("PnL", "Fees", "Half-spread", "Slippage", "Funding", "Costs", "Capital", "Equity", "Return")),
    ("Risk", ("Span", "Max drawdown", "Longest time", "Worst day", "Returns", "Sharpe", "Sortino", "Calmar")),
    ("Trades", ("Trades", "Open trades", "Win rate", "Average", "Profit factor", "Expectancy", "MAE", "MFE",
                "Refused")),
    ("Time and volume", ("Exposure", "Hold", "Turnover")),
    ("Luck", ("PSR", "DSR", "Trials", "Minimum track record")),
)  # fmt: skip
EXITS = {
    "TARGET": "z came back", "STOP": "z went further out", "TIME": "held too long", "RUN_END": "the run ended",
    "STOP_LOSS": "loss stop", "LIQUIDATION": "liquidated", "OPEN": "still open", "BREAK": "the relation broke",
}  # fmt: skip
PARTS = {
    "convergence": ("Convergence", "The spread moved back: what the strategy is for."),
    "beta_drift": ("Drift of β", "The hedge ratio changed while the trade was held."),
    "alpha_drift": ("Drift of the mean", "The level that z is measured from changed while the trade was held."),
    "log_to_price": ("Log to money", "Quantities are fixed in coins, the spread is in logarithms."),
    "hedge_ratio": ("Size of X", "X was held in another ratio than the hedge."),
    "rehedge": ("Re-hedges", "Trades of X that followed the hedge."),
    "rounding": ("Rounding", "Lots and ticks of the exchange."),
    "fees": ("Fees", "Paid to the exchange, per fill."),
    "half_spread": ("Half-spread", "From the mid to the side that fills."),
    "slippage": ("Slippage", "Beyond the half-spread, impact included."),
    "funding": ("Funding", "Paid or received by futures held over its time."),
}  # fmt: skip
REFUSED = {
    "too_small": "below the least order value", "no_equity": "without equity left",
    "no_edge": "without an edge (Kelly)",
    "unknown": "without a known hedge or volatility", "cancelled": "that were over before a delayed fill",
}  # fmt: skip


class Luck(NamedTuple):
    """One measure of luck: its value or a dash, what it is, and whether it speaks for skill (None: it says nothing)."""

    name: str
    value: str
    note: str
    is_good: bool | None


def quote_of(record: Record) -> str:
    """The currency of the money."""
    return similar.quote_of(record["y"])


def money(value: float) -> str:
    """With its sign, to cents, and finer below one cent.

    >>> money(-1994.367), money(0.00123)
    ('-1,994.37', '+0.00123')
    """
    return f"{value:+.3g}" if 0.0 < abs(value) < 0.01 else f"{value:+,.2f}"


def tone(value: float) -> str:
    """Green for a profit, red for a loss."""
    return "up" if value > 0.0 else "down" if value < 0.0 else ""


def verdict(record: Record) -> Item:
    """The headline, and why; the tone is about trust, so amber or none."""
    if not record["trades"]:
        return Item("It never traded.", _why_no_trade(record), "warn")
    metrics = record["metrics"]
    gross, costs, quote = metrics[GROSS] or 0.0, metrics[COSTS] or 0.0, quote_of(record)
    sums = f"{money(gross)} {quote} before costs, {costs:,.2f} in costs."
    if record["net"] <= 0.0:
        cause = "Costs eat it up" if gross > 0.0 else "The signal itself loses"
        return Item("It loses money.", f"{cause}: {sums}", "warn")
    against = [each for each in luck(record) if each.is_good is False]
    if against:
        return Item("It earns, but luck could have done it.", f"{sums} Against it: {_list(against)}.", "warn")
    known = [each for each in luck(record) if each.is_good]
    if len(known) < 2:
        return Item("It earns; too little is known to tell it from luck.", f"{sums} {_advice(record)}", "warn")
    days = (record["to_ms"] - record["from_ms"]) / DAY_MS
    if days < LEAST_DAYS:
        note = (
            f"{sums} For it: {_list(known)}. Against it: one stretch of a market is one case; {LEAST_DAYS} days tell."
        )
        return Item(f"It earned over {_length(days)}; that is too short to tell it from luck.", note, "warn")
    return Item("It earns, and more than luck would.", f"{sums} For it: {_list(known)}. Past data all the same.", "")


def _length(days: float) -> str:
    """A time in words.

    >>> _length(0.1375), _length(2.08)
    ('3.3 hours', '2.1 days')
    """
    return f"{24.0 * days:.1f} hours" if days < 1.0 else f"{days:.1f} days"


def luck(record: Record) -> list[Luck]:
    """PSR, DSR, twins, PBO and walk-forward, in this order."""
    metrics, reasons, search = record["metrics"], record["reasons"], record["search"]
    found = []
    for name, key, note in (
        ("PSR", "PSR [0..1]", "probability that the Sharpe ratio is above 0, were this the only trial"),
        ("DSR", "DSR [0..1]", f"the same as the best of {record['counted']:,} trials on this market and time"),
    ):
        value = metrics.get(key)
        if value is None:
            found.append(Luck(name, UNKNOWN, reasons.get(key, "not known"), None))
        else:
            found.append(Luck(name, f"{100 * value:.1f} %", f"{note}; from 95 % on it counts", value >= SURE))
    return [*found, _among_twins(record), _overfit(record, search), _walked(record, search)]


def _among_twins(record: Record) -> Luck:
    """A p-value that counts the pair as one of them: n twins cannot tell more than 1 in n + 1."""
    twins = twins_of(record)
    if twins is None:
        return Luck("Twins", UNKNOWN, "not compared: choose twins in the form", None)
    note = f"surrogate pairs without a relation did worse: p = {twins['p']:.3g}; up to {1.0 - SURE:.2g} it counts"
    return Luck("Twins", f"{twins['worse']:,} of {twins['count']:,}", note, twins["p"] <= 1.0 - SURE)


def _overfit(record: Record, search: Record | None) -> Luck:
    if search is None:
        return Luck("PBO", UNKNOWN, "needs a search: one setting cannot be overfitted by choice", None)
    if search["pbo"] is None:
        return Luck("PBO", UNKNOWN, record["reasons"].get("search: pbo", "not known"), None)
    note = (
        "probability that the best cell of one half of the time is below the median in the other; 50 %: noise; of"
        " ranks, not of profit"
    )
    return Luck("PBO", f"{100 * search['pbo']:.0f} %", note, search["pbo"] < 0.2)


def _walked(record: Record, search: Record | None) -> Luck:
    walk = search["walk"] if search else None
    if search is None or walk is None:
        return Luck("Walk-forward", UNKNOWN, "not asked for: set training and test periods of a search", None)
    if walk["ratio"] is None:
        why = record["reasons"].get("search: walk: ratio", "nothing was traded in the tests")
        return Luck("Walk-forward", money(walk["net"]) if walk["net"] else UNKNOWN, why, None)
    note = (
        f"Sharpe {walk['ratio']:+.3f} ± {walk['error']:.3f} a period ({search['clock']}) over"
        f" {walk['periods']:,} periods that had no part in the choice"
    )
    return Luck("Walk-forward", money(walk["net"]), note, walk["ratio"] > 2.0 * walk["error"])


def trial_line(record: Record) -> str:
    """How often these data were looked at."""
    return (
        f"This is trial {record['trial']:,} on these data; {record['counted']:,} different settings and pairs"
        " were looked at in this market and time. Each one makes luck easier to find; the same settings of a pair"
        " again, on more bars too, are one."
    )


def subject(record: Record) -> str:
    """Which bars."""
    bars = (record["to_ms"] - record["from_ms"]) // record["interval_ms"]
    return (
        f"{record['y']} ~ {record['x']} · {record['market']} · {bars:,} bars of"
        f" {interval_name(record['interval_ms'])} · {moment(record['from_ms'])} to {moment(record['to_ms'])} UTC"
    )


def metric_rows(record: Record, title: str) -> list[tuple[str, str, str]]:
    """(name, value, interval or the reason why it is not known) of one of ``GROUPS``."""
    starts = dict(GROUPS)[title]
    rows = []
    for key, value in record["metrics"].items():
        name, _, unit = key.removesuffix("]").partition(" [")
        if not name.startswith(starts) or _is_twice(key) or _group_of(name) != title:
            continue
        between = record["intervals"].get(key)
        note = record["reasons"].get(key, "not known" if value is None else "")
        note = note if between is None else span(between, unit)
        rows.append((name, UNKNOWN if value is None else shown(value, unit), note))
    return rows


def span(between: Any, unit: str) -> str:
    """An interval, its unit once.

    >>> span((-31.6135, -12.539), "quote a trade"), span((600, 5400), "s")
    ('-31.61 to -12.54 quote a trade', '10 min to 1.5 h')
    """
    low, high = shown(between[0], unit), shown(between[1], unit)
    number, _, word = low.partition(" ")
    return f"{number} to {high}" if word and high.endswith(word) else f"{low} to {high}"


def _group_of(name: str) -> str:
    fitting = [(len(start), title) for title, starts in GROUPS for start in starts if name.startswith(start)]
    return max(fitting)[1]


def _is_twice(key: str) -> bool:
    """The same duration in bars beside seconds."""
    return key.endswith("[bars]") and not key.startswith("Longest")


def shown(value: float, unit: str) -> str:
    """A metric with its unit.

    >>> shown(2043.3, "s"), shown(26.37, "%"), shown(1748736000000.0, "end, ms UTC"), shown(91, "#")
    ('34 min', '26.4 %', '2025-06-01', '91')
    """
    if unit == "s":
        return duration(value)
    if unit.startswith("end, ms"):
        return moment(value)[:10]
    if unit == "0..1":
        return f"{100 * value:.1f} %"
    if unit.startswith("%"):
        return f"{value:.3g} {unit}"
    words = {"#": "", "-": "", "quote": "", "x capital a day": "× capital a day"}
    number = (
        f"{value:,.0f}" if unit in ("#", "bars") else f"{value:,.2f}" if unit.startswith("quote") else f"{value:,.3g}"
    )
    return f"{number} {words.get(unit, unit)}".strip()


def moment(time_ms: float) -> str:
    """To the minute, UTC."""
    return datetime.fromtimestamp(time_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M")


def summary(each: BacktestSummary) -> str:
    """One line in the list of earlier results."""
    kind = "1 backtest" if each.cells == 1 else f"{each.cells:,} cells"
    return (
        f"{moment(each.at_ms)} UTC · {each.y} ~ {each.x} · {interval_name(each.interval_ms)} · {kind} · {each.trades:,}"
        f" trades · {money(each.net)}"
    )


def changes(values: dict[str, Any]) -> str:
    """What a cell changes of the settings.

    >>> changes({"entry_z": 3.0, "stop_z": None})
    'Entry |z| 3, Stop |z| none'
    """
    words = {None: "none", True: "yes", False: "no"}
    said = (f"{label_of(name)} {_word(value, words)}" for name, value in values.items())
    return ", ".join(said) or "as asked for"


def _word(value: Any, words: dict[Any, str]) -> str:
    if value is None or isinstance(value, bool):
        return words[value]
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def refused(record: Record) -> str:
    """Entries that the rule gave and the account did not take."""
    parts = [f"{count:,} {REFUSED.get(name, name)}" for name, count in record["refused"].items() if count]
    return f"Entries not taken: {', '.join(parts)}." if parts else ""


def _why_no_trade(record: Record) -> str:
    settings = record["request"]["settings"]
    parts = ["No bar gave an entry that could be filled"]
    if settings["gate"] != "off":
        parts.append("the gate may never have found the legs cointegrated")
    if settings["cost_filter"]:
        parts.append("the cost filter lets only entries through that pay the round trip")
    return f"{'; '.join(parts)}. {refused(record)}".strip()


def _list(found: list[Luck]) -> str:
    return ", ".join(f"{each.name} {each.value}" for each in found)


def _advice(record: Record) -> str:
    days = (record["to_ms"] - record["from_ms"]) / DAY_MS
    advice = "Compare it with twins" if record["percentile"] is None else "More bars would tell"
    return f"{advice}; these are {days:.1f} days and {record['trades']:,} trades."
