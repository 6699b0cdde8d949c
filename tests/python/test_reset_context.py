"""Settings of context variables that are undone where they were made, or where a coroutine that was left is closed."""

from contextvars import ContextVar, copy_context

from fastmcp_rs._callbacks import reset_context


def test_a_setting_is_undone_in_its_own_context_and_touches_no_other():
    variable = ContextVar("variable", default="nothing")
    own, other = copy_context(), copy_context()
    before = own.run(variable.set, "own")
    other.run(variable.set, "other's")
    other.run(reset_context, variable, before)
    assert (own[variable], other[variable]) == ("own", "other's")
    own.run(reset_context, variable, before)
    assert own.run(variable.get) == "nothing"
