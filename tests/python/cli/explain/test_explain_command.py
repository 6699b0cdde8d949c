"""The command: where the token comes from, its exit codes, what it never shows, and the servers that it contacts."""

import json

import pytest

from fastmcp_rs.testing import KeyPair

OTHER = KeyPair.generate("RS256")


def test_an_accepted_token_exits_with_0_and_every_check_that_ran_has_a_tick(explain_ours, mint):
    explanation = explain_ours(mint())
    assert (explanation.code, explanation.err) == (0, "")
    lines = explanation.out.splitlines()
    assert lines[0] == "ACCEPTED"
    checks = lines[lines.index("Checks") + 1 : lines.index("Times") - 1]
    unchecked = {line[4:22].rstrip() for line in checks if line.split()[0] == "·"}
    assert unchecked == {"not before", "client", "claim rules", "denylist"}
    assert [line.split()[0] for line in checks].count("✓") == 20 - len(unchecked)
    assert [line[4:22].rstrip() for line in checks] == [
        "size",
        "parts",
        "header",
        "algorithm",
        "extensions",
        "parameters",
        "accepted algorithm",
        "key",
        "signature",
        "claims",
        "type",
        "expiry",
        "not before",
        "issuer",
        "audience",
        "client",
        "claim rules",
        "binding",
        "denylist",
        "scope",
    ]
    assert '  alg: "RS256"' in lines
    assert '  iss: "https://issuer.example"' in lines[lines.index("Claims") :]


@pytest.mark.parametrize("arguments", [[], ["-"]])
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_token_is_read_from_standard_input(explain, mint, key_file, arguments, end):
    assert explain(*arguments, "--public-key", key_file, stdin=mint() + end).code == 0


def test_no_standard_input_at_all_is_wrong_usage(explain):
    explanation = explain("-", closed=True)
    assert (explanation.code, explanation.out) == (2, "")
    assert "on standard input" in explanation.err


def test_without_a_key_the_other_checks_are_shown_and_the_missing_signature_check_too(explain, mint):
    explanation = explain(mint(exp=1), "--audience", "x")
    assert explanation.code == 3
    assert "no key was given" in explanation.screen
    assert "--jwks-uri, --issuer, --public-key or --secret-env" in explanation.screen
    assert "the token expired" in explanation.screen
    assert '(got "my-server", expected "x") [unverified]' in explanation.screen
    assert "Claims (unverified: anyone may have written them)" in explanation.out


def test_claims_that_another_key_signed_are_marked(explain_ours, mint):
    explanation = explain_ours(mint(OTHER, aud="x"))
    assert explanation.code == 1
    assert "Claims (unverified" in explanation.out
    assert [line for line in explanation.out.splitlines() if "signature" in line and "✗" in line]


def test_keys_out_of_reach_exit_with_3(explain, mint, new_endpoint):
    explanation = explain(mint(), "--jwks-uri", new_endpoint().url)
    assert explanation.code == 3
    assert explanation.screen.startswith("CANNOT TELL: keys_unavailable (")
    assert "the keys cannot be fetched: " in explanation.screen
    assert "404" in explanation.screen


def test_the_issuer_option_finds_the_keys(explain, pair, new_endpoint, reply):
    endpoint = new_endpoint()
    metadata = {"issuer": endpoint.base, "jwks_uri": endpoint.url}
    endpoint.publish({"a": pair})
    endpoint.routes["/.well-known/openid-configuration"] = reply(200, json.dumps(metadata))
    token = pair.create_token("alice", endpoint.base, "my-server", kid="a")
    assert explain(token, "--issuer", endpoint.base).code == 0


def test_no_part_of_the_token_is_sent_anywhere(explain, mint, pair, new_endpoint, reply):
    endpoint = new_endpoint()
    endpoint.publish({"a": pair})
    metadata = {"issuer": endpoint.base, "jwks_uri": endpoint.url}
    endpoint.routes["/.well-known/openid-configuration"] = reply(200, json.dumps(metadata))
    hostile = {"jku": endpoint.base + "/jku", "iss": endpoint.base}
    for token in (mint(kid="a", **hostile), mint(OTHER, kid="secret-key-id", **hostile), "an-opaque-token-of-a-user"):
        for options in (["--jwks-uri", endpoint.url], ["--issuer", endpoint.base]):
            explain(token, *options)
            explain(*options, stdin=token)
        for request in endpoint.requests:
            sent = f"{request.method} {request.target} {request.headers} {request.body!r}"
            assert request.method == "GET"
            assert request.target == "/jwks" or request.target.startswith("/.well-known/")
            assert not any(part in sent for part in token.split("."))
            assert "secret-key-id" not in sent
    assert endpoint.requests


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_the_signature_is_never_shown(explain, explain_ours, mint, options):
    tokens = [mint(), mint(exp=1), mint(OTHER), mint(OTHER) + "=", f"Bearer {mint()}"]
    for token in tokens:
        signing_input, _, signature = token.rpartition(".")
        for explanation in (explain(token, *options), explain_ours(token, *options)):
            assert signature not in explanation.out + explanation.err
            assert signing_input not in explanation.out + explanation.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--leeway", "{}"],
        ["--no-such-option", "{}"],
        ["--json={}"],
        ["--jwks-uri", "{}", "{}"],
        ["--public-key", "{}", "{}"],
        ["--secret-env", "{}", "{}"],
        ["--algorithm", "{}", "{}"],
        ["{}", "--json", "{}"],
    ],
)
def test_wrong_usage_exits_with_2_and_repeats_nothing(explain, mint, arguments):
    token = mint()
    explanation = explain(*(argument.format(token) for argument in arguments))
    assert (explanation.code, explanation.out) == (2, "")
    assert explanation.err
    assert not any(part in explanation.err for part in token.split("."))


