"""The FastMCP lines that the project is tested with. No other file names them.

``make lock`` compiles the locked requirements of each line, ``make matrix`` tests with each, and the newest ones are
what ``.venv``, the benchmarks and the audit have.
"""

from __future__ import annotations

import dataclasses

__all__ = ["LINES", "NEWEST", "NEWEST_FOR_OLDEST_PYTHON", "OLDEST_PYTHON", "Line", "Version"]

Version = tuple[int, int]

# The oldest Python that the package supports.
OLDEST_PYTHON: Version = (3, 10)


@dataclasses.dataclass(frozen=True)
class Line:
    """A FastMCP line.

    Attributes:
        version: The release that stands for the line, the newest patch of it.
        oldest_python: The oldest Python that this release runs on, of those that the package supports.
        also: Requirements that hold other packages of its environment where this release needs them.
    """

    version: str
    oldest_python: Version = OLDEST_PYTHON
    also: tuple[str, ...] = ()

    @property
    def lock(self) -> str:
        """The name of its locked requirements, in ``requirements/`` and without the ending."""
        return f"fastmcp-{self.version}"


# In the order of their versions.
LINES = (
    # The first release of 2.12 as well: it alone takes no middleware from a provider.
    Line("2.12.0"),
    # The mcp release that it pins imports a private name that pydantic 2.14 removed.
    Line("2.12.5", also=("pydantic<2.14",)),
    Line("2.13.3"),
    Line("2.14.7"),
    Line("3.4.11"),
    Line("4.1.7"),
    Line("4.2.3", oldest_python=(3, 11)),
)
NEWEST = LINES[-1]
NEWEST_FOR_OLDEST_PYTHON = [line for line in LINES if line.oldest_python == OLDEST_PYTHON][-1]
