"""Runs the benchmarks, each in its own process; exits with 1 when a bound is missed.

python -m bench             all of them
python -m bench latency     one
"""

from __future__ import annotations

import importlib
import json
import platform
import subprocess
import sys
from pathlib import Path

BENCHES = (
    "stats",
    "pairs",
    "backtest",
    "luck",
    "peers",
    "scan",
    "store",
    "files",
    "exports",
    "gaps",
    "away",
    "history",
    "universe",
    "viewers",
    "stream",
    "requests",
    "rest",
    "hostile",
    "neighbours",
    "latency",
    "chart",
    "screen",
    "alerts",
    "memory",
)  # fmt: skip
RESULTS = Path(__file__).parent / "results"


def one(name: str) -> int:
    """Run one benchmark here and write its rows to bench/results."""
    module = importlib.import_module(f"bench.{name}")
    rows = module.run()
    RESULTS.mkdir(exist_ok=True)
    found = {"python": platform.python_version(), "system": platform.platform(), "rows": rows}
    (RESULTS / f"{name}.json").write_text(json.dumps(found, indent=1, default=float))
    missed = importlib.import_module("bench.report").missed
    late = [text for row in rows for text in missed(row)]
    print("\n".join(f"MISSED  {text}" for text in late) or "every bound held")
    return 1 if late else 0


def main(names: list[str]) -> int:
    """Run the named ones, or all that exist."""
    here = [name for name in BENCHES if (Path(__file__).parent / f"{name}.py").exists()]
    unknown = [name for name in names if name not in here]
    if unknown:
        print(f"no benchmark is called {unknown[0]!r}; there are {', '.join(here)}", file=sys.stderr)
        return 2
    if len(names) == 1:
        return one(names[0])
    codes = []
    for name in names or here:
        print(f"\n== {name}", flush=True)
        codes.append(subprocess.call([sys.executable, "-m", "bench", name]))
    return max(codes)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
