"""What those servers share that are programs of their own: each is a child process, on a port that was free."""

import contextlib
import http.client
import json
import socket
import subprocess
import sys
import time
import urllib.parse

SECONDS = 30


def answered(port, method, path, *, body=None, json_body=None, cookie="", accept="text/html"):
    """Send a request and give the answer, whose body is its ``text``. One that reports an error ends this process."""
    headers = {"Cookie": cookie, "Accept": accept}
    if json_body is not None:
        headers["Content-Type"], body = "application/json", json.dumps(json_body)
    elif body is not None:
        headers["Content-Type"], body = "application/x-www-form-urlencoded", urllib.parse.urlencode(body)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        answer.text = answer.read().decode()
    if answer.status >= 400:
        sys.exit(f"{method} {path}: {answer.status} {answer.text}")
    return answer


def code_of(answer):
    """The authorization code of a redirect to the client."""
    parameters = urllib.parse.parse_qs(urllib.parse.urlsplit(answer.headers["Location"]).query)
    if "code" not in parameters:
        sys.exit(f"no code: {parameters}")
    return parameters["code"][0]


def serve_child(command, port, set_up, **options):
    """Run a server until the input ends, and tell the facts that are known once it is set up."""
    with subprocess.Popen(command, stdout=sys.stderr, **options) as process:
        try:
            _wait_for(process, port)
            sys.stdout.write(f"{json.dumps(set_up())}\n")
            sys.stdout.flush()
            sys.stdin.read()
        finally:
            process.terminate()


def _wait_for(process, port):
    end = time.monotonic() + SECONDS
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    sys.exit("the server does not listen")
