"""The form's values, and the request that they make, with all errors at once. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, replace
from typing import Any, TypeVar

from engine.backtest import Account, Costs, Instrument, WalkPlan
from engine.errors import SettingsError
from engine.market.intervals import interval_name, parse_interval
from engine.pairs.settings import PairSettings, classic
from screen.components.fields import Field, built, plain
from screen.pages.backtest import ids
from screen.pages.backtest.fields import ALL, BY_NAME, NO_AXIS, SAID
from services.backtest_request import BacktestRequest, FileSource, Search, StoredSource, VenueTerms

_Kind = TypeVar("_Kind")
Errors = dict[str, str]  # by the id of the control

_SETTINGS = frozenset(each.name for each in fields(PairSettings))
_COSTS = frozenset(each.name for each in fields(Costs))
_ACCOUNT = frozenset(each.name for each in fields(Account))
START_COSTS = Costs(half_spread_bps=1.0)
_START_SEARCH = Search({"entry_z": (1.5, 2.0, 2.5, 3.0), "exit_z": (0.0, 0.25, 0.5)}, count=60)


def label_of(name: str) -> str:
    """The label of a setting without its unit; the name itself of one that the form does not have."""
    field = BY_NAME.get(name)
    return field.label.split(",")[0] if field else name


def form_values(request: BacktestRequest) -> list[Any]:
    """The values of the controls in FORM's order."""
    costs, search, venue = request.costs or Costs.of(request.settings), request.search or _START_SEARCH, request.venue
    walk = search.walk
    values: dict[str, Any] = {
        **asdict(request.settings), **asdict(request.account), **asdict(costs),
        "interval": interval_name(request.settings.interval_ms), "delay_bars": venue.delay_bars,
        "funding": venue.funding, "count": search.count or _START_SEARCH.count, "seed": search.seed,
        "train": walk.train if walk else None, "test": walk.test if walk else None,
        "anchored": bool(walk and walk.anchored), "twins": _nearest(request.twins),
    }  # fmt: skip
    values |= {f"y_{name}": value for name, value in asdict(venue.y).items()}
    values |= {f"x_{name}": value for name, value in asdict(venue.x).items()}
    return [field.shown(values[field.name]) for field in ALL]


def axis_values(request: BacktestRequest) -> list[Any]:
    """Setting and values of each row of axes, as ``ids.AXES``."""
    axes = list((request.search or _START_SEARCH).axes.items())[: len(ids.AXES)]
    shown = [(name, ", ".join(_word(each) for each in values)) for name, values in axes]
    shown += [(NO_AXIS, "")] * (len(ids.AXES) - len(shown))
    return [each for row in shown for each in row]


def kind_of(request: BacktestRequest) -> str:
    """One of ``KINDS``."""
    return "one" if request.search is None else "grid" if request.search.count is None else "random"


def new_request(settings: PairSettings | None = None) -> BacktestRequest:
    """What the form begins with."""
    chosen = settings or classic(interval_ms=60_000, stale_after_ms=60_000)
    return BacktestRequest(StoredSource("", "", "", 0), chosen, START_COSTS, Account(100_000.0))


def request_from(
    source: FileSource | StoredSource, kind: str | None, values: Mapping[str, Any], axes: Mapping[str, Any]
) -> tuple[BacktestRequest | None, Errors]:
    """The request from the controls by id, and the errors by control; without a request there is at least one."""
    errors: Errors = {}
    read = _read(values, errors)
    settings, costs, account = _settings(read, errors), _costs(read, errors), _account(read, errors)
    venue = _venue(read, errors)
    search = _search(kind or "one", read, axes, errors)
    twins = int(read.get("twins") or 0)
    if errors:
        return None, errors
    return BacktestRequest(source, settings, costs, account, venue, search, twins), {}


def _read(values: Mapping[str, Any], errors: Errors) -> dict[str, Any]:
    """Each field by its name; those that cannot be read are left out."""
    read: dict[str, Any] = {}
    for field in ALL:
        try:
            read[field.name] = field.read(values.get(field.id))
        except SettingsError as error:
            errors[field.id] = plain(SAID, error)
    return read


def _settings(read: Mapping[str, Any], errors: Errors) -> PairSettings:
    own = {name: value for name, value in read.items() if name in _SETTINGS}
    try:
        own["interval_ms"] = parse_interval(read.get("interval") or "1m")
    except ValueError as error:
        errors[ids.of("interval")] = f"{error}."
    if "gate_level" in own:
        own["gate_level"] = int(own["gate_level"])
    return _built(PairSettings, own, errors)


def _costs(read: Mapping[str, Any], errors: Errors) -> Costs:
    return _built(Costs, {name: value for name, value in read.items() if name in _COSTS}, errors)


def _account(read: Mapping[str, Any], errors: Errors) -> Account:
    return _built(Account, {name: value for name, value in read.items() if name in _ACCOUNT}, errors)


