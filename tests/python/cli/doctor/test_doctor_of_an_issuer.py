"""``fastmcp-rs doctor``, and ``fastmcp-rs doctor --issuer`` beside an issuer."""

import subprocess
import sys

import pytest

import fastmcp_rs
from fastmcp_rs.__main__ import main
from fastmcp_rs.cli.doctor import surroundings


def test_the_doctor_checks_the_installation_without_arguments(doctor, result_of):
    code, checks = doctor()
    assert code == 0
    assert [check for check, _, _ in checks] == ["versions", "proxies", "certificates"]
    assert f"fastmcp-rs {fastmcp_rs.__version__}" in result_of(checks, "versions")[1]


def test_without_fastmcp_it_says_what_to_install(doctor, monkeypatch, result_of):
    monkeypatch.setattr(surroundings, "_version", lambda _: None)
    code, checks = doctor()
    assert (code, result_of(checks, "versions")[0]) == (0, "advice")


def test_a_fastmcp_that_is_too_old_fails(doctor, monkeypatch, result_of):
    monkeypatch.setattr(surroundings, "_version", lambda _: "2.11.3")
    code, checks = doctor()
    assert (code, result_of(checks, "versions")[0]) == (1, "failed")


def test_a_proxy_is_shown_without_its_password(doctor, monkeypatch, result_of):
    monkeypatch.setenv("HTTPS_PROXY", "http://someone:hidden@proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "localhost")
    _, checks = doctor()
    assert result_of(checks, "proxies") == ("passed", "HTTPS_PROXY=http://proxy.example:3128, not for localhost")


@pytest.mark.parametrize("value", ["ftp://proxy.example", "http://proxy.example:port", "://"])
def test_an_invalid_proxy_url_fails(doctor, monkeypatch, result_of, value):
    monkeypatch.setenv("ALL_PROXY", value)
    code, checks = doctor()
    assert code == 1
    assert result_of(checks, "proxies") == ("failed", "ALL_PROXY is no URL of a proxy")


def test_certificates_that_cannot_be_read_fail(doctor, monkeypatch, tmp_path, result_of):
    (tmp_path / "empty.pem").write_text("")
    for value in (tmp_path / "empty.pem", tmp_path / "gone.pem"):
        monkeypatch.setenv("SSL_CERT_FILE", str(value))
        code, checks = doctor()
        assert (code, result_of(checks, "certificates")[0]) == (1, "failed")


def test_a_correct_issuer_passes_every_check(doctor, issuer, result_of):
    code, checks = doctor("--issuer", issuer.url)
    assert code == 0
    assert result_of(checks, "keys") == ("passed", f"1 of {issuer.url}: RSA RS256 good")
    assert result_of(checks, "clock")[0] == "passed"


def test_a_skipped_key_is_reported_with_the_reason(doctor, issuer):
    issuer.keys.append({"kty": "RSA", "kid": "short", "n": "AQAB", "e": "AQAB"})
    code, checks = doctor("--issuer", issuer.url)
    assert code == 0
    (skipped,) = [text for check, result, text in checks if (check, result) == ("keys", "advice")]
    assert "short" in skipped


def test_an_issuer_with_no_usable_key_fails(doctor, issuer, result_of):
    issuer.keys[:] = [{"kty": "RSA", "kid": "short", "n": "AQAB", "e": "AQAB"}]
    code, checks = doctor("--issuer", issuer.url)
    assert (code, result_of(checks, "keys")[0]) == (1, "failed")


@pytest.mark.parametrize(("ahead", "message"), [(-90, "s ahead of the issuer"), (90, "s behind the issuer")])
def test_a_clock_that_differs_fails(doctor, issuer, result_of, ahead, message):
    issuer.ahead_seconds = ahead
    code, checks = doctor("--issuer", issuer.url)
    assert code == 1
    result, text = result_of(checks, "clock")
    assert result == "failed"
    assert message in text


def test_without_a_date_the_clock_cannot_be_compared(doctor, issuer, result_of):
    issuer.ahead_seconds = None
    code, checks = doctor("--issuer", issuer.url)
    assert (code, result_of(checks, "clock")[0]) == (3, "unavailable")


def test_an_issuer_out_of_reach_is_unavailable(doctor, result_of):
    code, checks = doctor("--issuer", "http://127.0.0.1:9")
    assert code == 3
    assert result_of(checks, "keys")[0] == "unavailable"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--url", "nothing"], "--url must be an http or https URL"),
        (["--url", "https://someone:hidden@a.example/mcp"], "--url must have no user name and no password in it"),
        (["--issuer", "http://issuer.example"], "pass --allow-http"),
        (["--issuer", "https://issuer.example:port"], "--issuer must be an http or https URL"),
        (["--origin", "a b"], "--origin must be an http or https URL"),
        (["gone.py"], "there is no such file"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what_is_right(capsys, arguments, message):
    assert main(["doctor", *arguments]) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert "hidden" not in shown


def test_two_subjects_at_once_are_wrong_usage(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "server.py", "--url", "https://a.example/mcp"])
    assert ended.value.code == 2
    assert "not allowed with" in capsys.readouterr().err


def test_each_check_is_printed_with_a_tick_or_a_fix(issuer):
    issuer.ahead_seconds = 90
    finished = subprocess.run(
        [sys.executable, "-m", "fastmcp_rs", "doctor", "--issuer", issuer.url],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 1
    assert finished.stderr == ""
    assert "keys " in finished.stdout
    assert "\n      fix: set the clock by NTP" in finished.stdout
    assert finished.stdout.endswith("\n\nsomething has to be mended\n")
