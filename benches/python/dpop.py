"""Compare what proofs of possession (RFC 9449) cost, and keep the numbers; `proofs.py` does the work.

It runs under an interpreter that is new enough for what it compares with.
"""

import argparse
import json
import os
import subprocess
from pathlib import Path
from typing import Any

from results import environment, write


def proofs(python: str, *options: str) -> dict[str, Any]:
    """Measure under another interpreter."""
    command = [python, str(Path(__file__).with_name("proofs.py")), *options]
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    python = os.environ.get("FASTMCP_RS_PEERS_PYTHON")
    parser.add_argument("--peers-python", default=python, help="the interpreter for proofs.py (default: %(default)s)")
    options, others = parser.parse_known_args()
    if options.peers_python is None:
        raise SystemExit("no interpreter is given for proofs.py: make bench-python gives one")
    load = round(os.getloadavg()[0], 1)
    found = proofs(options.peers_python, *others)
    print(json.dumps(found, indent=1))
    # The interpreter and the versions are those of proofs.py.
    write("dpop", {**environment(), "load": load, **found})


if __name__ == "__main__":
    main()
