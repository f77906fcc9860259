"""The terms of a rule beside its conditions, one field each, with its help."""

from __future__ import annotations

from screen.components.fields import Choices, Field
from screen.pages.alerts import ids

SEVERITIES: Choices = (("info", "info"), ("warning", "warning"), ("critical", "critical"))
DAYS: Choices = tuple((str(n), name) for n, name in enumerate(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")))


def _field(
    name: str, label: str, explanation: str, choices: Choices = (), *, empty: str = "", unit: str = "",
    is_switch: bool = False,
) -> Field:  # fmt: skip
    return Field(ids.of(name), name, label, explanation, choices, is_switch, empty=empty, unit=unit)


NAME = _field("name", "Name", "What its alerts begin with: up to 100 characters.", empty="a short name")
SUBJECT = _field(
    "subject", "For",
    "Whose bars are looked at: one pair, one symbol, or each watched pair by itself. A symbol has the bars of the"
    " watched pair that has it.",
    (("watched", "all watched pairs"),),
)  # fmt: skip
SEVERITY = _field(
    "severity", "Severity", "Warnings and criticals are counted in the navigation until they are acknowledged.",
    SEVERITIES,
)  # fmt: skip
ENABLED = _field(
    "enabled", "on", "A rule that is off looks at nothing; switched on, it begins anew, and its daily limit goes on.",
    is_switch=True,
)  # fmt: skip
DWELL = _field(
    "dwell_bars", "True for", "It has to be true at so many bars in a row. 1: at once.", empty="1", unit="bars"
)
COOLDOWN = _field(
    "cooldown", "Pause", "Between two alerts on the same pair or symbol, such as 90s, 30m, 2h or 1d.", empty="none"
)
REPEAT = _field(
    "repeat", "again after each pause while it stays true",
    "Off: one alert, and the next only after it was false.", is_switch=True,
)  # fmt: skip
CAP = _field(
    "cap_per_day", "Daily limit",
    "Never more alerts on one day, all pairs together. What is held back is told by one digest on the next day.",
    empty="no cap", unit="a day",
)  # fmt: skip
DAY = _field(
    "days", "Days", "The days on which it may fire. Hours over midnight belong to the day they begin on.", DAYS
)
FROM = _field("from", "From", "The first minute of the day in which it may fire, such as 08:00.", empty="00:00")
TO = _field("to", "To", "It may fire before this minute, such as 18:00; before From: over midnight.", empty="24:00")
ZONE = _field("zone", "Time zone", "Of hours and days, and of a day's cap: UTC, or a name such as Europe/Berlin.",
              empty="UTC")  # fmt: skip
EXPIRES = _field("expires", "Expires", "No alert from then on, in UTC such as 2026-12-31 or 2026-12-31T18:00.",
                 empty="never")  # fmt: skip

FIRST = (NAME, SUBJECT, SEVERITY, ENABLED)
OFTEN = (DWELL, COOLDOWN, REPEAT, CAP)
WHEN = (DAY, FROM, TO, ZONE, EXPIRES)
ALL = (*FIRST, *OFTEN, *WHEN)
FORM = tuple(field.id for field in ALL)
BY_NAME = {field.name: field for field in ALL}
