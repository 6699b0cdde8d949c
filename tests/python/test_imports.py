"""What importing the package loads, and what works where FastMCP, or also the MCP SDK, is missing."""

import json
import subprocess
import sys
import textwrap

import pytest

HOSTS = ("fastmcp", "mcp", "httpx", "httpx2", "pydantic")

# A module that is None in sys.modules cannot be imported, as if it were not installed.
HIDE = "import sys; sys.modules.update(dict.fromkeys({names!r}))\n"

VERIFY = """
import asyncio, json, logging, sys
from types import SimpleNamespace
from fastmcp_rs.auth import AccessToken, JWTVerifier, StaticTokenVerifier
from fastmcp_rs.testing import KeyPair

logging.basicConfig(level=logging.CRITICAL)
pair = KeyPair.generate("ES256")
token = pair.create_token("alice", audience="https://server.example", scopes=["read"])
verifier = JWTVerifier(public_key=pair.public_key, algorithm="ES256", audience="https://server.example")
static = StaticTokenVerifier({"t": {"user_id": "bob"}})

def authenticate(verifier, token):
    request = SimpleNamespace(headers={"authorization": f"Bearer {token}"})
    answer = asyncio.run(verifier.authenticate(request))
    assert answer is None or type(answer) is AccessToken
    return answer and answer.user_id

def verify(verifier, token):
    try:
        answer = asyncio.run(verifier.verify_token(token))
    except ImportError as error:
        return f"ImportError: {error}"
    return answer and [f"{type(answer).__module__}.{type(answer).__name__}", answer.model_dump()]

class Denies(JWTVerifier):
    async def authenticate(self, request):
        answer = await super().authenticate(request)
        return None if answer is None or answer.user_id == "alice" else answer

denies = Denies(public_key=pair.public_key, algorithm="ES256", audience="https://server.example")
other = pair.create_token("carol", audience="https://server.example")

cases = [(verifier, token), (static, "t"), (verifier, "x"), (static, "u")]

print(json.dumps({
    "authenticate": [authenticate(*case) for case in cases],
    "verify": [verify(*case) for case in cases],
    "denies": [[authenticate(denies, one), verify(denies, one)] for one in (token, other)],
    "attributes": [verifier.required_scopes, verifier.base_url, verifier.issuer, static.required_scopes],
    "bases": [base.__module__ for base in JWTVerifier.__mro__],
    "token": token,
}))
"""


