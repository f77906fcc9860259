"""The panels with forms: import, export by range, backup; and the settings in force."""

from __future__ import annotations

from typing import Any

import dash_bootstrap_components as dbc
from dash import html

from screen.components.fields import Choices, error_id, options, progress_bar
from screen.pages.data import ids, labels

_LIVE_REGION: Any = {"aria-live": "polite"}
_TIME = "UTC, such as 2026-01-31 or 2026-01-31T12:00"
_DECIMALS: Choices = ((labels.ANY, "as detected"), (".", "point: 1234.5"), (",", "comma: 1234,5"))
BACKUP_COMMAND = "python -m engine.store backup FOLDER [--with-archive]"
RESTORE_COMMAND = "python -m engine.store restore FOLDER"


def import_panel() -> html.Section:
    """Files in: sent, looked through, shown, corrected, stored."""
    zone = html.Div(
        [
            html.P("Drop files of trades, bars or funding here: CSV, NDJSON, Parquet or recordings, packed or not."),
            dbc.Button("Choose files", id=ids.CHOOSE, size="sm", color="info", outline=True,
                       title="Files are sent to this dashboard, and nothing is stored before you say so"),
            html.Span("", id=ids.SENT, className="panel-head", role="status"),
        ],
        id=ids.DROP, className="data-drop",
    )  # fmt: skip
    buttons = html.Div(
        [
            _button(ids.LOOK, "Look again", "Look through the files with these corrections"),
            _button(ids.STORE, "Store", "Send the rows to the bridge server, which stores them"),
            _button(ids.DISCARD, "Discard", "Delete what was sent; cancels what runs"),
        ],
        className="data-buttons",
    )
    said = html.Div("", id=ids.IMPORT_SAID, className="message", role="alert")
    progress = [progress_bar(ids.IMPORT_BAR, "the import"),
                html.Div("", id=ids.IMPORT_STAGE, className="panel-head", role="status")]  # fmt: skip
    preview = html.Div("", id=ids.PREVIEW, className="data-preview", **_LIVE_REGION)
    return _panel("Import", "Look first, store then", [zone, _corrections(), buttons, *progress, said, preview])


def _corrections() -> html.Details:
    """What may be said about files where the detection is wrong."""
    return html.Details(
        [
            html.Summary("Corrections"),
            html.Div(
                [
                    _text(ids.SYMBOL, "Symbol", "as detected", "Of files that do not name it, such as BTCUSDT"),
                    _text(ids.INTERVAL, "Bar width", "as detected", "Of files of bars, such as 1m or 1h"),
                    _text(ids.ZONE, "Time zone", "as detected", "Of times without one, such as UTC or Europe/Berlin"),
                    _select(ids.DECIMAL, "Decimal sign", _DECIMALS, "Of numbers in text files"),
                    _text(ids.COLUMNS, "Columns", "such as quantity = volume",
                          "Meaning = name of the column in the file, separated by commas"),
                    _text(ids.IMPORT_MARKET, "Into market", "a market of its own",
                          "Empty: a market named after the files. Files with an exchange's trade numbers may go into"
                          " its market."),
                ],
                className="data-form",
            ),
        ],
        open=True,
    )  # fmt: skip


def export_panel() -> html.Section:
    """Data out, by range."""
    form = [
        _select(ids.KIND, "What", labels.KINDS, "What the file holds"),
        _select(ids.EXPORT_MARKET, "Market", (), "The market of the symbols"),
        _text(ids.EXPORT_SYMBOLS, "Symbols", "all", "Separated by commas; of an analysis the pair, Y first"),
        _text(ids.EXPORT_INTERVAL, "Bar width", "1m", "Of bars and summaries, from 1s to 1d"),
        _text(ids.EXPORT_FROM, "From (UTC)", "beginning", f"Included: {_TIME}"),
        _text(ids.EXPORT_TO, "To (UTC)", "end", f"Not included: {_TIME}"),
        _select(ids.EXPORT_FORM, "Format", labels.FORMS, "Of the file"),
    ]
    download = html.A("Download", id=ids.DOWNLOAD, className="btn btn-outline-info btn-sm", download="",
                      title="Streams the file; nothing is written on the server")  # fmt: skip
    said = html.Div("", id=ids.EXPORT_SAID, className="message", role="alert")
    note = html.P(
        ["The same from a terminal, into ", html.Code("<data dir>/exports"), ": ",
         html.Code("python -m services.export ohlc MARKET SYMBOL --interval 1h")], className="panel-head",
    )  # fmt: skip
    return _panel("Export", "Trades from the archive are included", [html.Div(form, className="data-form"),
                  html.Div([download], className="data-buttons"), said, note])  # fmt: skip


def backup_panel() -> html.Section:
    """Backups with their dates."""
    archive = dbc.Switch(id=ids.BACKUP_ARCHIVE, label="with the archive's files", value=False)
    controls = [
        _button(ids.BACK_UP, "Back up now", "Copy and check the store; the server and this dashboard go on", False),
        _button(ids.BACKUP_CANCEL, "Cancel", "Stop the backup; nothing of it is kept"),
        html.Div(archive, title="Off: the archive is listed and not copied; its files never change"),
        html.Span("", id=ids.BACKUP_SAID, className="panel-head", role="status"),
    ]
    commands = html.P(
        ["Into any other folder: ", html.Code(BACKUP_COMMAND), ". Back again, with server and dashboard stopped: ",
         html.Code(RESTORE_COMMAND)], className="panel-head",
    )  # fmt: skip
    table = html.Div("", id=ids.BACKUPS, className="rows-scroll", tabIndex=0)
    return _panel("Backups", "Complete and checked copies of the store",
                  [html.Div(controls, className="data-buttons"), table, commands])  # fmt: skip


def settings_panel() -> html.Section:
    """The settings of this start, filled by the page's first callback."""
    explanation = "As this dashboard was started. The bridge server reads its own environment at its start."
    return _panel(
        "Settings in force", explanation, [html.Div("", id=ids.SETTINGS, className="rows-scroll", tabIndex=0)]
    )


def _panel(title: str, explanation: str, parts: list[Any]) -> html.Section:
    head = html.Div([html.H2(title), html.Span(explanation, className="panel-head")], className="panel-top")
    return html.Section([head, *parts], className="panel data-part")


def _button(name: str, label: str, explanation: str, is_off: bool = True) -> dbc.Button:
    return dbc.Button(label, id=name, size="sm", color="info", outline=True, disabled=is_off, title=explanation)


def _text(name: str, label: str, empty: str, explanation: str) -> html.Div:
    return _row(name, label, dbc.Input(id=name, type="text", size="sm", debounce=True, placeholder=empty), explanation)


def _select(name: str, label: str, choices: Choices, explanation: str) -> html.Div:
    value = choices[0][0] if choices else None
    return _row(name, label, dbc.Select(id=name, options=options(choices), value=value, size="sm"), explanation)


def _row(name: str, label: str, control: Any, explanation: str) -> html.Div:
    error = html.Div("", id=error_id(name), className="field-error", role="alert")
    return html.Div([dbc.Label(label, html_for=name, size="sm"), control, error], className="row-2", title=explanation)
