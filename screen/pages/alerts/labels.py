"""Texts of rules, alerts, budgets and previews. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from engine.alerts.budget import Budget, poisson_interval
from engine.alerts.metrics import METRICS
from engine.alerts.rules import AlertRule, Condition, Scope, leaves_of
from engine.store.alerts import OutboxRow
from screen.components.fields import Choices
from screen.components.formatting import clock, duration
from screen.pages.alerts.sentences import amount, missing_words, subject_words
from services.alert_board import RuleNow
from services.alerts import SNOOZED, AlertView, RuleView, Trial

ANY = "any"
SEVERITIES: Choices = ((ANY, "any severity"), ("critical", "critical"), ("warning", "warning"), ("info", "info"))
SNOOZES = {"1": "1 h", "8": "8 h", "24": "1 day", "0": "until I wake it"}
PHASES = {
    "off": ("off", ""),
    "expired": ("expired", "Its time is over. Edit it to set another"),
    "no bars": ("waits for bars", "Nothing that it is for has a bar yet"),
    "suspended": ("suspended", "A metric failed, so its rules are not looked at until a rule is changed"),
    "off hours": ("outside its hours", "It looks at bars again when its hours begin"),
    "capped": ("daily limit reached", "Its alerts of today are held back, and told by one digest tomorrow"),
    "paused": ("paused", "The pause after its latest alert: it fires after that if it is true then"),
    "fired": ("fired", "It fires again after it was false, or after its pause if it repeats"),
    "armed": ("armed", "It fires as soon as nothing is missing"),
}
EMPTY_RULES = (
    "No rule yet. Begin with one of the templates above: “Worth entering” tells when |z| is beyond the entry that pays"
    " and the gate is open."
)
EMPTY_HISTORY = "No alert yet. A rule that fires is listed here, newest first, whether it is sent or not."
EMPTY_FILTER = "No alert passes this filter."


def distance(now: RuleNow, scope: Scope) -> str:
    """How far a rule is from firing, on the pair on which it is nearest."""
    if now.phase in ("off", "expired", "no bars"):
        return ""
    if now.phase == "suspended":
        return f"{subject_words(now.subject)}: {now.problem}"
    said = missing_words(now.missing, scope) or "true now"
    return f"{subject_words(now.subject)}: {said}" if scope.kind == "watched" else said


def phase(now: RuleNow) -> str:
    """The state of a rule in a word or two."""
    words = PHASES[now.phase][0]
    if now.phase == "paused":
        words += f" until {utc_second(now.until_ms)[11:]}"
    return f"{words}, snoozed" if now.is_snoozed and now.phase != "off" else words


def fired_today(today: int, held: int, cap: int) -> str:
    """How often a rule fired on its day.

    >>> fired_today(2, 0, 5), fired_today(5, 3, 5), fired_today(1, 0, 0)
    ('2 of 5', '5 of 5, 3 held', '1')
    """
    return f"{today}{f' of {cap}' if cap else ''}{f', {held} held' if held else ''}"


def snoozed(view: RuleView, now_ms: int) -> str:
    """Until when nothing is sent; nothing where it is."""
    if view.snoozed_ms < now_ms:
        return ""
    return "until woken" if view.snoozed_ms >= SNOOZED else clock(view.snoozed_ms)


def delivery(view: AlertView, names: Mapping[str, str]) -> str:
    """What became of an alert's messages, as it is stored. ``names`` of the channels by id."""
    if not view.messages:
        return {"outbox": "waits", "no channel": "shown here only"}.get(view.alert.sent_as, view.alert.sent_as)
    return "; ".join(
        f"{names[each.channel]}: {sent(each)}" if each.channel in names else f"a deleted channel: {_left(each)}"
        for each in view.messages
    )


def _left(message: OutboxRow) -> str:
    """The state of a message whose channel was deleted: what waits is given up with the next look at the outbox."""
    return "given up" if message.state == "pending" else sent(message)


def sent(message: OutboxRow) -> str:
    """The state of one message.

    >>> from dataclasses import replace
    >>> row = OutboxRow("o", "a", "phone", {}, attempts=2, next_at_ms=1_767_323_040_000, error="answered 500")
    >>> sent(row)
    'waits, next try from 2026-01-02 03:04:00 UTC on: answered 500'
    >>> sent(replace(row, state="dead", attempts=15)), sent(replace(row, attempts=0, error=""))
    ('given up after 15 tries: answered 500', 'waits')
    """
    why = f": {message.error}" if message.error else ""
    if message.state == "dead":
        tries = "1 try" if message.attempts == 1 else f"{message.attempts} tries"
        return f"given up after {tries}{why}" if message.attempts else f"not sent{why}"
    if message.state == "pending":
        return f"waits, next try from {utc_second(message.next_at_ms)} on{why}" if message.attempts else f"waits{why}"
    return message.state


