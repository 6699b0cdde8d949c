"""Build the wheel from the unpacked source distribution, check it, and run the demo from it where there is no Rust.

For Linux, zig compiles the C and links: it knows the symbols of every glibc, so the wheel runs on systems as old as its
name says. A wheel that this machine cannot run is built and checked only.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from lines import NEWEST_FOR_OLDEST_PYTHON

ROOT = Path(__file__).resolve().parents[1]
UNPACKED = ROOT / "target/package/unpacked"
INSTALLED = ROOT / "target/package/installed"
LIBGCC = ROOT / "target/package/libgcc"
# A FastMCP line whose locked requirements the wheel is installed beside.
SERVER = ROOT / f"requirements/{NEWEST_FOR_OLDEST_PYTHON.lock}.txt"
# The name of a wheel for each C library of Linux. No Python from 3.10 on is distributed for an older glibc.
COMPATIBILITY = {"gnu": "manylinux_2_17", "musl": "musllinux_1_2"}
# The functions of libgcc_s that unwind a stack, by the version that has each (the same on every processor).
UNWINDING = {
    "GCC_3.0": (
        *("DeleteException", "Find_FDE", "ForcedUnwind", "GetDataRelBase", "GetGR", "GetIP", "GetLanguageSpecificData"),
        *("GetRegionStart", "GetTextRelBase", "RaiseException", "Resume", "SetGR", "SetIP"),
    ),
    "GCC_3.3": ("Backtrace", "FindEnclosingFunction", "GetCFA", "Resume_or_Rethrow"),
    "GCC_4.2.0": ("GetIPInfo",),
}


def run(*command: str | Path, cwd: Path = ROOT, env: dict[str, str] | None = None) -> None:
    """Run one command, whose failure ends the script."""
    print("+", *command, flush=True)
    done = subprocess.run(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        sys.exit(f"wheel: {Path(command[0]).name} ended with {done.returncode}")


def answer(*command: str | Path) -> str:
    """Run one command and return what it printed."""
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def host() -> str:
    """Give the target that this machine's Rust builds for by itself."""
    lines = answer("rustc", "-vV").splitlines()
    return next(line.removeprefix("host: ") for line in lines if line.startswith("host: "))


def libgcc(target: str, folder: Path, tools: Path) -> Path:
    """Make what the extension is linked against in the place of libgcc_s: its functions' names, without their code.

    zig would put an unwinder of its own into the extension. But until Python 3.14, a thread that asks an ending
    interpreter for its lock is ended by glibc, which unwinds it with libgcc_s. The frames of the extension are then
    asked by that library, and have to answer by it: with another one the process ends by a segmentation fault.
    """
    folder.mkdir(parents=True, exist_ok=True)
    code, versions, library = (folder / name for name in ("libgcc.c", "libgcc.map", "libgcc_s.so.1"))
    code.write_text("".join(f"void _Unwind_{name}(void) {{}}\n" for names in UNWINDING.values() for name in names))
    having = {version: "".join(f"_Unwind_{name}; " for name in names) for version, names in UNWINDING.items()}
    versions.write_text("".join(f"{version} {{ {names}}};\n" for version, names in having.items()))
    options = ["-shared", "-nostdlib", f"-Wl,-soname,{library.name}", f"-Wl,--version-script={versions}"]
    system = f"{target.split('-', maxsplit=1)[0]}-linux-gnu"
    run(tools / "python-zig", "cc", "-target", system, *options, "-o", library, code)
    return library


def build(target: str, out: Path, tools: Path) -> Path:
    """Build the wheel of a target. cargo's folder is the checkout's, for the libraries that both builds share."""
    folders = [folder for folder in UNPACKED.glob("*") if folder.is_dir()]
    if len(folders) != 1:
        sys.exit("wheel: there is no unpacked source distribution; run make sdist first")
    out.mkdir(parents=True, exist_ok=True)
    path = os.pathsep.join([str(tools), os.environ["PATH"]])
    with tempfile.TemporaryDirectory(dir=out) as folder:
        maturin = Path(sys.executable).with_name("maturin")
        options = ["--profile", "wheel", "--locked", "--target", target]
        options += ["--interpreter", sys.executable, "--out", folder]
        for libc, compatibility in COMPATIBILITY.items():
            if target.endswith(f"linux-{libc}"):
                options += ["--zig", "--compatibility", compatibility]
        # What a panic says of its place names no folder of this machine.
        cargo = os.environ.get("CARGO_HOME", str(Path.home() / ".cargo"))
        flags = [f"--remap-path-prefix={it}" for it in (f"{cargo}=cargo", f"{folders[0]}=.")]
        if target.endswith("linux-gnu"):
            flags.append(f"-Clink-arg={libgcc(target, LIBGCC, tools)}")
        environment = os.environ | {
            "CARGO_TARGET_DIR": str(ROOT / "target"),
            "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(flags),
            "PATH": path,
        }
        run(maturin, "build", *options, cwd=folders[0], env=environment)
        (built,) = Path(folder).glob("*.whl")
        return built.replace(out / built.name)


