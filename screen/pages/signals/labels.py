"""Texts of the journal: what kinds, reasons and filters are called, and numbers with their units. Pure."""

from __future__ import annotations

from engine.backtest.layout import ForcedExit
from engine.pairs.enums import Reason
from screen.components.fields import Choices
from screen.components.formatting import UNKNOWN, Item, clock
from screen.pages.pair.reason_labels import REASONS
from screen.pages.pair.settings_form import in_words
from services.journal import PAGE, JournalCounts, JournalRow, pair_value
from services.paper_trades import BOOK, LOG, TradeJournal, TradeTotal
from services.parity import PairParity

ANY = "any"  # in a select, which shows no empty value
KINDS = {
    "enter_long": ("enter long", "buy Y, sell X"),
    "enter_short": ("enter short", "sell Y, buy X"),
    "exit": ("exit", "close both legs"),
    "no_entry": ("no entry", "|z| was beyond the entry; the reason says why no position was taken"),
    "withdrawn": ("withdrawn", "late trades took back an earlier decision of this bar"),
}
SHOWN: Choices = (
    ("all", "all decisions"),
    ("trades", "entries and exits"),
    ("why-not", "why not: no entry"),
    *((kind, f"only {label}") for kind, (label, _) in KINDS.items() if kind != "no_entry"),
)
COUNTED: Choices = (
    (BOOK, "current runs: what the paper books count"),
    (LOG, "all runs: the paper books of the pairs"),
)
EXIT_REASONS = {
    Reason.TARGET: "z came back to the exit",
    Reason.STOP: "z went beyond the stop",
    Reason.TIME: "held as long as allowed",
    Reason.RUN_END: "the run ended while a position was open",
    ForcedExit.STOP_LOSS: "the loss reached the account's stop",
    ForcedExit.LIQUIDATION: "a leg used up its margin",
}
_MEANING = {each.name: text for each, text in (EXIT_REASONS | REASONS).items()}
REASON_CHOICES: Choices = ((ANY, "any reason"), *((name, name.replace("_", " ").lower()) for name in _MEANING))


def kind_label(kind: str) -> tuple[str, str]:
    """What a decision is called, and what it means.

    >>> kind_label("enter_long")
    ('enter long', 'buy Y, sell X')
    """
    return KINDS.get(kind, (kind, ""))


def reason_label(reason: str) -> tuple[str, str]:
    """What a reason is called, and what it means.

    >>> reason_label("GATE_CLOSED")
    ('gate closed', 'the test does not find the legs cointegrated')
    """
    return reason.replace("_", " ").lower(), _MEANING.get(reason, "")


def pair_choices(pairs: list[tuple[str, str, str]]) -> list[dict[str, str]]:
    """The options of the pair's filter."""
    each = [{"label": f"{y} ~ {x} · {market}", "value": pair_value(market, y, x)} for market, y, x in pairs]
    return [{"label": "all pairs", "value": ANY}, *each]


def page_range(page: int, rows: int, total: int) -> str:
    """Which rows are on the screen; ``page`` from 0.

    >>> page_range(0, 0, 0), page_range(1, 37, 137)
    ('no row', 'rows 101 – 137 of 137')
    """
    if not total:
        return "no row"
    return f"rows {page * PAGE + 1:,} – {page * PAGE + rows:,} of {total:,}"


def empty_text(is_filtered: bool) -> str:
    """What stands in a table without rows."""
    if is_filtered:
        return "No decision passes this filter. Reset it, or widen the range."
    return "No decision yet. One is logged whenever |z| of a watched pair passes its threshold."


def count_items(counts: JournalCounts) -> list[tuple[str, str, str]]:
    """(label, meaning, count) of each reason for no entry, the most frequent first."""
    return [(*reason_label(reason), f"{count:,}") for reason, count in counts.reasons.items()]


def counts_head(counts: JournalCounts) -> str:
    """The line above the reasons."""
    runs, entered, refused = counts.bars
    text = f"{refused:,} bar{'s' * (refused != 1)} without an entry, {entered:,} entr{'y' if entered == 1 else 'ies'}"
    text += f" in {runs:,} run{'s' * (runs != 1)}"
    text += "; a bar that several runs decided counts once, and below once for each reason they gave" * (runs > 1)
    return f"{text}; superseded rows left out"


