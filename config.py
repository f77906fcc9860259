"""Every setting of Pairbridge, in one place.

Edit the four names below, or override any setting for one start with an environment variable called ``PAIRBRIDGE_`` and
the setting's name in capitals, for example ``PAIRBRIDGE_BRIDGE_PORT=9000``. An invalid value stops the program with
exit code 2 and a message with the variable, the value found and the value expected.

    >>> Config.from_environ({"PAIRBRIDGE_DEFAULT_WINDOW": "100"}).default_window
    100
    >>> Config.from_environ({"PAIRBRIDGE_BRIDGE_PORT": "http"})
    Traceback (most recent call last):
    ...
    config.ConfigError: PAIRBRIDGE_BRIDGE_PORT is 'http'; expected a whole number from 0 to 65535
"""

from __future__ import annotations

import dataclasses
import difflib
import ipaddress
import math
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

# The five most often changed settings. Each is the default of the Config field of the same name.
DEFAULT_PRESET = "defended"  # of a new pair; or "classic", the textbook rule
DEFAULT_WINDOW = 50  # bars in the rolling z-score, of the classic preset only: defended takes 10 half-lives
ZSCORE_THRESHOLD = 2.0  # enter when |z| passes this, in both presets
REFRESH_RATE = 1  # seconds between polls when the screen's live connection is down
RETENTION_HOURS = 24  # retention of raw ticks; bars are kept permanently

PREFIX = "PAIRBRIDGE_"


class ConfigError(ValueError):
    """An invalid setting: the message has the key, the value and what was expected."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """The parser of one setting, and the text for what it expects."""

    expected: str
    read: Callable[[str], Any]


def _whole(low: int, high: int) -> _Kind:
    def read(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise ValueError(text)
        return value

    return _Kind(f"a whole number from {low} to {high}", read)


def _number(low: float, high: float) -> _Kind:
    def read(text: str) -> float:
        value = float(text)
        if not (math.isfinite(value) and low <= value <= high):
            raise ValueError(text)
        return value

    return _Kind(f"a number from {low:g} to {high:g}", read)


def _one_of(*names: str) -> _Kind:
    def read(text: str) -> str:
        if text not in names:
            raise ValueError(text)
        return text

    return _Kind("one of " + ", ".join(names), read)


def _read_flag(text: str) -> bool:
    return {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}[text.lower()]


def _read_token(text: str) -> str:
    if not (len(text) >= 32 and text.isascii() and text.isalnum()):
        raise ValueError(text)
    return text


def _read_password(text: str) -> str:
    if len(text) < 8:
        raise ValueError(text)
    return text


def _read_host(text: str) -> str:
    return str(ipaddress.ip_address(text))


def _read_names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip().lower() for name in text.split(",") if name.strip())
    if not all(_HOST.fullmatch(name) for name in names):
        raise ValueError(text)
    return names


def _read_path(text: str) -> Path:
    if not text.strip():
        raise ValueError(text)
    return Path(text).expanduser()


def _read_class(text: str) -> str:
    if not _CLASS.fullmatch(text):
        raise ValueError(text)
    return text


_FLAG = _Kind("1 or 0", _read_flag)
_PATH = _Kind("a folder that can be created and written", _read_path)
_HOST = re.compile(r"[a-z0-9.-]+(:[0-9]{1,5})?|\[[0-9a-f:]+\](:[0-9]{1,5})?")
_CLASS = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", re.ASCII)
_SOURCE = _Kind("module:Class, such as feeds.example_source:ExampleSource", _read_class)
_PAGES = _Kind("module:NAME, such as docs.examples.own_page:PAGE", _read_class)
_PASSWORD = _Kind("at least 8 characters", _read_password)
_ADDRESS = _Kind("an IP address of this machine", _read_host)
_NAMES = _Kind("names, comma separated, as browsers write them: desk.example.org or desk.example.org:8050", _read_names)
_TOKEN = _Kind("at least 32 ASCII letters and digits", _read_token)


def _setting(default: Any, kind: _Kind, doc: str, secret: bool = False) -> Any:
    """A field; a ``secret`` appears neither in the repr nor in errors."""
    return dataclasses.field(default=default, repr=not secret, metadata={"kind": kind, "doc": doc, "secret": secret})


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of one start. Frozen: to change one, create a new Config."""

    default_preset: str = _setting(DEFAULT_PRESET, _one_of("defended", "classic"), "Preset of a new pair.")
    default_window: int = _setting(
        DEFAULT_WINDOW, _whole(2, 100_000), "Bars in the rolling z-score of a new pair with the classic preset."
    )
    zscore_threshold: float = _setting(ZSCORE_THRESHOLD, _number(0.1, 100), "Entry threshold, in |z|, of a new pair.")
    refresh_rate: float = _setting(
        REFRESH_RATE, _number(0.25, 3600), "Seconds between polls when the screen's live connection is down."
    )
    retention_hours: float = _setting(
        RETENTION_HOURS, _number(1, 87_600), "Hours that raw ticks stay in the store before they move to the archive."
    )
    durability: str = _setting(
        "power",
        _one_of("power", "crash"),
        "What an acknowledged trade survives: power, a power cut; crash, only a crash of the server.",
    )
    warm_start_minutes: float = _setting(
        60, _number(0, 1_440), "Minutes of trades fetched before a symbol's first one, so that statistics start warm."
    )
    history_bars: int = _setting(
        3_000,
        _whole(0, 20_000),
        "Bars of a watched pair that are fetched as the exchange's candles where no trade was stored.",
    )
    fetch_limit_ids: int = _setting(
        200_000, _whole(1_000, 10_000_000), "Most missing trades of a gap to fetch; larger gaps are only recorded."
    )
    data_dir: Path = _setting(Path("data"), _PATH, "The folder for all stored data.")
    bridge_port: int = _setting(8765, _whole(0, 65535), "Port of the bridge server; 0 takes any free one.")
    dashboard_port: int = _setting(8050, _whole(0, 65535), "Port of the dashboard; 0 takes any free one.")
    token: str | None = _setting(
        None, _TOKEN, "The bridge's password; created once in the data folder when not set.", secret=True
    )
    password: str | None = _setting(None, _PASSWORD, "Password of the dashboard, for shared machines.", True)
    dashboard_host: str = _setting(
        "127.0.0.1", _ADDRESS, "Address on which the dashboard listens; other than this machine only with a password."
    )
    allowed_hosts: tuple[str, ...] = _setting(
        (), _NAMES, "More host names of the dashboard, for example behind a proxy."
    )
    allowed_receivers: tuple[str, ...] = _setting(
        (),
        _NAMES,
        "Receivers of alerts that are not on the public internet, by name, with or without a port; they may use http.",
    )
    open_browser: bool = _setting(False, _FLAG, "Open the page and the dashboard in the browser on `make run`.")
    heartbeat_limit_s: float = _setting(
        2.5, _number(0.5, 60), "Seconds without a beat until the banner says BRIDGE DISCONNECTED."
    )
    feed: str | None = _setting(None, _SOURCE, "A source of trades of your own that the server runs, as module:Class.")
    pages: str | None = _setting(None, _PAGES, "Pages of your own in the navigation, as module:NAME.")
    api_requests_per_s: float = _setting(
        200, _number(1, 1_000_000), "Requests a second of one token or address to the API; twice as many at once."
    )
    log_level: str = _setting("INFO", _one_of("DEBUG", "INFO", "WARNING", "ERROR"), "Level of the log files.")

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> Config:
        """Defaults overridden by ``PAIRBRIDGE_*``; raises ConfigError on a bad value or unknown name."""
        given = {k: v for k, v in (os.environ if environ is None else environ).items() if k.startswith(PREFIX)}
        fields = {PREFIX + f.name.upper(): f for f in dataclasses.fields(cls)}
        values: dict[str, Any] = {}
        for key, text in given.items():
            if key not in fields:
                near = difflib.get_close_matches(key, fields, n=1)
                hint = f"; did you mean {near[0]}?" if near else f"; the settings are {', '.join(fields)}"
                raise ConfigError(f"{key} is not a setting of Pairbridge{hint}")
            kind: _Kind = fields[key].metadata["kind"]
            try:
                values[fields[key].name] = kind.read(text)
            except (ValueError, KeyError):
                shown = "(hidden)" if fields[key].metadata["secret"] else repr(text)
                raise ConfigError(f"{key} is {shown}; expected {kind.expected}") from None
        config = cls(**values)
        if config.bridge_port == config.dashboard_port != 0:
            raise ConfigError(
                f"{PREFIX}BRIDGE_PORT and {PREFIX}DASHBOARD_PORT are both {config.bridge_port}; expected two ports"
            )
        if config.password is None and not ipaddress.ip_address(config.dashboard_host).is_loopback:
            raise ConfigError(
                f"{PREFIX}DASHBOARD_HOST is '{config.dashboard_host}', which others can reach;"
                f" expected {PREFIX}PASSWORD to be set as well"
            )
        return config


