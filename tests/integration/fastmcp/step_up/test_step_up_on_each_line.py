"""Step-up is where FastMCP checks its components; elsewhere FastMCP answers as before."""

from __future__ import annotations

import pytest
from step_up_servers import EACH, HAS_CHECKS, asked_for, by_require_scope

from fastmcp_rs import _compat


def test_only_lines_that_check_components_step_up(line):
    assert _compat.checks_components() == HAS_CHECKS == (line >= (3, 0, 0))


@pytest.mark.parametrize(("method", "target", "_"), EACH)
def test_require_scope_steps_up_where_fastmcp_has_checks_of_components_and_else_answers_as_before(
    asking, method, target, _
):
    with asking(by_require_scope) as asked:
        answer = asked.post("reader", method, target)
        if HAS_CHECKS:
            assert asked_for(answer) == ["read", "write"]
        else:
            assert answer.status == 200
            assert b"Missing required scope: write" in answer.body or b"error" in answer.body
        assert asked.asks_for("writer", method, target) is None
