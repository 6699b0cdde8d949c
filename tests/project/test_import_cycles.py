"""No two modules of the package import each other, on whatever way round; every import counts, also one for types."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "python" / "fastmcp_rs"


def name_of(file, package):
    parts = (package.name, *file.relative_to(package).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(file, name, known):
    """The modules that a file imports, in whatever function or condition."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} has a relative import"
            # What is imported may be a module itself.
            found |= {full if (full := f"{node.module}.{alias.name}") in known else node.module for alias in node.names}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "import_module":
            found |= {argument.value for argument in node.args[:1] if isinstance(argument, ast.Constant)}
    return found & known - {name}


def graph_of(package):
    # The extension counts by its stub.
    files = {name_of(file, package): file for file in package.rglob("*.py*") if file.suffix in {".py", ".pyi"}}
    return {name: imports(file, name, files.keys()) for name, file in files.items()}


def test_there_is_an_order_in_which_each_module_imports_those_before_it():
    graph = graph_of(PACKAGE)
    assert len(graph) > 40
    order = [*TopologicalSorter(graph).static_order()]
    assert order.index("fastmcp_rs.auth._contract") < order.index("fastmcp_rs.auth.provider")


def test_only_the_entry_of_the_command_line_imports_the_commands():
    graph = graph_of(PACKAGE)
    commands = {name for name in graph if f"{name}.".startswith("fastmcp_rs.cli.")}
    users = {name for name in graph.keys() - commands if graph[name] & commands}
    assert users == {"fastmcp_rs.__main__"}


@pytest.mark.parametrize(
    "code",
    [
        "import package.b",
        "from package import b",
        "from package.b import name",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from package.b import name",
        "def function():\n    from package.b import name",
        "import_module('package.b')",
    ],
)
def test_a_cycle_is_found(tmp_path, code):
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "a.py").write_text(code)
    (package / "b.py").write_text("from package.a import other")
    with pytest.raises(CycleError):
        TopologicalSorter(graph_of(package)).prepare()
