"""Tests for environments without FastMCP: where there is one, none of them is collected.

scripts/matrix.py runs them, with the MCP SDK alone and with neither.
"""

from importlib.util import find_spec

if find_spec("fastmcp"):
    collect_ignore_glob = ["test_*.py"]
elif find_spec("mcp"):
    collect_ignore_glob = ["test_without_the_mcp_sdk.py"]
else:
    collect_ignore_glob = ["test_with_the_mcp_sdk.py"]