def _venue(read: Mapping[str, Any], errors: Errors) -> VenueTerms:
    legs = []
    for leg in "yx":
        own = {name: read[f"{leg}_{name}"] for name in ("tick", "lot", "min_notional") if f"{leg}_{name}" in read}
        legs.append(_built(Instrument, own, errors, f"{leg}_"))
    delay = read.get("delay_bars") or 0
    if delay < 0:
        errors[ids.of("delay_bars")] = f"Delay is {delay}; expected 0 or more bars."
    return VenueTerms(legs[0], legs[1], delay, bool(read.get("funding")))


def _built(kind: Callable[..., _Kind], values: dict[str, Any], errors: Errors, prefix: str = "") -> _Kind:
    def note(name: str, error: str) -> None:
        errors.setdefault(ids.of(prefix + name), plain(SAID, SettingsError(prefix + error)))

    return built(kind, values, note)


def _search(kind: str, read: Mapping[str, Any], axes: Mapping[str, Any], errors: Errors) -> Search | None:
    if kind == "one":
        return None
    found: dict[str, tuple[Any, ...]] = {}
    for name_id, values_id in ids.AXES:
        name = axes.get(name_id) or NO_AXIS
        if name == NO_AXIS:
            continue
        try:
            if name in found:
                raise SettingsError(f"{label_of(name)} is on two axes; expected each once")
            found[name] = read_axis(name, str(axes.get(values_id) or ""))
        except SettingsError as error:
            errors[values_id] = f"{error}."
    if not found and not any(values_id in errors for _, values_id in ids.AXES):
        errors[ids.AXES[0][1]] = "No setting is chosen; expected at least one to vary."
    count = read.get("count") if kind == "random" else None
    if kind == "random" and not 1 <= (count or 0) <= 10_000:
        errors.setdefault(ids.of("count"), f"Points is {count}; expected 1 to 10,000.")
    return Search(found, count, max(0, read.get("seed") or 0), _walk(read, errors))


def _walk(read: Mapping[str, Any], errors: Errors) -> WalkPlan | None:
    train, test = read.get("train"), read.get("test")
    if train is None and test is None:
        return None
    for name, value in (("train", train), ("test", test)):
        if value is None or value < 1:
            said = "is empty" if value is None else f"is {value}"
            errors.setdefault(ids.of(name), f"{label_of(name)} {said}; expected at least 1 for a walk-forward.")
            return None
    return WalkPlan(int(train or 1), int(test or 1), bool(read.get("anchored")))


def read_axis(name: str, text: str) -> tuple[Any, ...]:
    """The values of an axis: ``from:to:step`` with both ends, or a list. Raises SettingsError.

    >>> read_axis("entry_z", "1:2:0.5"), read_axis("estimator", "ols, kalman"), read_axis("stop_z", "none, 4")
    ((1, 1.5, 2), ('ols', 'kalman'), (None, 4))
    """
    field = BY_NAME[name]
    parts = [part.strip() for part in text.split(":" if ":" in text else ",") if part.strip()]
    if ":" in text:
        return _steps(field, parts, text)
    if not parts:
        raise SettingsError(f"{label_of(field.name)} has no values; expected from:to:step, or a list such as 1, 2, 3")
    values = tuple(_one(field, part) for part in parts)
    if len(set(values)) < len(values):
        raise SettingsError(f"{label_of(field.name)} has a value twice in {text[:40]!r}; expected each once")
    return values


def _steps(field: Field, parts: list[str], text: str) -> tuple[Any, ...]:
    if len(parts) != 3 or field.choices:
        raise SettingsError(f"{label_of(field.name)} is {text[:40]!r}; expected from:to:step in numbers")
    first, last, step = (float(_one(replace(field, is_whole=False, empty=""), part)) for part in parts)
    if not step > 0.0 or last < first or (last - first) / step > 999:
        raise SettingsError(
            f"{label_of(field.name)} is {text[:40]!r}; expected a step above 0 and at most 1,000 values"
        )
    values = [round(first + at * step, 10) for at in range(int((last - first) / step + 1e-9) + 1)]
    return tuple(_one(field, f"{value:.10f}") for value in values)


def _one(field: Field, text: str) -> Any:
    if field.choices:
        known = [value for value, _ in field.choices]
        if text not in known:
            raise SettingsError(f"{label_of(field.name)} is {text[:20]!r}; expected {', '.join(known)}")
        return int(text) if field.name == "gate_level" else text
    if field.empty and text.lower() in ("none", "auto", field.empty):
        return None
    try:
        return field.read(text)
    except SettingsError as error:
        raise SettingsError(plain(SAID, error).removesuffix(".")) from None


def _word(value: Any) -> str:
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _nearest(count: int) -> str:
    return min(("0", "50", "200"), key=lambda each: abs(int(each) - count))
