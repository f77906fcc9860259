"""The terms of the glossary: meanings are taken from where the screens have them, traps from components/traps.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from engine.pairs.enums import Reason
from screen.components.traps import TRAPS
from screen.pages.alerts.labels import PHASES
from screen.pages.pair.evidence_table import GROUPS
from screen.pages.pair.labels import END_REASONS
from screen.pages.pair.reason_labels import REASONS
from screen.pages.pair.settings_fields import FIELDS
from screen.pages.scan.form import TEST_FIELDS
from screen.pages.scan.layout import NUMBERS
from screen.pages.signals.labels import EXIT_REASONS, KINDS

_FIELD = {field.name: field for field in (*FIELDS, *TEST_FIELDS)}
_LINE = {line.name: line for group in GROUPS for line in group.lines}
_COLUMN = {name: (label, tip) for name, label, _, _, tip in NUMBERS}


@dataclass(frozen=True, slots=True)
class Term:
    """``key``: of its trap and its place on the page; ``also``: other names under which it stands on the screens."""

    key: str
    label: str
    meaning: str
    also: str = ""

    @property
    def trap(self) -> str:
        """How it misleads."""
        return TRAPS[self.key]


def _evidence(key: str, label: str = "") -> Term:
    line = _LINE[key]
    return Term(key, label or line.label, line.explanation, line.label if label else "")


def _setting(key: str, label: str) -> Term:
    field = _FIELD[key]
    return Term(key, label, field.explanation, field.label)


def _column(key: str, label: str) -> Term:
    name, tip = _COLUMN[key]
    return Term(key, label, f"{tip}.", name)


def _reason(reason: IntEnum) -> Term:
    refusal = REASONS.get(reason) if isinstance(reason, Reason) else None
    kind, meaning = ("Exit", EXIT_REASONS[reason]) if refusal is None else ("No entry", refusal)
    return Term(reason.name, reason.name.replace("_", " ").capitalize(), f"{kind}: {meaning}.", reason.name)


def _listed(texts: Mapping[str, tuple[str, str]]) -> str:
    return "; ".join(f"{name}: {meaning}" if meaning else name for name, meaning in texts.values()) + "."


SECTIONS: tuple[tuple[str, tuple[Term, ...]], ...] = (
    ("The rule and its costs", (
        Term("spread", "Spread", "Y minus the hedged X and the line's level, by the line of the bar before; in bps of"
             " value with log prices."),
        Term("z", "z-score", "How many deviations the spread is from its mean, both without the bar itself."),
        Term("hedge", "Hedge ratio β", "Dollars of X held against a dollar of Y (of coins, in price space)."),
        Term("cost-wall", "Cost wall", "What a round trip costs at this bar's quotes, in deviations of the spread (σ):"
             " with less distance to go no entry pays.", "pays from, BELOW_COST"),
        Term("mid", "Trade-side mid", "The mean of the last price paid by a buyer and the last one paid by a seller."),
        _setting("space", "Space: log prices or prices"),
        Term("paper", "Paper position", "What the signals would have earned, filled at the next bar's quotes, after"
             " fees and half-spreads."),
        Term("executable-z", "Executable z", "The z at which both legs could be filled now: what is bought at the ask,"
             " what is sold at the bid. It is never better than the z of the mids.", "executable z"),
        Term("position-lock", "Position lock", "I'm in freezes line and coins of this moment and follows that position"
             " beside the model's; I'm out removes it.", "I'm in, I'm out, in, not in"),
        Term("dependent-leg", "Dependent leg", "Y, the leg that the line explains by X; the spread is what X leaves"
             " unexplained of it.", "Y"),
        Term("revision", "Revision", "How often a decision was recomputed since it was first given, as late trades"
             " changed its bar; 0: as given.", "Rev."),
        Term("parity", "Parity", "Whether a replay of the stored trades gives the decisions that were given live."),
        Term("proof", "Proof pack", "A file with the trades, bars and settings behind one decision, and a script that"
             " computes it again.", "Proof, zip"),
    )),
    ("Reasons and states", (
        Term("run", "Run", "One pair analysed with fixed settings from one bar on; a change of them begins the next,"
             " which also decides the stored bars before it.", "run 3"),
        Term("run-end", "End of a run", f"Why a run gave way to the next: {'; '.join(END_REASONS.values())}.",
             "New run after"),
        Term("position", "Position", "LONG: Y bought and X sold; SHORT: the other way; FLAT: neither.",
             "LONG, SHORT, FLAT"),
        Term("decision", "Decision", f"What the rule does at a bar. {_listed(KINDS)}"),
        *(_reason(each) for each in Reason if each), *(_reason(each) for each in EXIT_REASONS if each not in Reason),
        Term("OPEN", "Open trade", "In a backtest's list: not closed, valued at the last bar.", "OPEN"),
    )),
    ("Alerts", (
        Term("level", "State of an alert rule", _listed(PHASES), ", ".join(name for name, _ in PHASES.values())),
        Term("topic", "ntfy topic", "The name under which the ntfy service passes alerts on; your telephone subscribes"
             " to the same name.", "ntfy://TOPIC"),
    )),
    ("The test of the relation", (
        Term("gate", "Cointegration gate", "Entries wait until an Engle-Granger test of one fixed line finds that the"
             " spread comes back."),
        _evidence("ev-power", "Chance that the test finds it"), _evidence("ev-needed"), _evidence("ev-critical"),
        _evidence("ev-legs"),
        _evidence("ev-tests-today"), _evidence("ev-open", "Share of time open, and what noise would show"),
        _evidence("ev-bootstrap", "Test against the legs' own variance"), _evidence("ev-flips", "Changes of the gate"),
        _evidence("ev-breaks"), _setting("gate_dwell", "Dwell: least stay of the gate"),
    )),
    ("How fast it comes back", (
        _evidence("ev-half-life"), _evidence("ev-correction", "Leg that comes back"),
        _evidence("ev-bounce-badge", "Bounce between bid and ask"), _evidence("ev-bounce-share"),
        _evidence("ev-half-spreads"),
    )),
    ("Hedge and filter", (
        _evidence("ev-hedge", "How sure the hedge is"), _evidence("ev-ratio", "Memory against half-life"),
        _evidence("ev-memory", "Memory of the filter"), _setting("memory_half_life", "Memory that is asked for"),
        _evidence("ev-nis", "Errors as large as expected"), _evidence("ev-ljung-box", "Errors that repeat"),
    )),
    ("Data", (
        Term("coverage", "Coverage", "The share of bars in which both legs traded; the others carry the last price."),
        Term("garch", "GARCH", "A model of the size of moves: large ones come in clusters; it gives the present"
             " volatility of a leg."),
        Term("correlation", "Correlation", "How far returns move together: Pearson over bars, Hayashi-Yoshida over each"
             " symbol's own times."),
    )),
    ("The scan", (
        _column("pvalue", "Chance under no relation"), _column("q_value", "False finds, by Benjamini-Hochberg"),
        _column("q_value_by", "False finds, by Benjamini-Yekutieli"), _setting("holdout", "Held-out bars"),
        _column("holdout_pvalue", "Test on held-out bars"), _column("wild_pvalue", "Test against changing variance"),
        _column("half_life_null_bars", "Half-life that noise shows"), _column("crossings", "Crossings of the mean"),
        _column("hurst", "Hurst exponent"),
    )),
    ("The backtest and luck", (
        Term("sharpe", "Sharpe ratio", "Mean of the returns over their deviation, by the day, costs included."),
        Term("PSR", "Skill, if it were the only trial", "Probability that the true Sharpe ratio is above 0.", "PSR"),
        Term("DSR", "Skill, as the best of all trials", "The same, corrected for the number of trials on these data.",
             "DSR"),
        Term("Twins", "Twins", "The same backtest on pairs that keep each leg's moves and share nothing; the share that"
             " did worse."),
        Term("PBO", "Chance that the search overfits", "The probability that the best cell of one half of the time is"
             " below the median in the other half.", "PBO"),
        Term("Walk-forward", "Walk-forward", "Settings chosen on one stretch, measured on the next, over and over."),
        Term("drawdown", "Drawdown", "The fall from the highest equity so far, capital included."),
    )),
)  # fmt: skip
