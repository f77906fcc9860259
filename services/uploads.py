"""Uploads: files are received, looked through, shown, corrected, and only then stored.

Received files wait in ``<data dir>/uploads``; they are deleted once they are stored or dropped, and at the next start.
"""

from __future__ import annotations

import secrets
import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.errors import PairbridgeError
from engine.files.inspection import Told
from services.jobs import JobBusy, Jobs, Json
from services.upload_job import told_as_json

MAX_UPLOADS = 20  # that wait at the same time
MAX_FILES = 200  # in one of them
MAX_NAME = 120  # characters
MAX_BYTES = 16 << 30  # of all that wait
_FIELDS = ("symbol", "interval", "zone", "decimal")


class UploadRefused(PairbridgeError, ValueError):
    """What was sent is no part of an upload; the message says why."""


class UploadMissing(PairbridgeError):
    """There is no such upload, or not any more."""


@dataclass(frozen=True, slots=True)
class UploadState:
    """Where an upload stands. ``phase``: received, looking, looked, storing, stored, failed or cancelled.

    ``found``: what the files were taken for (``engine.files.summary.describe``), once they were looked through;
    ``outcome``: how many rows became what, once they are stored.
    """

    upload: str
    files: Mapping[str, int]
    phase: str = "received"
    stage: str = ""
    done: int = 0
    total: int = 0
    found: Json | None = None
    outcome: Json | None = None
    problem: str = ""

    def to_json(self) -> Json:
        """Plain JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class _Upload:
    folder: Path
    files: dict[str, int] = field(default_factory=dict)  # bytes by name
    job_id: int | None = None
    is_storing: bool = False
    found: Json | None = None


class UploadService:
    """Every upload of one data folder. Any thread may call; whoever may only look gets NotAllowed."""

    def __init__(
        self, jobs: Jobs, data_dir: Path, url: str, token: Callable[[], str], require_owner: Callable[[], None]
    ) -> None:
        """``url`` and ``token`` of the bridge server; ``token`` raises OSError while there is none."""
        self._jobs = jobs
        self._data_dir = data_dir
        self._folder = data_dir / "uploads"
        self._url, self._token = url, token
        self._require_owner = require_owner
        self._lock = threading.Lock()
        self._uploads: dict[str, _Upload] = {}
        shutil.rmtree(self._folder, ignore_errors=True)  # of an earlier start

    def receive(self, name: str, content: bytes, at: int = 0, upload: str = "") -> UploadState:
        """Take a part of a file that begins ``at``, into a new upload or a known one.

        Raises UploadRefused for a name that is a path, a part that does not follow the one before, or too much.
        """
        self._require_owner()
        is_name = name.isprintable() and Path(name).name == name and "\\" not in name and name not in (".", "..")
        if not is_name or not 1 <= len(name) <= MAX_NAME:
            raise UploadRefused(f"name is {name[:MAX_NAME]!r}; expected a file's name without folders")
        with self._lock:
            one = self._known(upload) if upload else None
            files = one.files if one else {}
            size = files.get(name, 0)
            if at != size or (one and self._is_running(one)):
                raise UploadRefused(f"the part of {name} begins at {at}; expected {size}, and no job that runs")
            held = sum(sum(each.files.values()) for each in self._uploads.values())
            if held + len(content) > MAX_BYTES or len(files | {name: 0}) > MAX_FILES:
                raise UploadRefused(f"{held:,} bytes wait; expected at most {MAX_BYTES:,} in {MAX_FILES} files each")
            one = one or self._begun()
            with (one.folder / name).open("ab") as file:
                file.write(content)
            one.files[name] = size + len(content)
            one.found, one.job_id = None, None
            return self._state(one)

    def look(self, upload: str, told: Mapping[str, Any]) -> UploadState:
        """Begin to look the files through, with corrections. Raises JobBusy while a job runs."""
        return self._submit(upload, "services.upload_job:look", told, {}, is_storing=False)

    def store(self, upload: str, told: Mapping[str, Any], market: str = "") -> UploadState:
        """Begin to store the files. Raises JobBusy while a job runs, and UploadRefused where no server is there."""
        try:
            more = {"market": market, "url": self._url, "token": self._token(), "data_dir": str(self._data_dir)}
        except OSError as error:
            raise UploadRefused(f"the bridge server's token cannot be read ({error}); expected a server") from None
        return self._submit(upload, "services.upload_job:store", told, more, is_storing=True)

    def state(self, upload: str) -> UploadState:
        """Where an upload stands. Raises UploadMissing."""
        with self._lock:
            return self._state(self._known(upload))

    def paths(self, upload: str) -> tuple[str, ...]:
        """Where the received files are, for a job that reads them. Raises UploadMissing, NotAllowed."""
        self._require_owner()
        with self._lock:
            one = self._known(upload)
            return tuple(str((one.folder / name).resolve()) for name in one.files)

    def drop(self, upload: str) -> None:
        """Delete what was received, and cancel what runs."""
        self._require_owner()
        with self._lock:
            one = self._known(upload)
            if one.job_id is not None:
                self._jobs.cancel(one.job_id)
            del self._uploads[upload]
            shutil.rmtree(one.folder, ignore_errors=True)

    def _submit(self, upload: str, function: str, told: Mapping[str, Any], more: Json, is_storing: bool) -> UploadState:
        self._require_owner()
        with self._lock:
            one = self._known(upload)
            if self._is_running(one):
                raise JobBusy("a job of this upload is running; wait for it or drop it")
            paths = [str((one.folder / name).resolve()) for name in one.files]
            request = {"paths": paths, "told": told_as_json(read_told(told)), **more}
            one.is_storing = is_storing
            one.job_id = self._jobs.submit(function, request, lambda result: self._finished(one, result))
            return self._state(one)

    def _finished(self, one: _Upload, result: Json) -> Json:
        if one.is_storing:
            shutil.rmtree(one.folder, ignore_errors=True)
        else:
            one.found = result
        return result

    def _begun(self) -> _Upload:
        if len(self._uploads) >= MAX_UPLOADS:
            ended = [name for name, each in self._uploads.items() if not self._is_running(each)]
            if not ended:
                raise UploadRefused(f"{MAX_UPLOADS} uploads are at work; expected to begin another when one has ended")
            shutil.rmtree(self._uploads.pop(ended[0]).folder, ignore_errors=True)
        folder = self._folder / secrets.token_hex(8)
        folder.mkdir(parents=True, mode=0o700)
        return self._uploads.setdefault(folder.name, _Upload(folder))

    def _known(self, upload: str) -> _Upload:
        if upload not in self._uploads:
            raise UploadMissing(f"there is no upload {upload[:40]!r}; it may have been stored, dropped, or long ago")
        return self._uploads[upload]

    def _is_running(self, one: _Upload) -> bool:
        return one.job_id is not None and self._jobs.state(one.job_id).phase == "running"

    def _state(self, one: _Upload) -> UploadState:
        begun = UploadState(one.folder.name, dict(one.files), found=one.found)
        if one.job_id is None:
            return begun
        job = self._jobs.state(one.job_id)
        words = {"running": "storing", "done": "stored"} if one.is_storing else {"running": "looking", "done": "looked"}
        outcome = job.result if one.is_storing and job.phase == "done" else None
        return UploadState(
            begun.upload, begun.files, words.get(job.phase, job.phase), job.stage, job.done, job.total, one.found,
            outcome, job.problem,
        )  # fmt: skip


def read_told(values: Mapping[str, Any]) -> Told:
    """Corrections from JSON. Raises UploadRefused for what is none.

    >>> read_told({"zone": "UTC", "columns": {"quantity": "volume"}})
    Told(symbol='', interval='', zone='UTC', decimal='', columns={'quantity': 'volume'})
    """
    columns = values.get("columns", {})
    unknown = sorted(set(values) - {*_FIELDS, "columns"})
    if unknown:
        raise UploadRefused(f"{unknown[0]!r} says nothing of a file; expected {', '.join(_FIELDS)} or columns")
    texts = {name: values.get(name, "") for name in _FIELDS}
    if not isinstance(columns, dict) or not all(isinstance(text, str) for text in (*texts.values(), *columns.values())):
        raise UploadRefused(
            f"corrections are {str(dict(values))[:80]}; expected texts, and columns as an object of them"
        )
    return Told(**texts, columns=columns)
