"""A wrong configuration of RemoteAuthProvider is an error at construction, and no secret is in its text."""

import inspect

import pytest

from fastmcp_rs.auth import RemoteAuthProvider

URL = "https://auth.example/verify"
SECRET = "hush-hush-key"


def test_the_documented_signature():
    parameters = list(inspect.signature(RemoteAuthProvider.__init__).parameters.values())[1:4]
    assert [str(parameter).split(":")[0] for parameter in parameters] == ["verify_url", "headers", "timeout"]
    assert [parameter.default for parameter in parameters[1:]] == [None, 10.0]


def test_the_documented_example():
    headers = {"X-Service-Key": SECRET, "Content-Type": "application/json"}
    provider = RemoteAuthProvider(verify_url=URL, headers=headers, timeout=5.0)
    headers["X-Service-Key"] = "another"
    assert (provider.verify_url, provider.timeout, provider.required_scopes) == (URL, 5.0, [])


@pytest.mark.parametrize(
    "url",
    [
        "",
        "verify",
        "/verify",
        "ftp://auth.example/verify",
        "file:///etc/passwd",
        "https://user:password@auth.example/verify",
        "https://auth.example/verify#x",
        "http://auth.example/verify",
    ],
)
def test_the_url_is_https_or_of_this_machine(url):
    with pytest.raises(ValueError, match="verify_url"):
        RemoteAuthProvider(url)


def test_http_to_another_machine_needs_allow_http():
    with pytest.raises(ValueError, match="allow_http=True"):
        RemoteAuthProvider("http://auth.example/verify")
    assert RemoteAuthProvider("http://auth.example/verify", allow_http=True)
    assert RemoteAuthProvider("http://localhost/verify")


@pytest.mark.parametrize("timeout", [0, -1, 0.0, float("nan"), float("inf"), 300.1, 10**400, "10", True, None, []])
def test_the_timeout_is_a_number_of_seconds_within_bounds(timeout):
    with pytest.raises(ValueError, match="timeout"):
        RemoteAuthProvider(URL, timeout=timeout)


@pytest.mark.parametrize(
    ("headers", "names"),
    [
        ({"X-Key": f"{SECRET}\n"}, "x-key"),
        ({"X-Key": f"{SECRET}\r\nX-Other: 1"}, "x-key"),
        ({"X-Key": f"{SECRET}é"}, "x-key"),
        ({"X-Key": SECRET.encode()}, "x-key"),
        ({"X-Key": None}, "x-key"),
        ({"X-Key": ""}, r"x-key must be .* not empty"),
        ({"X Key": SECRET}, "name"),
        ({"": SECRET}, "name"),
        ({1: SECRET}, "name"),
        ({"X-Key": SECRET, "x-key": SECRET}, "twice"),
        ({"Content-Length": "3"}, "content-length"),
        ({"Transfer-Encoding": "chunked"}, "transfer-encoding"),
        ({"Content-Type": "text/plain"}, "Content-Type"),
        ({"Content-Type": ""}, "content-type"),
        ([("X-Key", SECRET)], "headers"),
        (SECRET, "headers"),
    ],
)
def test_headers_are_str_and_valid_in_a_request(headers, names):
    with pytest.raises(ValueError, match=names) as raised:
        RemoteAuthProvider(URL, headers)
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize("name", ["audience", "client_id", "issuer"])
@pytest.mark.parametrize("empty", ["", " ", [], [""], ["a", ""], 1, {"a": 1}])
def test_an_empty_expectation_is_an_error_and_not_none(name, empty):
    with pytest.raises(ValueError, match=name):
        RemoteAuthProvider(URL, **{name: empty})


@pytest.mark.parametrize(
    "options",
    [
        {"token_verifier": None, "authorization_servers": [], "base_url": "https://server.example"},
        {"verify_url": URL, "token_verifier": None},
    ],
)
def test_the_error_for_a_parameter_of_fastmcps_class_names_that_class(options):
    with pytest.raises(TypeError, match=r"fastmcp\.server\.auth\.RemoteAuthProvider"):
        RemoteAuthProvider(**options)


def test_the_error_for_fastmcps_first_argument_names_that_class():
    with pytest.raises(ValueError, match=r"fastmcp\.server\.auth\.RemoteAuthProvider"):
        RemoteAuthProvider(object(), [], "https://server.example")


def test_an_unknown_parameter_is_a_type_error():
    with pytest.raises(TypeError, match="unexpected keyword"):
        RemoteAuthProvider(URL, verify="x")


def test_a_provider_cannot_be_pickled():
    with pytest.raises(TypeError, match="cannot be pickled"):
        RemoteAuthProvider(URL).__reduce__()
