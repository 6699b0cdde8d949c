"""``fastmcp-rs doctor server.py``: the provider of a server in a file, its keys, and what the server then answers."""

from pathlib import Path

import pytest

from fastmcp_rs.__main__ import main

ORIGIN = "https://client.example"

GITHUB = """
from fastmcp.server.auth.providers.github import GitHubProvider

auth = GitHubProvider(
    client_id="made up",
    client_secret="likewise",
    base_url="https://a.example",
    client_storage=MemoryStore(),
    jwt_signing_key="a secret of at least 32 bytes for tests",
)
"""


@pytest.mark.parametrize("around", ["", "from fastmcp_rs.auth import protect\nauth = protect(auth)"])
def test_a_provider_that_is_asked_only_at_a_sign_in_is_noted(doctor, file, result_of, around):
    code, checks = doctor(file(f"{GITHUB}{around}"))
    assert code == 0, checks
    result, text = result_of(checks, "sign-in")
    assert result == "note"
    assert text.startswith("github.com was not asked")


def test_a_file_with_a_correct_server_passes_every_check(doctor, issuer, file):
    auth = (
        f'auth = RemoteAuthProvider(JWTVerifier.from_issuer("{issuer.url}", audience="https://a.example/mcp"), '
        f'authorization_servers=["{issuer.url}"], base_url="https://a.example")'
    )
    code, checks = doctor(file(auth))
    assert code == 0, checks
    assert [(check, result) for check, result, _ in checks[3:]] == [
        ("provider", "passed"),
        ("audience", "passed"),
        ("keys", "passed"),
        ("algorithms", "passed"),
        ("clock", "passed"),
        ("challenge", "passed"),
        ("resource metadata", "passed"),
        ("resource", "passed"),
        ("authorization servers", "passed"),
        ("preflight", "advice"),
    ]


def test_a_provider_that_serves_its_metadata_passes(doctor, issuer, file, result_of):
    code, checks = doctor(file(f'auth = JWTVerifier.from_issuer("{issuer.url}", base_url="https://a.example")'))
    assert code == 0, checks
    assert result_of(checks, "audience") == ("passed", "the resource that is served")
    assert result_of(checks, "resource") == ("passed", "https://a.example/mcp")


def test_a_verifier_without_an_audience_or_with_another_algorithm_fails(doctor, issuer, file, result_of):
    auth = f'auth = JWTVerifier(jwks_uri="{issuer.url}/jwks", algorithm="ES256", audience=None)'
    with pytest.warns(UserWarning, match="no audience is configured"):
        code, checks = doctor(f"{file(auth, 'here')}:here")
    assert code == 1
    assert result_of(checks, "audience")[0] == "failed"
    assert result_of(checks, "algorithms") == ("failed", "the keys are for RS256, and the verifier accepts ES256")


def test_an_audience_that_is_not_the_resource_is_advice(doctor, file, issuer, result_of):
    auth = f'auth = JWTVerifier.from_issuer("{issuer.url}", audience="api://a", base_url="https://a.example")'
    _, checks = doctor(file(auth))
    assert result_of(checks, "audience") == ("advice", "api://a is not the resource https://a.example/mcp")


def test_the_keys_of_an_authorization_server_are_checked(doctor, file, oauth_provider, result_of):
    _, checks = doctor(file(oauth_provider))
    assert result_of(checks, "keys")[0] == "passed"
    assert result_of(checks, "clock")[0] == "passed"


def test_the_keys_of_each_issuer_are_checked(doctor, file, issuer):
    auth = f'auth = JWTVerifier.from_issuers(["{issuer.url}", "http://127.0.0.1:9"], audience="here")'
    code, checks = doctor(file(auth))
    assert code == 3
    assert [result for check, result, _ in checks if check == "keys"] == ["passed", "unavailable"]


def test_each_verifier_inside_a_provider_is_checked(doctor, file):
    auth = (
        "from fastmcp.server.auth import MultiAuth\n"
        "from fastmcp_rs.auth import StaticTokenVerifier, protect\n"
        'inside = [JWTVerifier("at least 32 bytes, as RFC 7518 has it", audience="here"), StaticTokenVerifier(["t"])]\n'
        "auth = protect(MultiAuth(verifiers=inside))"
    )
    _, checks = doctor(file(auth))
    assert (
        "provider",
        "passed",
        "fastmcp.server.auth.auth.MultiAuth around JWTVerifier, StaticTokenVerifier",
    ) in checks
    assert ("challenge", "passed", "401, Bearer") in checks


def test_a_verifier_of_fastmcps_is_advice(doctor, file, issuer, result_of):
    auth = f'auth = Theirs(jwks_uri="{issuer.url}/jwks", audience="here")'
    _, checks = doctor(file(auth))
    assert result_of(checks, "provider")[0] == "advice"
    assert result_of(checks, "keys")[0] == "passed"


