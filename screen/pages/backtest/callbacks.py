"""The callbacks of the page: run, follow, cancel, continue, and show a result."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from dash import Dash, Input, Output, State, ctx, no_update

from engine.errors import NotAllowed, PairbridgeError
from screen.components.addresses import BACKTEST
from screen.components.fields import error_id
from screen.pages.backtest import ids, labels, run_labels, source
from screen.pages.backtest.fields import ALL, FORM, GROUPS, SEARCH
from screen.pages.backtest.form import Errors, request_from
from screen.pages.backtest.form_callbacks import register_form
from screen.pages.backtest.result import empty_result, result_panels
from screen.pages.backtest.upload_callbacks import register_files
from services.backtest_request import BacktestRequest
from services.backtest_sources import BacktestSources
from services.backtests import BacktestService
from services.errors import problem_of
from services.pairs import PairService
from services.uploads import UploadService

AXES = tuple(name for row in ids.AXES for name in row)
CONTROLS = (ids.SOURCE, *source.STORED, *source.FILES, ids.KIND, *AXES, *FORM)
_ERRORS = (ids.MARKET, ids.Y, ids.X, ids.FROM, ids.TO, ids.FILE_Y, ids.FILE_X, *(name for _, name in ids.AXES), *FORM)
_SAID, _NAME = 3, 5  # of what is on the screen: the unfinished backtest
_FOLDS = ("bars", *(each for _, name, _, _ in GROUPS for each in (name, f"{name}-more")), "search")
_FOLD_OF = {
    **{each.id: name for _, name, fields, _ in GROUPS for each in fields},
    **{each.id: f"{name}-more" for _, name, _, more in GROUPS for each in more},
    **{each.id: "search" for each in SEARCH}, **{name: "search" for _, name in ids.AXES},
}  # fmt: skip


def register_backtest(
    app: Dash, backtests: BacktestService, sources: BacktestSources, uploads: UploadService, pairs: PairService
) -> None:
    """Register the callbacks of the page."""
    register_form(app, backtests, sources)
    register_files(app, uploads)
    _register_check(app)
    _register_run(app, backtests, uploads)
    app.callback(
        Output(ids.CHOSEN, "options"),
        Output(ids.CHOSEN, "value"),
        Output(ids.ADDRESS, "search"),
        Output(ids.RESULT, "children"),
        Output(ids.SHOWN, "data"),
        Output(ids.USE, "disabled"),
        Input(ids.CHOSEN, "value"),
        Input(ids.ADDRESS, "search"),
        Input(ids.NEWEST, "data"),
        State(ids.SHOWN, "data"),
        State(ids.ADDRESS, "pathname"),
    )(partial(_show, backtests, pairs))


def _register_check(app: Dash) -> None:
    app.callback(
        *(Output(error_id(name), "children") for name in _ERRORS),
        Output(ids.CELLS, "children"),
        Output(ids.SAID, "children", allow_duplicate=True),
        *(Input(name, "value") for name in CONTROLS),
        Input(ids.STORED, "data"),
        State(ids.UPLOAD, "data"),
        State(ids.SAID, "children"),
        prevent_initial_call="initial_duplicate",
    )(_check)


def _register_run(app: Dash, backtests: BacktestService, uploads: UploadService) -> None:
    app.callback(
        Output(ids.SAID, "children"),
        *(Output(error_id(name), "children", allow_duplicate=True) for name in _ERRORS),
        *(Output(ids.group(name), "open") for name in _FOLDS),
        Output(ids.SEEN, "data", allow_duplicate=True),
        Input(ids.START, "n_clicks"),
        *(State(name, "value") for name in CONTROLS),
        State(ids.STORED, "data"),
        State(ids.UPLOAD, "data"),
        prevent_initial_call=True,
    )(partial(_start, backtests, uploads))
    app.callback(
        Output(ids.SAID, "children", allow_duplicate=True),
        Output(ids.SEEN, "data", allow_duplicate=True),
        Input(ids.CANCEL, "n_clicks"),
        Input(ids.CONTINUE, "n_clicks"),
        Input(ids.FORGET, "n_clicks"),
        State(ids.SEEN, "data"),
        prevent_initial_call=True,
    )(partial(_act, backtests))
    app.callback(
        Output(ids.BAR, "value"),
        Output(ids.BAR, "data-running"),
        Output(ids.STAGE, "children"),
        Output(ids.START, "disabled"),
        Output(ids.CANCEL, "disabled"),
        Output(ids.INTERRUPTED, "hidden"),
        Output(ids.INTERRUPTED_SAID, "children"),
        Output(ids.NEWEST, "data"),
        Output(ids.SEEN, "data"),
        Input(ids.POLL, "n_intervals"),
        Input(ids.SEEN, "data"),
    )(partial(_follow, backtests))


def read_request(
    values: dict[str, Any], span: Any, paths: tuple[str, ...], errors: Errors
) -> BacktestRequest | None:  # fmt: skip
    """The request of the controls by id, and all errors by control."""
    if values[ids.SOURCE] == "files":
        found: Any = source.file_source(values, paths, errors)
    else:
        found = source.stored_source(values, span, errors)
    request, others = request_from(found, values[ids.KIND], values, values)
    errors |= others
    return None if errors else request


async def _check(*given: Any) -> tuple[Any, ...]:
    """The error of every field, how many cells a search has, and an end to "Not started" once nothing is wrong; what is
    empty as yet is no error before a start."""
    *controls, span, upload, said = given
    values, errors = dict(zip(CONTROLS, controls, strict=True)), Errors()
    request = read_request(values, span, ("sent",) if upload else (), errors)
    for name in (ids.MARKET, ids.Y, ids.X, ids.FILE_Y, ids.FILE_X):
        if not values[name]:
            errors.pop(name, None)
    count = "" if request is None else await asyncio.to_thread(cells_said, request)
    is_mended = request is not None and str(said or "").startswith("Not started")
    return (*(errors.get(name, "") for name in _ERRORS), count, "" if is_mended else no_update)


def cells_said(request: BacktestRequest) -> str:
    """How many cells a search has."""
    if request.search is None:
        return ""
    from services.search_units import cells_of

    try:
        count = len(cells_of(request))
        walked = source.walk_said(request)
    except ValueError as error:
        return f"{error}."
    return f"{count:,} cell{'s' if count != 1 else ''}; each counts as a trial on these data.{walked}"


async def _start(backtests: BacktestService, uploads: UploadService, _: int, *given: Any) -> tuple[Any, ...]:
    *controls, span, upload = given
    values, errors = dict(zip(CONTROLS, controls, strict=True)), Errors()
    unchanged = [no_update] * (len(_ERRORS) + len(_FOLDS))
    try:
        is_files = values[ids.SOURCE] == "files" and upload
        paths = await asyncio.to_thread(uploads.paths, upload) if is_files else ()
        request = read_request(values, span, paths, errors)
        if request is None:
            opened = {_FOLD_OF.get(name, "bars") for name in errors}
            opened |= {name.removesuffix("-more") for name in opened}
            found = (errors.get(name, "") for name in _ERRORS)
            return (faults_said(errors), *found, *(True if name in opened else no_update for name in _FOLDS), no_update)
        await asyncio.to_thread(backtests.start, request)
    except PairbridgeError as error:
        return (f"Not started: {problem_of(error).message}.", *unchanged, no_update)
    return ("", *unchanged, None)


def faults_said(errors: Errors) -> str:
    """Beside the button: which fields are at fault."""
    names = {field.id: field.label.split(",")[0] for field in ALL}
    names |= {ids.MARKET: "Market", ids.Y: "Y", ids.X: "X", ids.FROM: "From", ids.TO: "To", ids.FILE_Y: "Y",
              ids.FILE_X: "X"}  # fmt: skip
    names |= {name: f"Axis {number}" for number, (_, name) in enumerate(ids.AXES, 1)}
    said = ", ".join(names.get(name, name) for name in sorted(errors, key=_ERRORS.index))
    return f"Not started. {len(errors)} field{'s' if len(errors) != 1 else ''} to change: {said}."


async def _act(
    backtests: BacktestService, _cancel: int, _continue: int, _discard: int, seen: list[Any] | None
) -> tuple[Any, Any]:
    name = seen[_NAME] if seen else ""
    try:
        if ctx.triggered_id == ids.CANCEL:
            await asyncio.to_thread(backtests.cancel)
        else:
            await asyncio.to_thread(backtests.discard if ctx.triggered_id == ids.FORGET else backtests.resume, name)
    except NotAllowed as error:
        return f"Not done: {error}.", no_update
    except PairbridgeError as error:
        return f"Not done: {problem_of(error).message}.", no_update
    return "", None


async def _follow(backtests: BacktestService, _: int | None, seen: Any) -> tuple[Any, ...]:
    state = backtests.state()
    newest = await asyncio.to_thread(backtests.earlier, 1)
    number = newest[0].backtest_id if newest else None
    stage, share = run_labels.progress(state)
    is_running = state.phase == "running"
    if seen and seen[0] == state.phase:
        said, name = seen[_SAID], seen[_NAME]
    else:
        stopped = [] if is_running else await asyncio.to_thread(backtests.unfinished)
        said, name = (run_labels.interrupted(stopped[0]), stopped[0].name) if stopped else ("", "")
    now = [state.phase, stage, round(share, 1), said, number, name]
    if seen == now:
        return (no_update,) * 9
    return share, is_running and not share, stage, is_running, not is_running, not said, said, number, now


async def _show(
    backtests: BacktestService,
    pairs: PairService,
    chosen: str | None,
    search: str | None,
    newest: int | None,
    shown: Any,
    path: str | None,
) -> tuple[Any, ...]:
    """(list, chosen, address, result, what is shown, whether its settings cannot be used)."""
    if path != BACKTEST:  # it is being left, and the address is that of another page
        return (no_update,) * 6
    earlier = await asyncio.to_thread(backtests.earlier)
    options = [{"label": labels.summary(each), "value": str(each.backtest_id)} for each in earlier]
    wanted = wanted_of(ctx.triggered_id, chosen, search, newest, shown)
    if wanted is None and earlier:
        wanted = earlier[0].backtest_id
    if wanted is None:
        return options, None, no_update, empty_result("No backtest yet"), None, True
    record = await asyncio.to_thread(backtests.result, wanted)
    if record is None:
        return options, None, no_update, empty_result(f"There is no result {wanted}"), wanted, True
    if all(each.backtest_id != wanted for each in earlier):
        options.append({"label": f"result {wanted}: {labels.subject(record)}", "value": str(wanted)})
    address = f"?result={wanted}"
    is_watched = await asyncio.to_thread(pairs.find, record["market"], record["y"], record["x"]) is not None
    panels = no_update if shown == wanted else result_panels(record, wanted, is_watched)
    return options, str(wanted), no_update if search == address else address, panels, wanted, False


def wanted_of(
    trigger: Any, chosen: str | None, search: str | None, newest: int | None, shown: int | None
) -> int | None:  # fmt: skip
    """The number of the result to show: that of the list when it was used, a new one when it has come, else that of the
    address; None: the newest."""
    if trigger == ids.CHOSEN and chosen:
        return int(chosen)
    asked = parse_qs((search or "").removeprefix("?")).get("result", [""])[0]
    named = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 16 else None
    if trigger == ids.NEWEST and newest is not None and shown is not None and newest > shown:
        return newest
    return named
