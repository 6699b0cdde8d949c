"""``ScopePrecheck``: which requests pass at once, and until when."""

import gc
import json
import weakref
from math import inf

import pytest

from fastmcp_rs._native import ScopePrecheck

APP = object()


def precheck(*, all_scopes=("write",), collections=(), seconds=inf, path="/mcp"):
    return ScopePrecheck(APP, path, None if all_scopes is None else [*all_scopes], collections, seconds)


def scope(**changed):
    found = {"type": "http", "method": "POST", "path": "/mcp", "root_path": "", "app": APP, "headers": [], **changed}
    return {name: value for name, value in found.items() if value is not ...}


def body(method="tools/call", name="save", **more):
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"name": name}}
    return {"type": "http.request", "body": json.dumps(request).encode(), **more}


NEWEST = [(b"mcp-protocol-version", b"2026-07-28"), (b"mcp-method", b"tools/call"), (b"mcp-name", b"save")]


@pytest.mark.parametrize(
    ("all_scopes", "granted", "given", "found"),
    [
        (["write"], ["read"], {}, True),
        (None, ["read"], {}, True),
        (["read", "write"], ["write"], {}, True),
        (["read", "write"], ["write", "other", "read"], {}, None),
        ([], [], {}, None),
        (["write"], ["read"], {"method": "GET"}, None),
        (["write"], ["read"], {"method": ...}, None),
        (["write"], ["read"], {"path": "/mcp/"}, None),
        (["write"], ["read"], {"path": "/api/mcp", "root_path": "/api"}, True),
        (["write"], ["read"], {"path": "/mcp", "root_path": "/api"}, True),
        (["write"], ["read"], {"path": "/api/mcp", "root_path": ""}, None),
        (["write"], ["read"], {"path": ...}, None),
        (["write"], ["read"], {"app": object()}, False),
        (["write"], ["read"], {"app": ...}, False),
        (["write"], ["read"], {"headers": [(b"content-encoding", b"gzip")]}, None),
        (["write"], ["read"], {"headers": [(b"content-length", b"65537")]}, None),
        (["write"], ["read"], {"headers": ((b"content-length", b"65536"),)}, True),
        (["write"], ["read"], {"headers": NEWEST}, ("tools/call", "save")),
    ],
)
def test_a_request_passes_or_has_to_be_looked_up(all_scopes, granted, given, found):
    assert precheck(all_scopes=all_scopes).check_request(scope(**given), granted) == found


@pytest.mark.parametrize("make", [list, dict], ids=["list", "dict"])
@pytest.mark.parametrize("all_scopes", [[], ["read"], ["write"], None])
def test_it_is_out_of_date_after_something_was_added_or_removed(make, all_scopes):
    filled, empty = make(enumerate("ab")), make()
    checking = precheck(all_scopes=all_scopes, collections=[filled, empty])
    assert checking.check_request(scope(), ["read"]) is not False
    one = make([(7, "c")])
    for collection in (filled, empty):
        before = collection.copy()
        (collection.extend if make is list else collection.update)(one)
        assert checking.check_request(scope(), ["read"]) is False
        collection.clear()
        (collection.extend if make is list else collection.update)(before)
        assert checking.check_request(scope(), ["read"]) is not False
    filled.pop(0)
    assert checking.check_request(scope(), ["read"]) is False


def test_it_is_out_of_date_after_its_seconds():
    assert precheck(all_scopes=[], seconds=0.0).check_request(scope(), []) is False
    assert precheck(all_scopes=[], seconds=inf).check_request(scope(), []) is None


def test_a_remembered_operation_passes_with_the_scopes_that_it_needs():
    kept = precheck()
    assert not kept.passes(body(), ["read"])
    kept.remember("tools/call", "save", None, ["read", "list"])
    assert kept.passes(body(), ["list", "read"])
    assert not kept.passes(body(), ["read"])
    assert not kept.passes(body(name="other"), ["list", "read"])
    assert not kept.passes(body("prompts/get"), ["list", "read"])
    # Each version is remembered by itself.
    versioned = {"name": "save", "_meta": {"fastmcp": {"version": "2"}}}
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": versioned}
    assert not kept.passes({"type": "http.request", "body": json.dumps(asked).encode()}, ["list", "read"])


def test_an_operation_of_headers_has_no_version_and_is_remembered_apart():
    kept = precheck()
    kept.remember("tools/call", "save", None, [])
    assert kept.check_request(scope(headers=NEWEST), ["read"]) == ("tools/call", "save")
    kept.remember("tools/call", "save", "", ["read"])
    assert kept.check_request(scope(headers=NEWEST), ["read"]) is None
    assert kept.check_request(scope(headers=NEWEST), ["list"]) == ("tools/call", "save")


@pytest.mark.parametrize(
    ("message", "passes"),
    [
        ({"type": "http.request", "body": b"[]"}, True),
        ({"type": "http.request"}, True),
        ({"type": "http.disconnect"}, True),
        (body("tools/list"), True),
        (body(more_body=True), False),
        (body(more_body=False), False),
    ],
)
def test_an_unknown_message_passes_if_its_whole_body_names_no_operation(message, passes):
    assert precheck().passes(message, ["read"]) is passes


def test_further_operations_displace_the_oldest():
    kept = precheck()
    for number in range(1500):
        kept.remember("tools/call", f"tool {number}", None, [])
    known = [kept.passes(body(name=f"tool {number}"), []) for number in range(1500)]
    assert sum(known) == 1024
    assert known[-1]


def test_a_cycle_through_the_server_is_collected():
    class Providers(list):
        pass

    providers = Providers()
    providers.append(precheck(collections=[providers]))
    gone = weakref.ref(providers)
    del providers
    gc.collect()
    assert gone() is None
