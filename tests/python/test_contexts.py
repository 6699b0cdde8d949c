"""Settings of context variables that are undone where they were made, or where a coroutine that was left is closed."""

from contextvars import ContextVar, copy_context

from fastmcp_rs.contexts import put_back


def test_a_setting_is_undone_in_its_own_context_and_touches_no_other():
    variable = ContextVar("variable", default="nothing")
    own, other = copy_context(), copy_context()
    before = own.run(variable.set, "own")
    other.run(variable.set, "other's")
    other.run(put_back, variable, before)
    assert (own[variable], other[variable]) == ("own", "other's")
    own.run(put_back, variable, before)
    assert own.run(variable.get) == "nothing"
