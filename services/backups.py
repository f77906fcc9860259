"""Backups of the store below ``<data dir>/backups``: made one at a time as a job, and listed with their dates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from services.jobs import Jobs, Json, OneAtATime

FOLDER = "backups"


@dataclass(frozen=True, slots=True)
class Backup:
    """One complete backup: its folder's name, when it was made, its size."""

    name: str
    at_ms: int
    bytes: int
    with_archive: bool


@dataclass(frozen=True, slots=True)
class BackupState:
    """The newest backup job. ``phase``: none, running, done, cancelled or failed."""

    phase: str = "none"
    stage: str = ""
    problem: str = ""
    to: str = ""


class BackupService:
    """Backups of one data folder. Any thread may call."""

    def __init__(self, jobs: Jobs, data_dir: Path, require_owner: Callable[[], None]) -> None:
        """``require_owner`` raises NotAllowed for callers with read access only."""
        self._backup = OneAtATime(
            jobs, "services.backup_job:run_backup", "a backup is being made; wait for it or cancel it"
        )
        self._data_dir = data_dir
        self.folder = (data_dir / FOLDER).resolve()
        self._require_owner = require_owner

    def made(self) -> list[Backup]:
        """The backups in the folder, the newest first. Those made elsewhere by the command are not known."""
        folders = sorted(self.folder.iterdir()) if self.folder.is_dir() else []
        found = [_backup(each) for each in folders if not each.name.startswith(".") and (each / "ticks.db").exists()]
        return sorted(found, key=lambda each: each.at_ms, reverse=True)

    def start(self, with_archive: bool) -> None:
        """Begin a backup, named by the time. Raises NotAllowed, and JobBusy while one is being made."""
        self._require_owner()
        to = self.folder / datetime.now(UTC).strftime("%Y-%m-%dT%H%M%SZ")
        request = {"data_dir": str(self._data_dir.resolve()), "to": str(to), "with_archive": with_archive}
        self._backup.start(request, _folder_of)

    def cancel(self) -> None:
        """Cancel the backup that is being made, if any. Raises NotAllowed."""
        self._require_owner()
        self._backup.cancel()

    def state(self) -> BackupState:
        """The newest job."""
        job = self._backup.state()
        return BackupState() if job is None else BackupState(job.phase, job.stage, job.problem, job.result or "")


def _folder_of(result: Json) -> str:
    return str(result["to"])


def _backup(folder: Path) -> Backup:
    files = [each for each in folder.rglob("*") if each.is_file()]
    at_ms = int((folder / "ticks.db").stat().st_mtime * 1_000)
    has_archive = (folder / "archive").is_dir()
    return Backup(folder.name, at_ms, sum(each.stat().st_size for each in files), has_archive)
