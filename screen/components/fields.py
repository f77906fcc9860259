"""Form fields: one table defines each field's label, help and range; controls, parsing and errors use it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import dash_bootstrap_components as dbc
from dash import html

from engine.errors import PairbridgeError, SettingsError
from services.errors import problem_of

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_Kind = TypeVar("_Kind")
Choices = tuple[tuple[str, str], ...]  # (value, text)


@dataclass(frozen=True, slots=True)
class Field:
    """One control and the ``name`` of its setting.

    A number may be empty if ``empty`` holds a text that explains the meaning. ``unit``: shown beside the control.
    """

    id: str
    name: str
    label: str
    explanation: str
    choices: Choices = ()
    is_switch: bool = False
    is_whole: bool = False
    empty: str = ""
    unit: str = ""

    def control(self) -> Any:
        """The component, without a value."""
        if self.is_switch:
            return dbc.Switch(id=self.id, label=self.label, value=False)
        if self.choices:
            return dbc.Select(id=self.id, size="sm", options=options(self.choices))
        # A browser's number field returns no value for invalid input, as for an empty field.
        return dbc.Input(id=self.id, type="text", size="sm", debounce=True, placeholder=self.empty)

    def shown(self, value: Any) -> Any:
        """A setting's value as shown in the control."""
        return str(value) if self.choices else value

    def read(self, value: Any) -> Any:
        """Parses the control's value. Raises SettingsError for an invalid number."""
        if self.is_switch:
            return bool(value)
        if value is None or not str(value).strip():
            if self.empty:
                return None
            raise SettingsError(f"{self.name} is empty; expected a {'choice' if self.choices else 'number'}")
        if self.choices:
            return value
        number = self._number(str(value).strip())
        if self.is_whole and not isinstance(number, int):
            raise SettingsError(f"{self.name} is {number}; expected a whole number")
        return number

    def _number(self, text: str) -> float:
        """Whole numbers as int, so that errors say 3 and not 3.0."""
        number = float(text) if _NUMBER.fullmatch(text) else math.nan
        if not math.isfinite(number):
            raise SettingsError(f"{self.name} is {text[:20]!r}; expected a number")
        return int(number) if number.is_integer() and abs(number) < 2**53 else number


def unseen_label(control: str, text: str) -> Any:
    """The label of a control that needs none for eyes: its place or its first option says what it is."""
    return dbc.Label(text, html_for=control, class_name="visually-hidden")


def progress_bar(control: str, of: str) -> html.Progress:
    """A bar from 0 to 100; ``of``: what goes on. Its ``data-running`` says whether it does."""
    label: Any = {"aria-label": f"Progress of {of}", "data-running": "false"}
    return html.Progress(id=control, value="0", max="100", className="job-bar", **label)


def options(choices: Choices) -> list[dict[str, str]]:
    """Choices in the format of a select."""
    return [{"label": text, "value": value} for value, text in choices]


def field_row(field: Field) -> html.Div:
    """The control with its label, its help as a tooltip, and an error text."""
    control = [field.control()]
    if not field.is_switch:
        control.insert(0, dbc.Label(field.label, html_for=field.id, size="sm"))
    error = html.Div("", id=error_id(field.id), className="field-error", role="alert")
    return html.Div([*control, error], className="row-switch" if field.is_switch else "row-2", title=field.explanation)


def error_id(control: str) -> str:
    """The id of a control's error text."""
    return f"{control}-error"


def read_all(fields: Sequence[Field], values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by name from controls by id. Raises SettingsError naming the setting."""
    return {field.name: field.read(values[field.id]) for field in fields}


def built(kind: Callable[..., _Kind], values: Mapping[str, Any], note: Callable[[str, str], None]) -> _Kind:
    """The record of these values. What it refuses, one after another, is noted by name with the error's text and left
    at its default, so that all that is wrong is found; an error's first word is the name."""
    left = dict(values)
    while True:
        try:
            return kind(**left)
        except ValueError as error:
            name = str(error).split(" ", 1)[0]
            if name in left:
                note(name, str(error))
            else:  # the default of one that was refused contradicts another
                name = next((each for each in left if each in str(error)), next(iter(left)))
            del left[name]


def plain(fields: Sequence[Field], error: SettingsError) -> str:
    """An error message with the form's labels.

    >>> exit_z = Field("a", "exit_z", "Exit |z|", "")
    >>> plain([exit_z, Field("b", "entry_z", "Entry |z|", "")], SettingsError("exit_z is 3; expected below entry_z"))
    'Exit |z| is 3; expected below Entry |z|.'
    """
    text = str(error)
    for field in fields:
        text = re.sub(rf"\b{field.name}\b", field.label, text)
    return text if text.endswith(".") else text + "."


def not_done(fields: Sequence[Field], error: PairbridgeError) -> str:
    """The message beside a button after a failed action."""
    if isinstance(error, SettingsError):
        return f"Not done. {plain(fields, error)}"
    return f"Not done: {problem_of(error).message}."


def at_fault(fields: Sequence[Field], error: SettingsError | None) -> list[str]:
    """The error text of each field; the error's first word is the setting."""
    words = str(error).split(" ", 1)[0] if error else ""
    return [plain(fields, error) if error and field.name == words else "" for field in fields]
