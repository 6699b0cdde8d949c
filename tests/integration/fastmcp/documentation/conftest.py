"""The examples of the page that documents the API, run as they are printed but for the changes that a test names."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from ports import free_port

PAGE = Path(__file__).parents[5] / "shared" / "spec" / "authentication.md"
START_SECONDS = 60
# The changes that every example has.
IMPORTS = re.compile(r"^from fastmcp\b", re.MULTILINE)
RUN = 'mcp.run(transport="http", port=8080)'


@pytest.fixture(scope="session")
def example():
    """An example by its title, with its imports changed, and each text by another: ``example(title, {old: new})``."""
    if not PAGE.exists():
        pytest.skip("the page is not here: ../shared/spec/authentication.md")
    page = PAGE.read_text()

    def made(title, changes):
        (code,) = re.findall(rf"^### {re.escape(title)}\n\n```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
        code = IMPORTS.sub("from fastmcp_rs", code)
        for old, new in changes.items():
            assert old in code, f"the page no longer has {old!r}"
            code = code.replace(old, new)
        return code

    made.titles = re.findall(r"^### (.*)\n\n```python\n", page, re.MULTILINE)
    return made


@pytest.fixture
def names_of_example(example):
    """Run an example that is no server in this process, and give its names: ``names_of_example(title, changes)``."""

    def run(title, changes):
        names = {"__name__": "example"}
        exec(compile(example(title, changes), title, "exec"), names)  # noqa: S102 - the page is known
        return names

    return run


@pytest.fixture
def run_example(example, tmp_path):
    """Run an example that is a server, in a process of its own: ``with run_example(title, changes) as url``.

    Whatever it printed is searched for the secrets that are named.
    """

    @contextmanager
    def running(title, changes=(), secrets=()):
        port = free_port()
        changes = {RUN: RUN.replace("8080", str(port)), **dict(changes)}
        script, printed = tmp_path / "example.py", tmp_path / "printed.txt"
        script.write_text(example(title, changes))
        # FastMCP would look on the network for a newer release of itself.
        environment = {**os.environ, "FASTMCP_CHECK_FOR_UPDATES": "off", "FASTMCP_LOG_LEVEL": "DEBUG"}
        with (
            printed.open("wb") as output,
            subprocess.Popen([sys.executable, script], env=environment, stdout=output, stderr=output) as process,
        ):
            try:
                _wait_for(port, process, printed)
                yield f"http://127.0.0.1:{port}/mcp"
            finally:
                process.terminate()
        text = printed.read_text()
        assert not [secret for secret in secrets if secret in text]

    return running


def _wait_for(port, process, printed):
    # Not by connecting: another process could have taken the port meanwhile, and would answer.
    give_up = time.monotonic() + START_SECONDS
    while f"Uvicorn running on http://127.0.0.1:{port}" not in printed.read_text():
        assert process.poll() is None, printed.read_text()
        assert time.monotonic() < give_up, f"the example did not start: {printed.read_text()}"
        time.sleep(0.05)


@dataclass
class Service:
    """A service on this machine, in the place of one that the page only names."""

    url: str
    answers: dict = field(default_factory=dict)
    requests: list = field(default_factory=list)


@pytest.fixture
def service():
    """A service that answers by path, with what a function makes of the request's body and headers, as JSON."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
            is_form = self.headers.get_content_type() == "application/x-www-form-urlencoded"
            sent = (
                {name: value for name, (value, *_) in parse_qs(body).items()} if is_form else json.loads(body or "null")
            )
            made.requests.append((self.path, sent, {name.lower(): value for name, value in self.headers.items()}))
            status, answer = made.answers.get(self.path, lambda *_: (404, {}))(sent, self.headers)
            raw = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = answer  # noqa: N815 - the names that http.server looks for

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made = Service(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield made
        server.shutdown()
        thread.join()