def is_at_most(tag: str, compatibility: str) -> bool:
    """Whether a tag such as manylinux_2_12_x86_64 asks for no newer C library than a name such as manylinux_2_17."""
    (libc, *version), (other, *bound) = (text.split("_") for text in (tag, compatibility))
    return libc == other and [int(it) for it in version[:2]] <= [int(it) for it in bound]


def check(wheel: Path, target: str, tools: Path) -> None:
    """Check this wheel with the tools for wheels."""
    for libc, compatibility in COMPATIBILITY.items():
        if target.endswith(f"linux-{libc}"):
            found = json.loads(answer(tools / "auditwheel", "show", "--json", wheel))
            print(f"auditwheel: {found['overall_tag']}, symbols {found['versioned_symbols']}", flush=True)
            if compatibility not in wheel.name or not is_at_most(found["overall_tag"], compatibility):
                sys.exit(f"wheel: {wheel.name} does not run everywhere that {compatibility} does")
            if libc == "gnu" and "libgcc_s.so.1" not in found["versioned_symbols"]:
                sys.exit(f"wheel: {wheel.name} unwinds by itself, and not by libgcc_s")
    run(tools / "abi3audit", "--strict", "--summary", "--assume-minimum-abi3", "3.10", wheel)
    run(tools / "twine", "check", "--strict", wheel)
    (folder,) = UNPACKED.iterdir()
    # W102 is a file that is not in the sources: the extension.
    run(tools / "check-wheel-contents", "--package", folder / "python/fastmcp_rs", "--ignore", "W102", wheel)


def without_rust() -> dict[str, str]:
    """Give the environment of a machine that has no Rust, and nothing of this checkout."""
    unwanted = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYO3_PYTHON", "CARGO_HOME", "RUSTUP_HOME"}
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    folders = os.environ["PATH"].split(os.pathsep)
    kept["PATH"] = os.pathsep.join(
        it for it in folders if not any(shutil.which(of, path=it) for of in ("cargo", "rustc"))
    )
    return kept


def try_out(wheel: Path) -> None:
    """Install the wheel into an environment of its own, and run the demo from an empty folder."""
    shutil.rmtree(INSTALLED, ignore_errors=True)
    uv = Path(sys.executable).with_name("uv")
    run(uv, "venv", "--quiet", "--no-python-downloads", "--python", sys.executable, INSTALLED)
    programs = INSTALLED / ("Scripts" if os.name == "nt" else "bin")
    python = programs / "python"
    environment = without_rust()
    run(uv, "pip", "sync", "--quiet", "--require-hashes", "--python", python, SERVER, env=environment)
    run(uv, "pip", "install", "--quiet", "--no-deps", "--python", python, wheel, env=environment)
    with tempfile.TemporaryDirectory() as empty:
        run(programs / "fastmcp-rs", "demo", cwd=Path(empty), env=environment)


def main() -> int:
    """Build, check and try out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tools", type=Path, required=True, help="the folder of zig, auditwheel, abi3audit, twine ...")
    parser.add_argument("--target", help="the Rust target (default: this machine's)")
    parser.add_argument("--out", type=Path, default=ROOT / "target/dist", help="where the wheel goes")
    options = parser.parse_args()
    here = host()
    target = options.target or here
    wheel = build(target, options.out.resolve(), options.tools.resolve())
    check(wheel, target, options.tools.resolve())
    if target == here:
        try_out(wheel)
    done = "built, checked and run" if target == here else "built and checked"
    print(f"wheel: {wheel.name}, {wheel.stat().st_size / 1e6:.2f} MB: {done}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