def test_a_server_without_a_provider_fails(doctor, file, result_of):
    code, checks = doctor(file("auth = None"))
    assert code == 1
    assert result_of(checks, "provider")[0] == "failed"
    assert result_of(checks, "challenge")[0] == "failed"


def test_a_file_that_cannot_be_imported_fails(doctor, file, result_of):
    code, checks = doctor(file('raise RuntimeError("no database")'))
    assert code == 1
    assert result_of(checks, "server") == ("failed", "it cannot be imported: RuntimeError: no database")


def test_a_variable_that_is_not_set_is_named(doctor, file, result_of):
    code, checks = doctor(file('import os\n\nauth = JWTVerifier(os.environ["FASTMCP_RS_TEST_SECRET"])'))
    assert code == 1
    message = "it cannot be imported: the environment variable FASTMCP_RS_TEST_SECRET is not set"
    assert result_of(checks, "server") == ("failed", message)
    assert doctor.fixes["server"].startswith("set the variable FASTMCP_RS_TEST_SECRET")


def test_a_key_error_of_another_mapping_names_no_variable(doctor, file, result_of):
    doctor_of = doctor(file('auth = {"a": 1}["b"]'))
    assert result_of(doctor_of[1], "server") == ("failed", "it cannot be imported: KeyError: 'b'")


FASTMCPS_LIST = """
from fastmcp.server.auth.providers.jwt import StaticTokenVerifier

auth = StaticTokenVerifier({"a-token": {"client_id": "alice"}})
"""
OWN_SCHEME = """
from fastmcp_rs.auth import AuthProvider

class Keys(AuthProvider):
    async def authenticate(self, request):
        return None

auth = Keys()
"""


@pytest.mark.parametrize(
    "auth",
    [
        'auth = JWTVerifier("at least 32 bytes, as RFC 7518 has it", audience="here", base_url="https://a.example")',
        'from fastmcp_rs.auth import StaticTokenVerifier\nauth = StaticTokenVerifier(["a-token"])',
        'auth = Theirs(public_key="at least 32 bytes, as RFC 7518 has it", algorithm="HS256", audience="here")',
        FASTMCPS_LIST,
        OWN_SCHEME,
    ],
    ids=["secret", "list", "FastMCP's secret", "FastMCP's list", "own scheme"],
)
def test_tokens_of_no_authorization_server_need_no_metadata(doctor, file, result_of, auth):
    code, checks = doctor(file(auth))
    assert code == 0, checks
    assert result_of(checks, "resource metadata")[0] == "passed"


@pytest.mark.parametrize(
    ("given", "message"),
    [("", "the challenge names none"), (', base_url="https://a.example"', "base_url is given, and authorization_serv")],
)
def test_keys_of_an_issuer_without_metadata_are_advice(doctor, issuer, file, result_of, given, message):
    code, checks = doctor(file(f'auth = JWTVerifier(jwks_uri="{issuer.url}/jwks", audience="here"{given})'))
    assert code == 0, checks
    result, text = result_of(checks, "resource metadata")
    assert result == "advice"
    assert message in text


@pytest.mark.parametrize(("path", "result"), [("/mcp", "failed"), ("/api", "passed"), ("", "passed")])
def test_a_base_url_with_the_path_of_the_endpoint_is_found(doctor, issuer, file, result_of, path, result):
    auth = f'auth = JWTVerifier.from_issuer("{issuer.url}", base_url="https://a.example{path}")'
    code, checks = doctor(file(auth))
    assert code == (result == "failed")
    assert result_of(checks, "resource")[0] == result


def test_the_printed_fix_for_browsers_runs(doctor, file, capsys):
    """The fix, put into the file as it is printed, is what the doctor then finds."""
    path = file('auth = JWTVerifier("at least 32 bytes, as RFC 7518 has it", audience="here")')
    main(["doctor", path, "--origin", ORIGIN])
    printed = capsys.readouterr().out
    lines = printed.partition("fix: if browser clients")[2].partition("\n\nnot ")[0].splitlines()[1:]
    code = "\n".join(line[11:] for line in lines[: lines.index(next(it for it in lines if "mcp.run" in it))])
    with Path(path).open("a") as appended:
        appended.write(f"{code}\napp = mcp.http_app(path='/mcp', middleware=[cors])\n")
    _, checks = doctor(f"{path}:app", "--origin", ORIGIN)
    assert [result for check, result, _ in checks if check in {"preflight", "exposed headers"}] == ["passed"] * 2


def test_a_rule_about_the_client_stands_in_for_an_audience(doctor, issuer, file, result_of):
    auth = f'auth = JWTVerifier.from_issuer("{issuer.url}", audience=None, client_id=["a", "b"])'
    code, checks = doctor(file(auth))
    assert code == 0, checks
    assert result_of(checks, "audience") == ("passed", "none, and tokens must be those of the client a, b")