def run_label(row: JournalRow) -> tuple[str, str]:
    """Which run decided, and what that run has changed."""
    if row.run_number is None or row.run_began_ms is None:
        return UNKNOWN, ""
    began = f"began {clock(row.run_began_ms)}"
    if row.run_number == 1:
        return "run 1", f"{began}: the first of its pair"
    if row.run_changed is None:
        return f"run {row.run_number}", f"{began}; what it changed is in Settings, Earlier runs"
    changed = "; ".join(in_words(row.run_changed)) or "the same settings"
    return f"run {row.run_number}", f"{began}; against the run before: {changed}"


def parity_item(pair: PairParity) -> Item:
    """The badge of a pair's run."""
    state = pair.state
    if not pair.bars:
        return Item(UNKNOWN, "no bar yet: nothing to check")
    if state.phase == "running":
        return Item(f"replaying {state.done / state.total:.0%}" if state.total else "replaying …", "")
    if state.phase == "failed":
        return Item("check failed", state.problem, "warn")
    if state.found is None:
        return Item("not checked", f"{pair.bars:,} bars in this run")
    found, through = state.found, f"through {clock(state.found.through_ms)}"
    if found.is_equal:
        return Item("equal", f"{str(found).removeprefix('parity ')}, {through}", "good")
    return Item("differs", " · ".join([str(found).removeprefix("parity "), *found.lines(most=4), through]), "warn")


def number(value: float | None, digits: int, sign: bool = False) -> str:
    """A number with so many decimals.

    >>> number(1.23456, 2), number(2.0, 2, sign=True), number(None, 2)
    ('1.23', '+2.00', '–')
    """
    if value is None:
        return UNKNOWN
    return f"{value:+,.{digits}f}" if sign else f"{value:,.{digits}f}"


def share(value: float | None) -> str:
    """A p-value in percent.

    >>> share(0.0123), share(0.00001), share(None)
    ('1.2 %', '< 0.1 %', '–')
    """
    if value is None:
        return UNKNOWN
    return "< 0.1 %" if value < 0.001 else f"{100.0 * value:.1f} %"


def money(value: float | None) -> str:
    """Money with its sign, to a cent.

    >>> money(1.234), money(-0.001), money(None)
    ('+1.23', '0.00', '–')
    """
    if value is None:
        return UNKNOWN
    return f"{value:+,.2f}" if round(value, 2) else "0.00"


FROM_FEED = "as the trades came in"
REPLAYED = "decided over bars from before the run began, when nobody could have followed it"


def counted(count: int, what: str) -> str:
    """A count with its noun.

    >>> counted(1, "trade"), counted(1_200, "trade")
    ('1 trade', '1,200 trades')
    """
    return f"{count:,} {what}{'s' * (count != 1)}"


def replayed(total: TradeTotal) -> str:
    """What of a total nobody could have followed."""
    return f"{total.replayed:,} of them replayed, over bars from before their run began: {money(total.replayed_net)}"


def left_out(journal: TradeJournal) -> list[str]:
    """The trades that are in no total, with the reason."""
    texts = (
        (journal.repeated, "trade", "over bars that an earlier run of the pair counted: in no total"),
        (journal.log_only, "exit", "of ended runs whose paper book cannot be computed again: in no total"),
        (journal.open_exits, "exit", "without a result: not filled, or of an unknown entry"),
    )
    return [f"{counted(count, what)} {why}" for count, what, why in texts if count]


def costs(total: TradeTotal) -> str:
    """Gross and what is taken off it, to a cent; a cost that was never charged is left out.

    >>> costs(TradeTotal("USDT", 9, 5, 100.0, 30.0, 10.0, 0.0, -1.0, 59.0))
    'gross +100.00 − fees 30.00 − half-spreads 10.00, funding -1.00'
    """
    text = f"gross {money(total.gross)} − fees {total.fees:,.2f} − half-spreads {total.half_spread:,.2f}"
    text += f" − slippage {total.slippage:,.2f}" if total.slippage else ""
    return text + (f", funding {money(total.funding)}" if total.funding else "")


def tone(value: float) -> str:
    """Green for a profit, red for a loss, as shown to a cent."""
    shown = round(value, 2)
    return "up" if shown > 0.0 else "down" if shown < 0.0 else ""
