"""A real OpenID Provider, oidc-provider on Node.js, whose keys can be rotated and which can be stopped and started."""

import asyncio
import base64
import http.client
import json
import logging
import queue
import shutil
import subprocess
import threading
import time
import urllib.parse
from pathlib import Path

import pytest

from fastmcp_rs.auth import JWTVerifier
from fastmcp_rs.testing import KeyPair

JS = Path(__file__).parents[2] / "js"
RESOURCE = "https://server.example/mcp"
CLIENT = {"client_id": "robot", "client_secret": "what only the robot knows"}
# A start takes half a second; a machine that is busy with something else may take far longer.
ANSWER_SECONDS = 30


class OidcProvider:
    """The provider, from here: ``start`` and ``stop`` may follow each other, and the port and the keys stay."""

    def __init__(self, folder: Path, algorithm: str) -> None:
        self.algorithm = algorithm
        self._keys = folder / "keys.json"
        self._log = folder / "log.txt"
        self._port = 0
        self._process: subprocess.Popen[str] | None = None
        self.issuer = ""

    def start(self) -> None:
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                ["node", "oidc.mjs", str(self._port), str(self._keys), self.algorithm],
                cwd=JS,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._answers: queue.Queue[str] = queue.Queue()
        # A pipe cannot be read with a timeout on every system.
        threading.Thread(target=_read_lines, args=(self._process.stdout, self._answers), daemon=True).start()
        status = self._answer()
        self._port, self.issuer = status["port"], status["issuer"]

    def stop(self) -> None:
        """End the process and every connection. Does nothing where it has ended."""
        if self._process is None:
            return
        process, self._process = self._process, None
        try:
            # The end of its input ends it.
            process.communicate(timeout=ANSWER_SECONDS)
        finally:
            process.kill()

    def forget_keys(self) -> None:
        """Let the next start make a new key, as after the loss of a disk."""
        self._keys.unlink()

    def rotate(self) -> str:
        """Sign with a new key beside the old ones, and give its id."""
        return self._command("rotate")["kids"][0]

    def withdraw(self) -> None:
        """Publish nothing but the key that signs."""
        self._command("withdraw")

    def key_ids(self) -> list[str]:
        """Give the ids of the published keys, the signing one first."""
        return self._command("status")["kids"]

    def requests(self, path: str) -> int:
        """Count the requests for a path, of the running process."""
        return self._command("status")["requests"].get(path, 0)

    def fetches(self) -> int:
        """Count the requests for the key set, of the running process."""
        return self.requests("/jwks")

    def token(self, resource: str = RESOURCE) -> str:
        """Get an access token with the client credentials grant (RFC 6749 section 4.4, RFC 8707)."""
        form = {"grant_type": "client_credentials", "scope": "read", "resource": resource, **CLIENT}
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=ANSWER_SECONDS)
        try:
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            connection.request("POST", "/token", urllib.parse.urlencode(form), headers)
            answer = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        assert "access_token" in answer, answer
        return answer["access_token"]

    def _command(self, line: str) -> dict:
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict:
        try:
            answer = self._answers.get(timeout=ANSWER_SECONDS)
        except queue.Empty:
            answer = ""
        assert answer, f"the provider does not answer:\n{self._log.read_text()}"
        return json.loads(answer)


def _read_lines(lines, answers: queue.Queue[str]) -> None:
    for line in lines:
        answers.put(line)
    answers.put("")


@pytest.fixture(scope="session")
def _node() -> None:
    if shutil.which("node") is None:
        pytest.skip("node is not on PATH")
    if not (JS / "node_modules" / "oidc-provider").is_dir():
        pytest.skip("oidc-provider is not installed: run `make js`")


def _provider(folder: Path, algorithm: str):
    provider = OidcProvider(folder, algorithm)
    try:
        provider.start()
        yield provider
    finally:
        provider.stop()


@pytest.fixture(scope="session")
def provider(_node, tmp_path_factory):
    """A provider whose keys do not change."""
    yield from _provider(tmp_path_factory.mktemp("provider"), "RS256")


@pytest.fixture
def own_provider(_node, tmp_path):
    """A provider of this test alone, for it to change and to stop. Its keys are of the kind that is made quickly."""
    yield from _provider(tmp_path, "ES256")


@pytest.fixture(scope="session")
def verifier_of():
    """Make a verifier of a provider's tokens: ``verifier_of(provider, jwks_refresh_interval=0)``."""

    def made(provider: OidcProvider, **options) -> JWTVerifier:
        return JWTVerifier.from_issuer(provider.issuer, audience=RESOURCE, algorithm=provider.algorithm, **options)

    return made


@pytest.fixture
def reasons(caplog):
    """Give the reason of each refusal that was logged so far: ``reasons()``."""
    caplog.set_level(logging.DEBUG, logger="fastmcp_rs.auth")
    return lambda: [record.reason for record in caplog.records if hasattr(record, "reason")]


@pytest.fixture(scope="session")
def resource() -> str:
    """What the tokens are for."""
    return RESOURCE


@pytest.fixture(scope="session")
def stranger(resource):
    """Make a token of a provider under a key id that it has never published: ``stranger(provider)``."""

    def made(provider: OidcProvider) -> str:
        pair = KeyPair.generate(provider.algorithm)
        return pair.create_token(issuer=provider.issuer, audience=resource, kid="never published")

    return made


@pytest.fixture(scope="session")
def verify():
    """Ask a verifier, with an event loop for this one question: gives FastMCP's access token or ``None``."""
    return lambda verifier, token: asyncio.run(verifier.verify_token(token))


@pytest.fixture(scope="session")
def key_id():
    """Read the key id that a token names."""

    def read(token: str) -> str:
        header = token.split(".", maxsplit=1)[0]
        return json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"]

    return read


@pytest.fixture(scope="session")
def eventually():
    """Ask until the answer is true, and fail if that takes too long."""

    def asked(question) -> None:
        deadline = time.monotonic() + 10
        while not question():
            assert time.monotonic() < deadline, "it never came true"
            time.sleep(0.05)

    return asked
