"""``fastmcp-rs run``: the server that FastMCP's own command starts, and those in processes below it, are native."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fastmcp_rs import patch

SECONDS = 60
# What a server's module sees when it is imported: whether install() is in effect, and the module that its environment
# has under the name that brought this about.
SERVER = """
import os, sys
from pathlib import Path
import fastmcp_rs
from fastmcp import FastMCP
import fastmcp.server.auth.providers.jwt
mcp = FastMCP("served")
marked = getattr(sys.modules.get("sitecustomize"), "MARK", None)
seen = Path(os.environ["SEEN"])
seen.with_suffix(".part").write_text(f"{fastmcp_rs.installed().state} {os.getppid()} {sys.argv[1:]} {marked}")
seen.with_suffix(".part").rename(seen)
if __name__ == "__main__":
    sys.exit(0)
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "served.py").write_text(SERVER)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text("MARK = 'theirs'\n")
    return tmp_path


@pytest.fixture
def started(folder, tmp_path_factory):
    """Start the command in the folder and give what the server saw: ``started(*arguments)``."""
    # Elsewhere, since a change in the folder starts the server anew.
    seen = tmp_path_factory.mktemp("seen") / "seen"
    processes = []

    def stop():
        for process in processes:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=SECONDS)
        processes.clear()

    def start(*arguments):
        stop()
        seen.unlink(missing_ok=True)
        environment = {**os.environ, "SEEN": str(seen), "FASTMCP_HOME": str(folder)}
        # FastMCP starts its own command by its name.
        for name, first in (("PATH", Path(sys.executable).parent), ("PYTHONPATH", folder / "site")):
            environment[name] = os.pathsep.join(filter(None, [str(first), os.environ.get(name)]))
        command = [sys.executable, "-W", "ignore", "-m", "fastmcp_rs", *arguments]
        # Its input stays open, since a server on it would end with it.
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        processes.append(process)
        end = time.monotonic() + SECONDS
        while not seen.exists():
            if process.poll() is not None and not seen.exists():
                pytest.fail(process.stdout.read().decode())
            assert time.monotonic() < end, "the server was not imported"
            time.sleep(0.05)
        return process, seen.read_text()

    yield start
    stop()


def test_the_server_of_the_process_itself_is_native(started):
    process, seen = started("run", "served.py", "--transport", "stdio", "--", "--own", "1")
    assert seen == f"active {os.getpid()} ['--own', '1'] theirs"
    assert process.poll() is None


def test_servers_in_child_processes_are_native(started, line):
    # Before 3.0 the command has neither form.
    forms = [["run", "served.py", "--reload"], ["run", "served", "-m"]] if line >= (3,) else []
    for form in forms:
        process, seen = started(*form)
        state, parent, *_, marked = seen.split()
        assert (state, marked) == ("active", "theirs")
        assert int(parent) == process.pid


def run(*command):
    finished = subprocess.run(
        [sys.executable, "-W", "ignore", *command], capture_output=True, text=True, timeout=SECONDS, check=False
    )
    return finished.returncode, finished.stdout


def test_run_takes_the_arguments_of_fastmcps_command():
    theirs = run("-c", "import sys; from fastmcp.cli import app; sys.argv[0] = 'fastmcp'; app()", "run", "--help")
    assert "--transport" in theirs[1]
    assert run("-m", "fastmcp_rs", "run", "--help") == theirs


def test_an_environment_without_the_package_is_reported():
    child = Path(patch.__file__).parent / "child"
    # Without the site packages there is no fastmcp_rs, and nothing is imported at the start.
    code = "import sys; sys.path.insert(0, sys.argv[1]); import sitecustomize; print(sys.path[0] != sys.argv[1])"
    finished = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(child)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert "has no fastmcp-rs" in finished.stderr
    assert finished.stdout == "True\n"
