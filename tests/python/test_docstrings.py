"""What is compiled says what it is, to ``help()`` and to editors that look at a running Python."""

import inspect

import pytest

from fastmcp_rs import _native

# Sorted, so that processes which share the tests of a run find them in one order.
CLASSES = [thing for _, thing in sorted(vars(_native).items()) if inspect.isclass(thing)]
MEMBERS = [
    pytest.param(member, id=f"{cls.__name__}.{name}")
    for cls in CLASSES
    for name, member in sorted(vars(cls).items())
    if not name.startswith("_")
]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_a_compiled_class_has_a_docstring(cls):
    assert cls.__doc__


@pytest.mark.parametrize("member", MEMBERS)
def test_a_compiled_method_has_a_docstring(member):
    assert member.__doc__


def test_a_compiled_function_has_a_docstring():
    functions = [thing for thing in vars(_native).values() if inspect.isbuiltin(thing)]
    assert len(functions) > 5
    assert [function.__name__ for function in functions if not function.__doc__] == []


def test_both_kinds_were_found():
    assert len(CLASSES) > 10
    assert len(MEMBERS) > 50
