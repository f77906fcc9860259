"""The JSON of a webhook, in the shape that its receiver takes. A signal is handed over; what is done with it is the
receiver's: nothing here is an order of ours, and no quantity is ever sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from engine.errors import SettingsError
from services.delivery.channels import Channel
from services.delivery.message import Message

ACTIONS = ("by_z", "enter_long", "enter_short", "exit_long", "exit_short")
QUOTES = ("FDUSD", "USDT", "USDC", "TUSD", "BTC", "ETH", "BNB", "EUR", "TRY", "BRL", "JPY", "USD")
OPTIONS: dict[str, dict[str, tuple[str, ...]]] = {  # by shape: what it needs, and the values there are; () is any text
    "plain": {},
    "3commas": {"leg": ("y", "x"), "action": ACTIONS, "bot_secret": (), "bot_uuid": ()},
    "freqtrade": {"leg": ("y", "x"), "action": ACTIONS},
}
SHAPES = tuple(OPTIONS)


class CannotShape(SettingsError):
    """The message has not what the shape needs."""


def checked_options(shape: str, options: Mapping[str, str]) -> None:
    """Raises SettingsError for an unknown shape, and for options that it lacks."""
    if shape not in OPTIONS:
        raise SettingsError(f"shape is {shape!r}; expected one of {', '.join(SHAPES)}")
    for name, values in OPTIONS[shape].items():
        found = options.get(name, "")
        if not found or (values and found not in values):
            expected = " or ".join(values) if values else "text"
            shown = repr(found) if values else "missing"
            raise SettingsError(f"{name} of the shape {shape} is {shown}; expected {expected}")


def body_of(channel: Channel, message: Message) -> bytes:
    """The body, the same for every try. Raises CannotShape."""
    shape = channel.options.get("shape", "plain")
    make = {"plain": _plain, "3commas": _3commas, "freqtrade": _freqtrade}[shape]
    return json.dumps(make(channel.options, message), separators=(",", ":"), allow_nan=False).encode()


def _plain(_: Mapping[str, str], message: Message) -> dict[str, Any]:
    return {"id": message.key, "title": message.title, "text": message.body, "alert": message.payload}


def _3commas(options: Mapping[str, str], message: Message) -> dict[str, Any]:
    """The message of a custom signal to a signal bot."""
    _, symbol = _leg(options, message)
    closed = datetime.fromtimestamp(message.payload["close_ms"] / 1_000, UTC)
    return {
        "secret": options["bot_secret"], "bot_uuid": options["bot_uuid"], "max_lag": "300",
        "timestamp": closed.strftime("%Y-%m-%dT%H:%M:%SZ"), "trigger_price": _price(options, message),
        "tv_exchange": "BINANCE", "tv_instrument": symbol, "action": _action(options, message),
    }  # fmt: skip


def _freqtrade(options: Mapping[str, str], message: Message) -> dict[str, Any]:
    """The fields of freqtrade's REST call for a forced entry, with the signal's own beside them."""
    market, symbol = _leg(options, message)
    what, side = _action(options, message).split("_")
    base, quote = split_symbol(symbol)
    pair = f"{base}/{quote}" if market == "spot" else f"{base}/{quote}:{quote}"
    return {"pair": pair, "side": side, "entry_tag": f"pairbridge-{message.key[:12]}", "signal": what}


def _leg(options: Mapping[str, str], message: Message) -> tuple[str, str]:
    """(market, symbol) of the leg that the channel is for."""
    if message.payload["kind"] != "alert":
        raise CannotShape("a digest or a test is no signal; expected an alert")
    _, market, *symbols = message.payload["subject"].split("|")
    return market, symbols[0] if options["leg"] == "y" else symbols[-1]


def _action(options: Mapping[str, str], message: Message) -> str:
    """By z: over its mean Y is sold and X bought; a negative hedge, where the rule reads ``beta``, turns X around."""
    if options["action"] != "by_z":
        return options["action"]
    values = message.payload["values"]
    z = values.get("z")
    if not z:
        raise CannotShape("the rule does not read z; expected one that does, or another action than by_z")
    is_long = (z < 0) if options["leg"] == "y" else (z > 0) == (values.get("beta") is None or values["beta"] > 0)
    return "enter_long" if is_long else "enter_short"


def _price(options: Mapping[str, str], message: Message) -> str:
    """The last price of the leg, where the rule reads it."""
    values = message.payload["values"]
    found = values.get(f"price_{options['leg']}", values.get("price"))
    return "" if found is None else f"{found:.10g}"


def split_symbol(symbol: str) -> tuple[str, str]:
    """(base, quote).

    >>> split_symbol("ETHUSDT")
    ('ETH', 'USDT')
    """
    for quote in QUOTES:
        if symbol.endswith(quote) and symbol != quote:
            return symbol.removesuffix(quote), quote
    raise CannotShape(f"the quote of {symbol} is not known; expected one of {', '.join(QUOTES)}")
