"""The whole suite in its order: ``python -m tests.run``; the long forms with ``--soak``.

Everything without a browser runs on all cores; then the browser tests, two files at a time and no more,
since they check how soon something is seen.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys


def pytest(*arguments: str) -> int:
    """One pytest run; returns its exit code, with "nothing collected" as a success."""
    code = subprocess.call([sys.executable, "-m", "pytest", "-q", "--durations=20", *arguments])
    return 0 if code == 5 else code


def main() -> None:
    """The command line; more arguments go to pytest."""
    parser = argparse.ArgumentParser(prog="python -m tests.run", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--soak", action="store_true", help="the long forms instead of the default suite")
    options, rest = parser.parse_known_args()
    workers = str(min(os.cpu_count() or 1, 4))
    if options.soak:
        raise SystemExit(pytest("-m", "soak", *rest))
    two, by_file = str(min(int(workers), 2)), ("--dist", "loadfile")
    codes = [
        pytest("-n", workers, *by_file, "-m", "not browser and not soak", *rest),
        pytest("-n", two, *by_file, "--no-loadscope-reorder", "-m", "browser and not soak", *rest),
    ]
    raise SystemExit(max(codes))


if __name__ == "__main__":
    main()
