"""Every parameter of everything public takes what it says, and of all else an error says what would be right.

Whatever is passed, the error is a ``ValueError`` or a ``TypeError``, names the parameter, is short and holds no secret.
"""

import inspect
import pkgutil
import re
import runpy
import warnings
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

import fastmcp_rs

HERE = Path(__file__).parent
KINDS = runpy.run_path(str(HERE / "kinds.py"))["KINDS"]
VALUES = runpy.run_path(str(HERE / "values.py"))
SUBJECTS = runpy.run_path(str(HERE / "subjects.py"))["SUBJECTS"]
LEFT_OUT = runpy.run_path(str(HERE / "left_out.py"))
LONGEST_MESSAGE = 400

# Modules that people import by name. The rest is reached through these, is a command or the inside, or has types alone.
PUBLIC = (
    *("fastmcp_rs", "fastmcp_rs.auth", "fastmcp_rs.client.auth", "fastmcp_rs.client.client", "fastmcp_rs.errors"),
    *("fastmcp_rs.exceptions", "fastmcp_rs.jws", "fastmcp_rs.server.auth", "fastmcp_rs.server.dependencies"),
    "fastmcp_rs.testing",
)
INSIDE = re.compile(
    r"fastmcp_rs\.(_native|__main__|_callbacks|_compat(\.\w+)?|_log_rate|auth\.\w+|client|client\.(challenge|refusals)|cli(\..*)?|patch.*|logs|server"
    r"|server\.application|types)"
)


def is_ours(thing):
    return (getattr(thing, "__module__", None) or "").startswith("fastmcp_rs")


def parameters_of(function, owner):
    """What a caller passes, but for what is handed on to FastMCP or to another of ours."""
    handed_on = {"args", "kwargs", "options", "arguments"}
    parameters = inspect.signature(function).parameters.values()
    passed = [
        one for one in parameters if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD) or one.name not in handed_on
    ]
    return {f"{owner}({one.name})" for one in passed if one.name not in {"self", "cls"}}


def parameters_of_class(cls):
    """Those of its constructor, and of its public methods, as far as they are our own."""
    constructor = cls.__init__ if inspect.isfunction(cls.__init__) else cls
    found = set()
    if is_ours(constructor) and cls.__name__ not in LEFT_OUT["OUTCOMES"]:
        found |= parameters_of(constructor, cls.__name__)
    for base in filter(is_ours, cls.__mro__):
        for name, member in vars(base).items():
            function = getattr(member, "__func__", member)
            # A native method has no module of its own.
            home = getattr(function, "__module__", None) or base.__module__
            if callable(function) and home.startswith("fastmcp_rs") and not name.startswith("_"):
                found |= parameters_of(function, f"{base.__name__}.{name}")
    return found


def every_parameter():
    found = set()
    for module in filter(None, (unless_missing(import_module, name) for name in PUBLIC)):
        things = [unless_missing(getattr, module, name) for name in module.__all__]
        for thing in filter(callable, filter(is_ours, things)):
            found |= parameters_of_class(thing) if inspect.isclass(thing) else parameters_of(thing, thing.__name__)
    return found


def unless_missing(find, *arguments):
    """What is found, or None for what needs FastMCP where there is none."""
    try:
        return find(*arguments)
    except ImportError:
        assert not find_spec("fastmcp")
        return None


def chain(error):
    """An error, and those that it came of."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def error_of(call, *arguments):
    """What a call raises, if it raises: a panic is none of Exception's."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call(*arguments)
    except BaseException as error:  # noqa: BLE001 - as above
        return error
    return None


def faults(kind, name, error, called):
    """What is wrong with what came of passing a value, by the name that an error has for the parameter."""
    is_taken = name in kind.takes
    if is_taken or error is None:
        return [] if is_taken == (error is None) else [f"{name} is {'taken' if error is None else 'refused'}: {error}"]
    says = f"{type(error).__name__}: {error}"
    checks = {
        "is another error": isinstance(error, (TypeError, ValueError)) and not isinstance(error, UnicodeError),
        "is refused without a name": re.search(rf"\b({called})\b", says),
        "is refused at length": len(says) <= LONGEST_MESSAGE,
        "is shown": not (kind.is_secret and any(kind.good in f"{one} {one!r}" for one in chain(error))),
    }
    return [f"{name} {what}: {says:.200}" for what, is_right in checks.items() if not is_right]


def test_every_module_is_public_or_known_to_be_inside():
    modules = {module.name for module in pkgutil.walk_packages(fastmcp_rs.__path__, "fastmcp_rs.")}
    assert {name for name in modules if not INSIDE.fullmatch(name)} | {"fastmcp_rs"} == set(PUBLIC)


def test_every_public_parameter_is_in_the_table():
    listed = {f"{name}({parameter})" for name, subject in SUBJECTS.items() for parameter in subject.parameters}
    found = every_parameter()
    assert found - listed - LEFT_OUT["ELSEWHERE"].keys() == set()
    # And the table has no parameter that does not exist.
    extra = {name for name in listed - found if " of " not in name}
    assert extra == set()
    assert not listed & LEFT_OUT["ELSEWHERE"].keys()
    tests = {path.name for path in HERE.parents[1].rglob("test_*.py")}
    assert {reason.rpartition(" ")[2] for reason in LEFT_OUT["ELSEWHERE"].values()} <= tests


def test_the_kinds_name_values_that_there_are():
    names = VALUES["values"]("x").keys()
    assert {name: kind.takes - names for name, kind in KINDS.items() if kind.takes - names} == {}
    used = {subject.kind(parameter) for subject in SUBJECTS.values() for parameter in subject.parameters}
    assert used <= KINDS.keys()


@pytest.mark.parametrize(
    ("subject", "parameter"),
    [(name, parameter) for name, subject in SUBJECTS.items() for parameter in subject.parameters],
)
def test_a_parameter_accepts_its_kind_and_refuses_all_else_by_name(subject, parameter):
    kind = KINDS[SUBJECTS[subject].kind(parameter)]
    table = SUBJECTS[subject]
    found = []
    for name, make in VALUES["values"](kind.good).items():
        value = make()
        error = error_of(table.pass_to, parameter, value)
        VALUES["put_away"](value)
        found += faults(kind, name, error, table.called.get(parameter, parameter))
    assert not found, "\n".join([f"It takes {kind.meaning}.", *found])