def run(code: str, *options: str) -> str:
    """Run code in a Python of its own, where nothing is imported yet."""
    finished = subprocess.run(
        [sys.executable, *options, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60, check=False
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""
    return finished.stdout


def loaded_by(code: str) -> set[str]:
    """Which of the hosts' packages the code loads."""
    return set(json.loads(run(f"{code}\nimport json, sys\nprint(json.dumps([*sys.modules]))"))).intersection(HOSTS)


@pytest.mark.parametrize(
    "code",
    [
        "import fastmcp_rs",
        "import fastmcp_rs.auth",
        "from fastmcp_rs.auth import AccessToken; AccessToken('t')",
        "from fastmcp_rs import AccessToken",
        "import fastmcp_rs; fastmcp_rs.__version__; dir(fastmcp_rs); dir(fastmcp_rs.auth)",
        "import fastmcp_rs; fastmcp_rs.jws, fastmcp_rs.testing, fastmcp_rs.errors",
        "import fastmcp_rs; fastmcp_rs.client, fastmcp_rs.server, fastmcp_rs.exceptions",
        "from fastmcp_rs.server.auth import AccessToken",
        "from fastmcp_rs.server.dependencies import get_access_token, require_scope, validate_scopes",
        "from fastmcp_rs.jws import verify",
        "from fastmcp_rs.testing import KeyPair; KeyPair.generate('ES256').create_token()",
        "import fastmcp_rs._compat",
        "import fastmcp_rs.client",
    ],
)
def test_importing_loads_neither_fastmcp_nor_what_it_needs(code):
    assert loaded_by(code) == set()


def test_client_authentication_loads_only_the_http_libraries():
    assert loaded_by("import fastmcp_rs.client.auth") == {"httpx", "httpx2"}


def test_only_names_that_need_fastmcp_load_it():
    for code in (
        "from fastmcp_rs.auth import JWTVerifier",
        "import fastmcp_rs; fastmcp_rs.StaticTokenVerifier",
        "from fastmcp_rs.server.auth import AuthProvider",
        "from fastmcp_rs import FastMCP",
        "from fastmcp_rs.exceptions import ClientError",
    ):
        assert "fastmcp" in loaded_by(code)


@pytest.mark.parametrize(
    "code",
    ["import fastmcp_rs.auth", "import fastmcp_rs.testing, fastmcp_rs.jws, fastmcp_rs.errors, fastmcp_rs._compat"],
)
def test_importing_warns_of_nothing(code):
    assert run(code, "-W", "error") == ""


def test_the_names_of_the_package_are_listed_and_others_are_not_there():
    shown = run(
        """
        import fastmcp_rs
        for name in [*fastmcp_rs.__all__, "__version__"]:
            assert name in dir(fastmcp_rs)
            assert getattr(fastmcp_rs, name), name
        assert fastmcp_rs.JWTVerifier is fastmcp_rs.auth.JWTVerifier
        print(fastmcp_rs.__version__, hasattr(fastmcp_rs, "Other"))
        """
    )
    version, other = shown.split()
    assert version[0].isdigit()
    assert other == "False"


def test_with_the_mcp_sdk_alone_verify_token_gives_its_access_token():
    answers = json.loads(run(HIDE.format(names=["fastmcp"]) + VERIFY))
    assert answers["authenticate"] == ["alice", "bob", None, None]
    (jwt_class, jwt), (static_class, static), *refused = answers["verify"]
    assert jwt_class == static_class == "mcp.server.auth.provider.AccessToken"
    assert (jwt["token"], jwt["client_id"], jwt["scopes"]) == (answers["token"], "alice", ["read"])
    assert type(jwt["expires_at"]) is int
    assert jwt["resource"] == "https://server.example"
    assert static["client_id"] == "bob"
    assert refused == [None, None]
    assert answers["denies"][0] == [None, None]
    assert answers["denies"][1][0] == "carol"
    assert answers["denies"][1][1][1]["client_id"] == "carol"
    assert not any(base.startswith(("fastmcp.", "mcp.")) for base in answers["bases"])


def test_with_neither_authenticate_works_and_verify_token_names_the_extra():
    answers = json.loads(run(HIDE.format(names=["fastmcp", "mcp"]) + VERIFY))
    assert answers["authenticate"] == ["alice", "bob", None, None]
    for answer in answers["verify"][:2]:
        assert answer.startswith("ImportError")
        assert "pip install 'fastmcp-rs[fastmcp]'" in answer
        assert "authenticate()" in answer
    # What is refused is refused, whatever is installed.
    assert answers["verify"][2:] == [None, None]
    assert answers["attributes"] == [[], None, None, []]
    assert answers["denies"][0] == [None, None]
    documented, fastmcp = answers["denies"][1]
    assert documented == "carol"
    assert fastmcp.startswith("ImportError"), "an override hides what has to be installed"


def test_with_fastmcp_the_same_code_gives_fastmcps_access_token():
    answers = json.loads(run(VERIFY))
    assert answers["authenticate"] == ["alice", "bob", None, None]
    (jwt_class, jwt), (static_class, _), *refused = answers["verify"]
    assert jwt_class == static_class == "fastmcp.server.auth.auth.AccessToken"
    assert jwt["claims"]["sub"] == "alice"
    assert refused == [None, None]
    assert "fastmcp.server.auth.providers.jwt" in answers["bases"]


def test_names_that_need_fastmcp_say_so():
    shown = run(
        HIDE.format(names=["fastmcp"])
        + """
from fastmcp_rs import _compat
try:
    _compat.fastmcp("server.auth")
except ImportError as error:
    print(error)
"""
    )
    assert "pip install 'fastmcp-rs[fastmcp]'" in shown
