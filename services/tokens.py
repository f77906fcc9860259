"""Tokens for programs: made, listed and revoked, each with a role::

    python -m services.tokens make feeder "my forwarder"
    python -m services.tokens list
    python -m services.tokens revoke 3f9c2a1b

A token is shown once, when it is made; only its SHA-256 is stored (256 random bits need no slow hash), in
``tokens.json`` of the data folder with mode 0600. When each was last used is in ``token-uses.json``,
which only the dashboard writes.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import secrets
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.errors import PairbridgeError, SettingsError, StoreError
from engine.store.command_line import add_data_dir_option
from engine.store.lock import held
from runtime.secrets import write_private

ROLES = ("viewer", "trader", "feeder")
PREFIX = "pb"
MOST_TOKENS = 200
MOST_NAME = 60  # characters
LOCK_S = 5.0  # that another change may take
USES_EVERY_S = 60.0  # between two writes of what was used
_FILE, _USES = "tokens.json", "token-uses.json"


class TokenMissing(PairbridgeError):
    """There is no token with this id."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token without its secret. Times in ms, None where it never happened."""

    token_id: str
    name: str
    role: str
    digest: str
    made_ms: int
    revoked_ms: int | None = None
    used_ms: int | None = None


class TokenService:
    """The tokens of one data folder. Any thread may call."""

    def __init__(self, data_dir: Path, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> None:
        self._folder = data_dir
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._read_at: tuple[int, int] | None = None  # inode and time of the file that was read
        self._tokens: dict[str, Token] = {}
        self._uses: dict[str, int] | None = None
        self._kept_ms = 0

    def make(self, role: str, name: str) -> tuple[Token, str]:
        """A new token and its secret, which is not stored. Raises SettingsError, StoreError."""
        if role not in ROLES:
            raise SettingsError(f"role is {role[:20]!r}; expected {', '.join(ROLES)}")
        if not (1 <= len(name) <= MOST_NAME and name.isprintable() and name.strip()):
            raise SettingsError(f"name is {name[:MOST_NAME]!r}; expected 1 to {MOST_NAME} printable characters")
        token_id = secrets.token_hex(4)
        secret = f"{PREFIX}_{token_id}_{secrets.token_hex(32)}"
        made = Token(token_id, name, role, _digest(secret), self._now_ms())
        self._change(lambda tokens: _added(tokens, made))
        return made, secret

    def revoke(self, token_id: str) -> Token:
        """It opens nothing from now on; revoking again changes nothing. Raises TokenMissing, StoreError."""
        found: list[Token] = []

        def revoked(tokens: dict[str, Token]) -> dict[str, Token]:
            if token_id not in tokens:
                raise TokenMissing(f"no token has the id {token_id[:40]!r}; expected one of the list")
            token = tokens[token_id]
            found.append(token if token.revoked_ms else replace(token, revoked_ms=self._now_ms()))
            return tokens | {token_id: found[0]}

        self._change(revoked)
        return found[0]

    def all(self) -> list[Token]:
        """Every token, the oldest first, revoked ones too. Raises StoreError."""
        uses = self._known_uses()
        with self._lock:
            return [replace(each, used_ms=uses.get(each.token_id)) for each in self._current().values()]

    def check(self, secret: str) -> Token | None:
        """The token with this secret, unless it is revoked; notes that it was used. Raises StoreError."""
        token_id = secret.split("_")[1] if secret.count("_") == 2 else ""
        with self._lock:
            token = self._current().get(token_id)
        if token is None or not hmac.compare_digest(token.digest, _digest(secret)) or token.revoked_ms:
            return None
        self._note(token_id)
        return token

    def is_valid(self, token_id: str) -> bool:
        """Whether a token is there and not revoked."""
        with self._lock:
            token = self._current().get(token_id)
        return token is not None and not token.revoked_ms

    def keep_uses(self) -> None:
        """Write when tokens were last used. Only one process, the dashboard, may."""
        with self._lock:
            if self._uses:
                write_private(self._folder / _USES, json.dumps(self._uses))
                self._kept_ms = self._now_ms()

    def _note(self, token_id: str) -> None:
        uses = self._known_uses()
        with self._lock:
            uses[token_id] = self._now_ms()
            is_due = self._now_ms() - self._kept_ms >= USES_EVERY_S * 1_000
        if is_due:
            self.keep_uses()

    def _known_uses(self) -> dict[str, int]:
        with self._lock:
            if self._uses is None:
                self._uses = _read(self._folder / _USES) or {}
            return self._uses

    def _current(self) -> dict[str, Token]:
        """What the file holds, read again when it was replaced."""
        path = self._folder / _FILE
        try:
            state = path.stat()
        except FileNotFoundError:
            return {}
        if self._read_at != (state.st_ino, state.st_mtime_ns):
            self._tokens = _tokens(path)
            self._read_at = state.st_ino, state.st_mtime_ns
        return self._tokens

    def _change(self, work: Callable[[dict[str, Token]], dict[str, Token]]) -> None:
        """One change of the file at a time, by whichever process."""
        ends_s = time.monotonic() + LOCK_S
        while True:
            try:
                with held(self._folder, "tokens"):
                    path = self._folder / _FILE
                    tokens = work(_tokens(path) if path.exists() else {})
                    rows = [{k: v for k, v in asdict(each).items() if k != "used_ms"} for each in tokens.values()]
                    write_private(path, json.dumps({"tokens": rows}, indent=1) + "\n")
                    return
            except StoreError:
                if time.monotonic() > ends_s:
                    raise
                time.sleep(0.05)


def _added(tokens: dict[str, Token], made: Token) -> dict[str, Token]:
    if len(tokens) >= MOST_TOKENS:  # the oldest of those that open nothing any more goes
        gone = next((each.token_id for each in tokens.values() if each.revoked_ms), None)
        if gone is None:
            raise SettingsError(f"there are {MOST_TOKENS} tokens; expected fewer: revoke some")
        tokens = {token_id: each for token_id, each in tokens.items() if token_id != gone}
    return tokens | {made.token_id: made}


def _tokens(path: Path) -> dict[str, Token]:
    read = _read(path)
    try:
        return {row["token_id"]: Token(**row) for row in (read or {})["tokens"]}
    except (KeyError, TypeError) as error:
        raise StoreError(f"{path} is no list of tokens: {error}") from error


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} cannot be read: {error}") from error


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _time(at_ms: int | None) -> str:
    return "never" if at_ms is None else datetime.fromtimestamp(at_ms / 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code: 0, or 2 when it cannot be done."""
    options = _parser().parse_args(arguments)
    tokens = TokenService(options.data_dir)
    try:
        if options.command == "make":
            made, secret = tokens.make(options.role, options.name)
            sys.stdout.write(f"{secret}\nIt is shown only now. Its id is {made.token_id}.\n")
        elif options.command == "revoke":
            sys.stdout.write(f"{tokens.revoke(options.id).token_id} is revoked.\n")
        else:
            for each in tokens.all():
                state = f"revoked {_time(each.revoked_ms)}" if each.revoked_ms else f"used {_time(each.used_ms)}"
                sys.stdout.write(f"{each.token_id}  {each.role:<7}  made {_time(each.made_ms)}  {state}  {each.name}\n")
    except PairbridgeError as error:
        sys.stderr.write(f"pairbridge: {error}\n")
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.tokens", description=(__doc__ or "").split("::")[0])
    add_data_dir_option(parser)
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("make", help="a new token, shown once")
    make.add_argument("role", choices=ROLES, help="viewer: reads; feeder: sends data; trader: both, and changes things")
    make.add_argument("name", help="what it is for")
    commands.add_parser("list", help="every token, with its last use")
    commands.add_parser("revoke", help="a token opens nothing any more").add_argument("id")
    return parser


if __name__ == "__main__":
    sys.exit(main())
