"""The form that exports stored data by range: what is asked, checked, as the address of the file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from dash import Dash, Input, Output

from engine.errors import PairbridgeError, SettingsError
from screen.pages.data import ids, labels
from services.export.request import BarRequest, read_legs, read_selection

_NAMES = dict(zip(ids.EXPORT, ("kind", "market", "symbols", "interval", "from", "to", "format"), strict=True))


def register_export(app: Dash) -> None:
    """Register the callback of the form."""
    app.callback(
        Output(ids.DOWNLOAD, "href"),
        Output(ids.EXPORT_SAID, "children"),
        *(Input(name, "value") for name in ids.EXPORT),
    )(_address)


def export_address(asked: Mapping[str, str]) -> str:
    """The address of an export; ``asked`` has the names of its parameters, and ``kind``.

    >>> export_address({"kind": "ohlc", "market": "usdm", "symbols": "btcusdt", "interval": "1h", "format": "csv"})
    '/api/export/ohlc?market=usdm&symbols=BTCUSDT&interval=1h&format=csv'

    Raises SettingsError, RowRefused.
    """
    kind, form = asked["kind"], {"format": asked["format"]}
    if kind == "scan":
        return f"/api/export/scan?{urlencode(form)}"
    market = asked.get("market", "")
    if not market:
        raise SettingsError("market is empty; expected one with stored data")
    selection = read_selection(market, asked.get("symbols", "").split(","), asked.get("from", ""), asked.get("to", ""))
    if kind == "analytics":
        read_legs(selection.symbols)
    query = {"market": selection.market, "symbols": ",".join(selection.symbols)}
    if kind in labels.WITH_INTERVAL:
        query["interval"] = asked.get("interval") or "1m"
        BarRequest.of(selection, query["interval"])
    query |= {name: asked.get(name, "").strip() for name in ("from", "to")}
    return f"/api/export/{kind}?{urlencode({name: text for name, text in (query | form).items() if text})}"


async def _address(*values: Any) -> tuple[str | None, str]:
    asked = {_NAMES[name]: value or "" for name, value in zip(ids.EXPORT, values, strict=True)}
    try:
        return export_address(asked), ""
    except PairbridgeError as error:
        return None, f"{error}."
