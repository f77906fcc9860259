"""Maps the exception hierarchy to HTTP status, code and message."""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import NotAllowed, PairbridgeError, RowRefused, SettingsError, StoreError
from services.alerts import AlertMissing
from services.delivery.channels import ChannelMissing
from services.export.request import NothingToExport
from services.ingestion import NoBridge, UnknownSymbol
from services.jobs import JobBusy, JobCancelled, JobFailed
from services.market_data import NotFound
from services.requests import OtherRequest
from services.tick_post import FeedAway, FeedRefused
from services.tokens import TokenMissing
from services.unfinished import SearchMissing
from services.uploads import UploadMissing, UploadRefused


@dataclass(frozen=True, slots=True)
class Problem:
    """HTTP ``status``, a ``code`` for programs, a ``message`` for users."""

    status: int
    code: str
    message: str


_KINDS: tuple[tuple[type[PairbridgeError], int, str], ...] = (
    (NotAllowed, 403, "not-allowed"),
    (SettingsError, 400, "settings"),
    (RowRefused, 400, "input"),
    (NothingToExport, 404, "export"),
    (UploadRefused, 400, "upload"),
    (UploadMissing, 404, "upload"),
    (SearchMissing, 404, "backtest"),
    (AlertMissing, 404, "alert"),
    (TokenMissing, 404, "token"),
    (ChannelMissing, 404, "channel"),
    (JobBusy, 409, "busy"),
    (OtherRequest, 422, "idempotency-key"),
    (UnknownSymbol, 400, "symbol"),
    (NoBridge, 409, "no-bridge"),
    (FeedRefused, 502, "bridge-server"),
    (FeedAway, 503, "bridge-server"),
    (JobFailed, 422, "job"),
    (JobCancelled, 409, "cancelled"),
    (NotFound, 404, "not-found"),
    (StoreError, 503, "store"),
    (PairbridgeError, 500, "failed"),
)


def problem_of(error: PairbridgeError) -> Problem:
    """The problem for an error.

    >>> problem_of(SettingsError("exit_z is 3; expected below entry_z"))
    Problem(status=400, code='settings', message='exit_z is 3; expected below entry_z')
    """
    status, code = next((status, code) for kind, status, code in _KINDS if isinstance(error, kind))
    return Problem(status, code, str(error))
