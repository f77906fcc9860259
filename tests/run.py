"""The whole suite in its order: ``python -m tests.run``; the long forms with ``--soak``.

Everything without a browser runs on all cores; then the browser tests, two files at a time and no more,
since they check how soon something is seen. All processes log at DEBUG; at last, what they left is searched for
secrets.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests import secrets_left


def pytest(*arguments: str) -> int:
    """One pytest run; returns its exit code, with "nothing collected" as a success."""
    code = subprocess.call([sys.executable, "-m", "pytest", "-q", "--durations=20", *arguments])
    return 0 if code == 5 else code


def left_in(folder: Path) -> tuple[str, ...]:
    """Arguments that make the temporary folders of a run, and keep them, in ``folder``."""
    return f"--basetemp={folder}", "-o", "tmp_path_retention_policy=all"


def main() -> None:
    """The command line; more arguments go to pytest."""
    parser = argparse.ArgumentParser(prog="python -m tests.run", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--soak", action="store_true", help="the long forms instead of the default suite")
    options, rest = parser.parse_known_args()
    workers = str(min(os.cpu_count() or 1, 4))
    if options.soak:
        raise SystemExit(pytest("-m", "soak", *rest))
    two, by_file = str(min(int(workers), 2)), ("--dist", "loadfile")
    os.environ["PAIRBRIDGE_LOG_LEVEL"] = "DEBUG"
    with tempfile.TemporaryDirectory() as folder:
        plain, browser = Path(folder, "plain"), Path(folder, "browser")
        codes = [
            pytest("-n", workers, *by_file, "-m", "not browser and not soak", *left_in(plain), *rest),
            pytest(
                "-n", two, *by_file, "--no-loadscope-reorder", "-m", "browser and not soak", *left_in(browser), *rest
            ),
            *(secrets_left.main(each) for each in (plain, browser) if each.exists()),
        ]
    raise SystemExit(max(codes))


if __name__ == "__main__":
    main()