@dataclass(frozen=True, slots=True)
class SettingInForce:
    """One setting as text, and where it comes from: ``variable`` is its name in the environment. Secrets are hidden."""

    name: str
    variable: str
    value: str
    default: str
    is_from_environment: bool
    doc: str


def settings_in_force(config: Config, environ: Mapping[str, str] | None = None) -> list[SettingInForce]:
    """Every setting of this start.

    >>> found = settings_in_force(Config(bridge_port=9000), {"PAIRBRIDGE_BRIDGE_PORT": "9000"})
    >>> [(each.name, each.value, each.default) for each in found if each.is_from_environment]
    [('bridge_port', '9000', '8765')]
    """
    given = os.environ if environ is None else environ
    found = []
    for field in dataclasses.fields(config):
        variable, is_secret = PREFIX + field.name.upper(), field.metadata["secret"]
        value, default = (_shown(each, is_secret) for each in (getattr(config, field.name), field.default))
        found.append(SettingInForce(field.name, variable, value, default, variable in given, field.metadata["doc"]))
    return found


def _shown(value: Any, is_secret: bool) -> str:
    if value is None or value == ():
        return "none"
    if is_secret:
        return "(hidden)"
    if isinstance(value, tuple):
        return ", ".join(value)
    return str(int(value)) if isinstance(value, bool) else str(value)


def load_or_exit() -> Config:
    """The settings of this process; an invalid one is printed on standard error and ends it with code 2."""
    try:
        return Config.from_environ()
    except ConfigError as error:
        stop(str(error))


def stop(message: str) -> NoReturn:
    """End the process with exit code 2 and the reason."""
    print(f"pairbridge: {message}", file=sys.stderr)
    raise SystemExit(2)