def utc_second(at_ms: int) -> str:
    """A time with its date.

    >>> utc_second(1_767_323_040_000)
    '2026-01-02 03:04:00 UTC'
    """
    return datetime.fromtimestamp(at_ms // 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def budget(found: Budget) -> str:
    """What a solved rule is expected to do; first of all whether the stored time can tell.

    The numbers of several pairs are those of the pair that was looked at, times their number.
    """
    pairs = max(round((found.rule.budget_per_day or found.per_day) / found.per_day), 1)
    alike = f" on {pairs} pairs, if all are like the one with the most bars" if pairs > 1 else ""
    if not found.is_telling:
        low, high = (each * pairs / found.days for each in poisson_interval(found.counted))
        return (
            f"Only {days(found.days)} are stored: too short to tell how often it would fire (it fired there:"
            f" {_times(found.counted)}; the daily rate could be anything from {amount(low, 2)} to"
            f" {amount(high, 2)}{alike}). Find the level again when more days are stored. Until then the"
            f" daily limit of {found.cap} holds: what is beyond it is held back."
        )
    how = "a fitted Ornstein-Uhlenbeck process, which the history agrees with" if found.method == "ou" else "counting"
    rate, high = found.expected * pairs, found.high * pairs
    beyond = f"; the daily limit of {found.cap} would hold back what is beyond it" if high > found.cap else ""
    return (
        f"{_rate(rate, found.cap)} alerts a day expected{alike}, 95 % interval {_rate(found.low * pairs, found.cap)} to"
        f" {_rate(high, found.cap)}{beyond}; by {how} over {days(found.days)} of bars (it fired"
        f" {_times(found.counted)} there)."
    )


def _rate(per_day: float, cap: int) -> str:
    """A rate that a cap allows."""
    return amount(min(per_day, float(cap)), 2)


def level_kept(rule: AlertRule, found: Budget) -> str:
    """What stays, where the stored time is too short to tell."""
    _, least = _levels(rule, found.rule)
    return f" The level is left as it is: at most {amount(found.per_day, 3)} alerts a day came there from {least} on."


def level_change(before: AlertRule, after: AlertRule) -> str:
    """Which level was put into the form in place of which.

    >>> was = AlertRule("far", Condition("beyond_entry", "above", 0.0))
    >>> level_change(was, AlertRule("far", Condition("beyond_entry", "above", 1.41)))
    'Level of |z| beyond the entry that pays was 0, is now 1.41. '
    """
    name, level = _levels(before, after)
    was = _levels(after, before)[1]
    return f"Level of {name} was {was}, is now {level}. " if level != was else "The level is as it was. "


def _levels(before: AlertRule, after: AlertRule) -> tuple[str, str]:
    """The metric whose level is another in the second rule, or the first one, and the level there."""
    pairs = list(zip(leaves_of(before.when), leaves_of(after.when), strict=True))
    leaf = next((new for old, new in pairs if old != new), pairs[0][1])
    return METRICS[leaf.metric].title, _level(leaf)


def _level(condition: Condition) -> str:
    low = amount(condition.threshold, 6)
    return f"{low} to {amount(condition.upper, 6)}" if condition.kind == "leaves" else low


def days(count: float) -> str:
    """A length of history.

    >>> days(0.0833), days(2.0)
    ('2.0 h', '2.0 d')
    """
    return duration(count * 86_400.0)


def preview(trials: Sequence[Trial], rule: AlertRule) -> str:
    """What a rule would have done, in all."""
    found = [each.preview for each in trials]
    if not found:
        return "Nothing that this rule is for has stored bars: watch the pair first."
    fired, held = sum(len(each.alerts) for each in found), sum(each.held for each in found)
    longest = max(each.days for each in found)
    where = f"{days(longest)} of stored bars" + (f" of {len(found)} pairs" if len(found) > 1 else "")
    said = f"Over {where} it would have fired {_times(fired)}"
    if longest >= 0.5 and fired:  # a shorter history says little of a day
        said += f", {amount(fired / longest, 3)} a day"
    if held:
        said += f"; the daily limit held {_times(held)} back"
    if paused := sum(each.paused for each in found):
        said += f"; {paused:,} more fell into the pauses of {duration(rule.cooldown_s)} and were left out"
    short = "" if longest >= 7.0 else " There are no more bars to replay: less than a week."
    return f"{said}.{short}{f' {reverted(trials)}' if fired else ''}{costs(rule)}"


def costs(rule: AlertRule) -> str:
    """What a metric in costs goes by on bars of the past; nothing for a rule without one.

    >>> costs(AlertRule("far", Condition("z", "above", 2.0)))
    ''
    """
    if not any(each.metric in ("z_costs", "beyond_entry") for each in leaves_of(rule.when)):
        return ""
    return (
        " What an entry has to pay is counted with the fee, slippage and entry level that the pair has now, on all"
        " bars, and each bar's own half-spread unless one is set: a change of these settings changes the past here."
    )


def reverted(trials: Sequence[Trial]) -> str:
    """What z did after the alerts."""
    found = [each.preview for each in trials]
    followed, back = sum(each.followed for each in found), sum(each.reverted for each in found)
    if not followed:
        return "Of none of them is it known whether z reverted."
    adverse = sorted(one.adverse for each in found for one in each.alerts if not math.isnan(one.adverse))
    middle = adverse[len(adverse) // 2] if len(adverse) % 2 else sum(adverse[len(adverse) // 2 - 1 :][:2]) / 2.0
    further = f"went another {amount(middle, 2)} σ the wrong way" if middle else "went no further the wrong way"
    spans = {duration(2.0 * each.preview.half_life_bars * _width_s(each)) for each in trials if each.preview.followed}
    about = f" ({', '.join(sorted(spans))})" if len(spans) == 1 else ""
    which = "the one" if followed == 1 else f"the {followed:,}"
    return (
        f"z reverted within two half-lives{about} after {back:,} of {which} of which that is known; before that it"
        f" {further}, in the median."
    )


def _width_s(trial: Trial) -> float:
    """Of the bars of a trial."""
    return float(np.median(np.diff(trial.close_ms))) / 1_000.0


def _times(count: int) -> str:
    return "never" if not count else "once" if count == 1 else f"{count:,} times"
