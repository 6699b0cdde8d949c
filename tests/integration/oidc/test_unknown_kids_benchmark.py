"""The benchmark of unknown key ids still runs; what it measures is for people to read."""

import re
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[3] / "benches" / "python" / "unknown_kids.py"


def test_the_benchmark_runs_and_the_endpoint_gets_three_requests():
    command = [sys.executable, "-W", "error", SCRIPT, "--rounds", "1", "--flood", "50"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    assert not ran.stderr
    # The first fetch, one that the first unknown id forces, and one for ids that were first named after that began.
    assert "3 requests at the endpoint" in ran.stdout
    assert len(re.findall(r"^.+ us +[\d.]+ us +[\d.]+$", ran.stdout, re.MULTILINE)) == 4
