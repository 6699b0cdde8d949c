"""Expectations that are one text or several."""

from collections.abc import Sequence

__all__ = ["copied"]


def copied(texts: str | Sequence[str] | None) -> str | list[str] | None:
    """A value that shares no list with the given one."""
    return texts if texts is None or isinstance(texts, str) else list(texts)
