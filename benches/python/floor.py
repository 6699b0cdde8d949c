"""Asks the program that checks signatures and nothing else (`benches/floor.rs`)."""

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from results import ROOT

__all__ = ["floor"]

PROGRAM = os.environ.get("FASTMCP_RS_FLOOR", str(ROOT / "target/wheel/examples/floor"))


@contextmanager
def floor(algorithm: str, public_key: str | None = None) -> Iterator[Callable[[Sequence[str]], float]]:
    """Run the program, and give what tells the microseconds of the signature of one of these tokens.

    Without a key, each token is checked under the one that its own header has, which is prepared for it.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as key:
        key.write(public_key or "")
        key.flush()
        command = [PROGRAM, algorithm, *([] if public_key is None else [key.name])]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

            def microseconds(tokens: Sequence[str]) -> float:
                print(*tokens, file=process.stdin, flush=True)
                return int(process.stdout.readline()) / len(tokens) / 1000  # type: ignore[union-attr]

            yield microseconds
            process.stdin.close()  # type: ignore[union-attr]
