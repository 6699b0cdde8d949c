"""Build the fuzz targets and run each for some seconds, from the seeds that are in the repository.

libFuzzer's instrumentation is asked of the stable compiler, so that neither nightly nor cargo-fuzz has to be there.
The cryptography library is taken from the build of the project where there is one, since building it takes longest.
With the nightly compiler, ``cargo +nightly fuzz run TARGET`` does the same under AddressSanitizer.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FUZZ = ROOT / "fuzz"
TARGETS = sorted(target.stem for target in (FUZZ / "fuzz_targets").glob("*.rs"))
FLAGS = [
    *("--cfg=fuzzing", "-Cpasses=sancov-module", "-Cllvm-args=-sanitizer-coverage-level=4"),
    *("-Cllvm-args=-sanitizer-coverage-inline-8bit-counters", "-Cllvm-args=-sanitizer-coverage-pc-table"),
    *("-Cllvm-args=-sanitizer-coverage-trace-compares", "-Cllvm-args=-simplifycfg-branch-fold-threshold=0"),
    "-Ccodegen-units=1",
]
MAX_SECONDS_AN_INPUT = 10


def triple() -> str:
    """Tell for what the compiler builds here."""
    command = [shutil.which("rustc") or "rustc", "-vV"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return said.partition("host: ")[2].split()[0]


def built_cryptography(host: str) -> list[str]:
    """What tells cargo that the library is built already, if the project's own build has the version that is wanted."""
    version = re.search(r'name = "aws-lc-sys"\nversion = "([^"]+)"', (FUZZ / "Cargo.lock").read_text())
    links = f"aws_lc_{version[1].replace('.', '_')}" if version else "aws_lc"
    libraries = (ROOT / "target/release/build").glob(f"aws-lc-sys-*/out/lib{links}_crypto.a")
    for out in (library.parent for library in libraries):
        output = out.with_name("output").read_text()
        if f"rustc-link-lib=static={links}_crypto" in output:
            settings = {
                "rustc-link-lib": [f"static={links}_crypto"],
                "rustc-link-search": [f"native={out}"],
                "rustc-cfg": re.findall(r"^cargo:rustc-cfg=(\S+)$", output, re.MULTILINE),
                "include": str(out / "include"),
                "libcrypto": f"{links}_crypto",
                "root": str(out),
            }
            return [f"--config=target.{host}.{links}.{name}={json.dumps(value)}" for name, value in settings.items()]
    return []


def build() -> Path:
    """Build all targets with libFuzzer's instrumentation, and return where they are."""
    host = triple()
    command = ["cargo", "build", "--release", "--locked", "--target", host, *built_cryptography(host)]
    subprocess.run(command, cwd=FUZZ, env={**os.environ, "RUSTFLAGS": " ".join(FLAGS)}, check=True)
    return FUZZ / "target" / host / "release"


def unmoved() -> list[str]:
    """What starts a program at the same addresses each time, where the system allows that: libFuzzer hashes some."""
    command = ["setarch", "-R"]
    try:
        allowed = subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        allowed = False
    return command if allowed else []


def run(binary: Path, start: list[str], length: list[str]) -> tuple[int, int, str]:
    """Fuzz one target: how many inputs it saw and kept, and what it said where one of them broke it."""
    found = FUZZ / "corpus" / binary.name
    artifacts = FUZZ / "artifacts" / binary.name
    for folder in (found, artifacts):
        folder.mkdir(parents=True, exist_ok=True)
    command = [
        *(*start, str(binary), *length, f"-timeout={MAX_SECONDS_AN_INPUT}", "-print_final_stats=1"),
        *(
            f"-artifact_prefix={artifacts}/",
            f"-dict={FUZZ / 'dictionary.txt'}",
            str(found),
            str(FUZZ / "seeds" / binary.name),
        ),
    ]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    counts = re.search(r"number_of_executed_units: (\d+)(?s:.*)new_units_added: +(\d+)", done.stderr)
    if done.returncode or counts is None:
        return 0, 0, done.stderr[-4000:]
    return int(counts[1]), int(counts[2]), ""


def main() -> int:
    """Fuzz, and return the status for the shell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=10, help="how long each target runs")
    parser.add_argument("--runs", type=int, help="run so many inputs instead, the same in each run")
    parser.add_argument(
        "--clean", action="store_true", help="start from the seeds alone, not from what was found before"
    )
    parser.add_argument("targets", nargs="*", default=TARGETS, help="which targets, all by default")
    arguments = parser.parse_args()
    start, length = [], [f"-max_total_time={arguments.seconds}"]
    if arguments.runs is not None:
        # What decides is the count and the seed, and neither the time that passes nor where the system puts a program.
        start, length = unmoved(), [f"-runs={arguments.runs}", "-seed=1", "-reload=0"]
    if arguments.clean:
        shutil.rmtree(FUZZ / "corpus", ignore_errors=True)
    folder = build()
    started = time.monotonic()
    failed = False
    total = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda target: run(folder / target, start, length), arguments.targets)
        for target, (inputs, kept, said) in zip(arguments.targets, results, strict=True):
            total += inputs
            failed |= bool(said)
            print(f"{target:14} {said or f'{inputs:12,} inputs, {kept:,} of them new'}", flush=True)
    print(f"{'together':14} {total:12,} inputs, {time.monotonic() - started:.0f} s")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
