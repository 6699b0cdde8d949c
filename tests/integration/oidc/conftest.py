"""A real OpenID Provider, oidc-provider on Node.js, whose keys can be rotated and which can be stopped and started."""

import asyncio
import base64
import http.client
import json
import logging
import os
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
SUPPORT = Path(__file__).parents[2] / "support"
SERVERS_PYTHON = Path(__file__).parents[3] / "target" / "authorization-servers" / "venv" / "bin" / "python"
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

    def user_tokens(self) -> dict[str, str]:
        """Get the tokens of a user who has signed in at a client: an opaque access token, a refresh and an ID token."""
        return exchanged(f"{self.issuer}/token", self._command("code")["code"])

    def signers(self) -> list[dict]:
        """Give the private keys of the client ``signer``, and at the end another's: ``jwk`` and ``pem`` of each."""
        return self._command("signers")["signers"]

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
        form = {"grant_type": "client_credentials", "scope": "read", "resource": resource}
        answer = json.loads(self._post("/token", form))
        assert "access_token" in answer, answer
        return answer["access_token"]

    def revoke(self, token: str) -> None:
        """Make a token worthless before its time (RFC 7009)."""
        assert not self._post("/token/revocation", {"token": token})

    def _post(self, path: str, form: dict[str, str]) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=ANSWER_SECONDS)
        try:
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            connection.request("POST", path, urllib.parse.urlencode({**form, **CLIENT}), headers)
            return connection.getresponse().read()
        finally:
            connection.close()

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


def exchanged(token_url: str, code: str) -> dict[str, str]:
    """Exchange the authorization code of the client ``app`` (RFC 6749 section 4.1.3)."""
    url = urllib.parse.urlsplit(token_url)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": "https://app.example/callback"}
    pair = base64.b64encode(b"app:hush-hush").decode()
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": f"Basic {pair}"}
    connection = http.client.HTTPConnection(url.netloc, timeout=ANSWER_SECONDS)
    try:
        connection.request("POST", url.path, urllib.parse.urlencode(form), headers)
        answer = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    return {kind: answer[f"{kind}_token"] for kind in ("access", "refresh", "id")}


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


class PackagedServer:
    """An authorization server of a package of PyPI or Debian, with one user who has signed in at a client."""

    def __init__(self, script: str, folder: Path) -> None:
        self._log = folder / f"{script}.txt"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [SERVERS_PYTHON, Path(__file__).parent / "servers" / f"{script}.py", folder / script],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, "PYTHONPATH": str(SUPPORT)},
            )
        lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=_read_lines, args=(self._process.stdout, lines), daemon=True).start()
        line = lines.get(timeout=2 * ANSWER_SECONDS)
        assert line, f"the server does not start:\n{self._log.read_text()}"
        facts = json.loads(line)
        self.token_url, self.issuer = facts["token_url"], facts["issuer"]
        self._code = facts["code"]

    def user_tokens(self) -> dict[str, str]:
        """Get the tokens of the user: an access, a refresh and an ID token. Once, as a code is good for."""
        return exchanged(self.token_url, self._code)

    def stop(self) -> None:
        """End the process."""
        try:
            self._process.communicate(timeout=ANSWER_SECONDS)
        finally:
            self._process.kill()


def _packaged_server(script: str, folder: Path):
    if not SERVERS_PYTHON.exists():
        pytest.skip("the authorization servers are not installed: run `make test-python`")
    server = PackagedServer(script, folder)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def canaille(tmp_path_factory):
    """canaille, which is made of Authlib."""
    yield from _packaged_server("canaille_server", tmp_path_factory.mktemp("canaille"))


@pytest.fixture(scope="session")
def django_oauth_toolkit(tmp_path_factory):
    """django-oauth-toolkit."""
    yield from _packaged_server("django_oauth_toolkit", tmp_path_factory.mktemp("django"))


@pytest.fixture(scope="session")
def glewlwyd(tmp_path_factory):
    """glewlwyd, a server in C."""
    if shutil.which("glewlwyd") is None:
        pytest.skip("glewlwyd is not installed: .ci/run names the packages of Debian")
    yield from _packaged_server("glewlwyd_server", tmp_path_factory.mktemp("glewlwyd"))


@pytest.fixture(scope="session")
def lemonldap_ng(tmp_path_factory):
    """lemonldap-ng, a server in Perl."""
    if not Path("/usr/share/lemonldap-ng/portal").exists():
        pytest.skip("lemonldap-ng is not installed: .ci/run names the packages of Debian")
    yield from _packaged_server("lemonldap_ng", tmp_path_factory.mktemp("lemonldap"))


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
def token_of_unknown_key(resource):
    """Make a token of a provider under a key id that it has never published: ``token_of_unknown_key(provider)``."""

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
