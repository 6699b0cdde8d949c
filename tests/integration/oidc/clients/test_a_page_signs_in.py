"""A web page of another origin signs in at a server behind CORS, in a real browser, from the 401 on."""

import json
import queue
import shutil
import subprocess
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

PAGE = Path(__file__).with_name("sign_in.html").read_bytes()
SECONDS = 90
pytestmark = pytest.mark.timeout(2 * SECONDS)


@pytest.fixture(scope="module")
def browser():
    """The command of a browser without a window."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("chromium is not installed: .ci/run names the packages of Debian")
    # Tests may run as root, as whom it has no sandbox.
    return [found, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage"]


@pytest.fixture
def outcomes():
    """What the page reports."""
    return queue.Queue()


@pytest.fixture
def page(outcomes):
    """Serve the page, and give its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            found = urllib.parse.urlsplit(self.path).path == "/"
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(PAGE if found else b"")

        def do_POST(self):
            outcomes.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


@pytest.fixture
def app_options(page):
    origin = page.rstrip("/")
    cors = Middleware(
        CORSMiddleware,
        allow_origins=[origin],
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=["WWW-Authenticate"],
    )
    return {"middleware": [cors], "allowed_origins": [origin], "stateless_http": True, "json_response": True}


def test_a_page_of_another_origin_signs_in_from_the_401(browser, page, outcomes, step_up_server, tmp_path):
    url, server = step_up_server
    start = f"{page}?{urllib.parse.urlencode({'server': url})}"
    with (tmp_path / "browser.txt").open("w") as log:
        process = subprocess.Popen([*browser, f"--user-data-dir={tmp_path / 'profile'}", start], stderr=log, stdout=log)
        try:
            outcome = outcomes.get(timeout=SECONDS)
        finally:
            process.terminate()
            process.wait()
    assert "error" not in outcome, outcome

    refused, called, step_up = outcome["refused"], outcome["called"], outcome["stepUp"]
    assert (refused["status"], "resource_metadata=" in refused["challenge"]) == (401, True)
    assert called["status"] == 200
    assert json.loads(called["answer"])["result"]["content"][0]["text"] == "read"
    # What it would need to go on from here.
    assert step_up["status"] == 403
    assert 'error="insufficient_scope"' in step_up["challenge"]
    assert "write" in step_up["challenge"]
    assert server.asked() == [["read"]]
