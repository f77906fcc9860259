"""Makes and checks proof packs; the server and the dashboard may run::

    python -m services.proof_pack make RUN_ID BAR_CLOSE [--revision N] [--out FOLDER]
    python -m services.proof_pack verify FILE [--stored]

RUN_ID and BAR_CLOSE are columns of the exported signal log. ``verify`` computes the decision again, bit for bit, from
the trades and bars in the file; with ``--stored`` it is compared with that of the data folder too.

Exit codes: 0 made, or nothing differs; 1 something differs; 2 failure.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from engine.errors import PairbridgeError
from engine.market.records import Decision
from engine.store import open_backend
from engine.store.command_line import add_data_dir_option
from services.export.request import NothingToExport, read_when
from services.proof_pack.make import ProofRequest, make_pack, save_pack, stored_signal
from services.proof_pack.pack import ProofPack, read_pack, utc
from services.proof_pack.verify import against_store, other_version, verify


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return _make(options) if options.command == "make" else _verify(options)
    except (PairbridgeError, OSError) as error:
        sys.stderr.write(f"pairbridge: {error}\n")
        return 2


def _make(options: argparse.Namespace) -> int:
    close_ms = read_when(options.bar_close, "bar_close", 0)
    pack = make_pack(open_backend(options.data_dir), ProofRequest(options.run_id, close_ms, options.revision))
    sys.stdout.write(f"{save_pack(pack, options.out or options.data_dir / 'exports')}\n")
    return 0


def _verify(options: argparse.Namespace) -> int:
    pack = read_pack(options.file)
    found = verify(pack) + (_against_store(pack, options.data_dir) if options.stored else [])
    decision, run = pack.record["decision"], pack.record["run"]
    at = utc(decision["bar_ms"] + run["interval_ms"])
    sys.stdout.write(f"{decision['kind']} {decision['reason']} of {run['y']} ~ {run['x']} at {at}: ".replace("  ", " "))
    sys.stdout.write(f"{len(found)} differences\n" if found else "computed again, equal to the last bit\n")
    sys.stdout.write("".join(f"  {line}\n" for line in [*found, *filter(None, [other_version(pack)])]))
    return 1 if found else 0


def _against_store(pack: ProofPack, folder: Path) -> list[str]:
    decision = Decision(**pack.record["decision"])
    close_ms = decision.bar_ms + int(pack.record["run"]["interval_ms"])
    try:
        stored = stored_signal(open_backend(folder), ProofRequest(decision.run_id, close_ms, decision.revision))
    except NothingToExport:
        return against_store(pack, None)
    return against_store(pack, stored.logged.decision)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.proof_pack", description=(__doc__ or "").split("::")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("make", help="write the pack of a stored decision")
    make.add_argument("run_id", help="of the decision: the column run_id of exported signals")
    make.add_argument("bar_close", help="of its bar: UTC ISO 8601, or ms since 1970")
    make.add_argument("--revision", type=int, help="default: the one that stands")
    make.add_argument("--out", type=Path, help="a folder (default: <data dir>/exports)")
    check = commands.add_parser("verify", help="compute a pack again, and name what differs")
    check.add_argument("file", type=Path)
    check.add_argument("--stored", action="store_true", help="compare with the data folder's decision too")
    for each in (make, check):
        add_data_dir_option(each)
    return parser


if __name__ == "__main__":
    sys.exit(main())
