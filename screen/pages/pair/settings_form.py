"""From settings to the values of the controls, and back with all errors at once. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.errors import SettingsError
from engine.market.intervals import interval_name, parse_interval
from engine.pairs.settings import PairSettings, classic, defended
from screen.components import ids
from screen.components.fields import Field, built, options, plain
from screen.components.formatting import UNKNOWN
from screen.pages.pair.settings_fields import BY_NAME, FIELDS, FORM, INTERVALS
from services.run_history import Changes

PRESETS = {"classic": classic, "defended": defended}
# In per cent of the notional; measured by `make soak`, tests/engine/pairs/test_defaults.py.
PRESET_COSTS = (
    "On 60 simulated true pairs (half-life 20 bars, spread 30 bps, 6 bps a fill, 5,500 bars) classic loses 5.9 % of the"
    " notional and none ends in profit; defended earns 4.6 % and all do."
)
Errors = dict[str, str]  # by the id of the control, in the form's order


def form_values(settings: PairSettings) -> list[Any]:
    """The values of the controls in FORM's order."""
    own = {"interval": interval_name(settings.interval_ms)}
    return [field.shown(own.get(field.name) or getattr(settings, field.name)) for field in FIELDS]


def interval_options(*shown: PairSettings) -> list[dict[str, str]]:
    """The offered widths, and those of these settings if different."""
    offered = {value for value, _ in INTERVALS}
    others = {interval_name(each.interval_ms): each.interval_ms for each in shown}
    more = sorted((name for name in others if name not in offered), key=others.__getitem__)
    return options((*INTERVALS, *((name, name) for name in more)))


def with_possible_deviation(values: Mapping[str, Any]) -> dict[str, Any]:
    """The controls, with z from the rolling deviation unless the hedge is Kalman's: only the filter has its own."""
    return {**values} if values[ids.ESTIMATOR] == "kalman" else {**values, ids.Z_SCALE: "rolling"}


def given(values: Sequence[Any]) -> dict[str, Any]:
    """The controls by id, of values in FORM's order, with a deviation that there is."""
    return with_possible_deviation(dict(zip(FORM, values, strict=True)))


def settings_from(values: Mapping[str, Any]) -> tuple[PairSettings | None, Errors]:
    """The settings from the controls by id, and the errors by control; without settings there is at least one."""
    errors: Errors = {}
    read: dict[str, Any] = {}
    for field in FIELDS:
        try:
            read[field.name] = field.read(values.get(field.id))
        except SettingsError as error:
            errors[field.id] = plain(FIELDS, error)
    _read_width(read, errors)
    if "gate_level" in read:
        read["gate_level"] = int(read["gate_level"])

    def note(name: str, error: str) -> None:
        text = error.replace("interval_ms", "interval")
        errors.setdefault(field_of(name).id, plain(FIELDS, SettingsError(text)))

    found = built(PairSettings, read, note)
    return (None, {each.id: errors[each.id] for each in FIELDS if each.id in errors}) if errors else (found, {})


def preset(name: str, width: str | None, estimator: str | None) -> list[Any]:
    """The values of a preset in FORM's order, with the width of the bars and the estimator that are chosen."""
    values = form_values(PRESETS[name](estimator=estimator or "kalman"))
    return [width or values[0], *values[1:]]


def shown_value(name: str, value: Any) -> str:
    """A value of a setting as a trader reads it.

    >>> shown_value("entry_z", 2.0), shown_value("stop_z", None), shown_value("gate", "off")
    ('2 σ', 'none', 'off – no test')
    """
    field = field_of(name)
    if name == "interval_ms":
        value = interval_name(value)
    if field.is_switch:
        return "yes" if value else "no"
    if value is None:
        return field.empty or UNKNOWN
    if field.choices:
        return dict(field.choices).get(str(value), str(value))
    number = f"{value:,.6g}" if isinstance(value, float) else f"{value:,}"
    return f"{number} {field.unit}"


def field_of(name: str) -> Field:
    """The field of a setting."""
    return BY_NAME["interval" if name == "interval_ms" else name]


def in_words(changed: Changes) -> list[str]:
    """What was changed, a text for each setting.

    >>> in_words({"entry_z": (2.0, 2.5), "stop_z": (None, 4.0)})
    ['Entry |z| 2 → 2.5 σ', 'Stop |z| none → 4 σ']
    """
    return [
        f"{field_of(name).label} {_without_unit(name, old, new)} → {shown_value(name, new)}"
        for name, (old, new) in changed.items()
    ]


def _without_unit(name: str, old: Any, new: Any) -> str:
    unit, text = field_of(name).unit, shown_value(name, old)
    return text.removesuffix(f" {unit}") if unit and new is not None else text


def _read_width(read: dict[str, Any], errors: Errors) -> None:
    width = read.pop("interval", None)
    if width is None:
        return
    try:
        read["interval_ms"] = parse_interval(width)
    except ValueError as error:
        errors[ids.INTERVAL] = plain(FIELDS, SettingsError(str(error)))