def test_a_token_in_the_place_of_a_command_is_not_repeated(capsys, mint):
    from fastmcp_rs.__main__ import main  # noqa: PLC0415 - beside the one test that needs it

    with pytest.raises(SystemExit) as usage:
        main([mint()])
    assert usage.value.code == 2
    err = capsys.readouterr().err
    assert "choose demo, run, explain, doctor or bench" in err
    assert not any(part in err for part in mint().split("."))


@pytest.mark.parametrize(
    ("options", "explanation"),
    [
        (["--secret-env", "NO_SUCH_VARIABLE"], "the name of an environment variable"),
        (["--public-key", "/no/such/file"], "cannot be read: No such file"),
        (["--issuer", "https://a.example", "--issuer", "https://b.example"], "keys are found by one issuer"),
        (["--jwks-uri", "http://issuer.example/jwks"], "http"),
        (["--algorithm", "none"], "unsupported algorithm"),
        (["--leeway", "1000"], "from 0 to 600"),
        (["--typ", "JWT"], "typ"),
        (["--audience", ""], "audience is empty"),
        (["--jwks-uri", "https://x.example", "--secret-env", "X"], "not allowed with"),
    ],
)
def test_options_that_cannot_work_name_those_that_would(explain, mint, options, explanation):
    answer = explain(mint(), *options)
    assert (answer.code, answer.out) == (2, "")
    assert explanation in answer.err


def test_json_has_the_whole_explanation(explain_ours, mint):
    explanation = explain_ours(mint(aud=["a", "b"]), "--json")
    answer = json.loads(explanation.out)
    assert explanation.code == 1
    assert (answer["outcome"], answer["code"]) == ("rejected", "audience_mismatch")
    assert answer["signature_verified"] is True
    assert answer["claims"]["aud"] == ["a", "b"]
    assert answer["header"]["alg"] == "RS256"
    assert answer["times"]["exp"]["words"].startswith("expires in 59 minutes")
    audience = next(check for check in answer["checks"] if check["name"] == "audience")
    assert (audience["got"], audience["expected"]) == (["a", "b"], ["my-server"])


def test_help_documents_the_exit_codes_and_needs_no_token(explain):
    explanation = explain("--help")
    assert explanation.code == 0
    for text in ("exit codes:", "0  the token is accepted", "1  it is refused", "2  wrong usage", "3  neither"):
        assert text in explanation.out


def test_an_issuer_with_an_extra_slash_is_reported(command, pair, new_endpoint, reply):
    endpoint = new_endpoint()
    metadata = {"issuer": endpoint.base, "jwks_uri": endpoint.url}
    endpoint.routes["/.well-known/openid-configuration"] = reply(200, json.dumps(metadata))
    finished = command(pair.create_token("alice", endpoint.base), "--issuer", f"{endpoint.base}/")
    screen = finished.stdout.decode()
    assert (finished.returncode, finished.stderr) == (3, b"")
    assert f'which is not, character by character, the one asked for, "{endpoint.base}/"' in screen
    assert "Further checks that fail: issuer" in screen
    assert f'(got "{endpoint.base}", expected "{endpoint.base}/") [unverified]' in screen


def test_the_command_in_a_process_of_its_own_does_the_same(command, mint, key_file):
    finished = command("--public-key", key_file, stdin=mint())
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.decode().startswith("ACCEPTED\n")
    assert finished.stderr == b""


def test_the_name_of_a_file_is_no_token(explain, tmp_path):
    """A shell reads the file; what is sent on standard input stays out of its history."""
    file = tmp_path / "token.txt"
    file.write_text("a.b.c")
    explanation = explain(str(file))
    assert explanation.code == 2
    assert explanation.err == (
        "fastmcp-rs explain: that is the name of a file: to explain the token in it, put < before the name\n"
    )
