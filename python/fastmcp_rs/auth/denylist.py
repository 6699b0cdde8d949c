"""Deny lists: tokens, subjects and clients that are refused although everything else about the token is right."""

import asyncio
import inspect
import os
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from fastmcp_rs._native import DenyList
from fastmcp_rs.auth.native_provider import NativeProvider
from fastmcp_rs.errors import TokenVerificationError
from fastmcp_rs.logs import get_logger

__all__ = ["DENYLIST_SECONDS", "DenyingProvider", "ReadDenylist"]

Entries = Iterable[Mapping[str, Any]]
ReadDenylist = Callable[[], Entries | Awaitable[Entries]]

# The interval of reading a list by default.
DENYLIST_SECONDS = 60.0

_logger = get_logger("denylist")


class DenyingProvider(NativeProvider):
    """A provider with a deny list. Without a list there is nothing to look up."""

    _denylist: DenyList | None = None
    _reader: "_Reader | None" = None

    def deny(
        self,
        *,
        jti: str | None = None,
        subject: str | None = None,
        client_id: str | None = None,
        issuer: str | None = None,
        issued_before: datetime | float | None = None,
        expires_at: datetime | float | None = None,
    ) -> None:
        """Refuse a token, or those of a subject or a client, from now on: in this process, and while it runs.

        Exactly one of ``jti``, ``subject`` and ``client_id`` is given. The reason is ``denied_token``.

        Args:
            jti: The ``jti`` of a token.
            subject: The subject of tokens, as the access token has it.
            client_id: The client of tokens, as the access token has it.
            issuer: Whose tokens; ``None`` for those of any issuer.
            issued_before: Only tokens that were issued before this, and those without ``iat``: a datetime (a naive one
                is UTC) or seconds since 1970.
            expires_at: When no such token can be valid any more, likewise. The entry then goes, unless a token matched
                it that lives longer. ``None`` keeps it.

        Raises:
            ValueError: It denies nothing, or what no token has.
            DenylistFullError: There are 100,000 entries, all of which count. Nothing is forgotten for this one.
        """
        if self._denylist is None:
            self._deny_by(DenyList())
        assert self._denylist is not None  # noqa: S101 - made in the line above
        self._denylist.add(
            jti=jti,
            subject=subject,
            client_id=client_id,
            issuer=issuer,
            issued_before=issued_before,
            expires_at=expires_at,
        )

    def _read_denylist(self, read: ReadDenylist | None, interval: object) -> None:
        """Take the callable that lists what is denied.

        Raises:
            ValueError: It cannot be called, or the interval is none.
        """
        if read is not None:
            self._reader = _Reader(read)
            self._deny_by(self._reader.listed(interval))
        else:
            # A wrong interval is an error also without a list.
            DenyList(_nothing, interval)

    async def _warm_up_denylist(self) -> None:
        """Read the list ahead of the first request, where one is read.

        Raises:
            TokenVerificationError: It cannot be read.
        """
        if self._reader is not None:
            await asyncio.to_thread(self._reader.read)

    def _deny_by(self, denylist: DenyList) -> None:
        self._native.policy.set_denylist(denylist)
        vars(self)["_denylist"] = denylist


def _nothing() -> None: ...


class _Reader:
    """Reads a list in its own thread, one reading at a time."""

    def __init__(self, read: ReadDenylist) -> None:
        given: object = read
        if not callable(given):
            raise ValueError("denylist must be a function that lists dicts of what deny() takes")  # noqa: TRY004
        self._read = read
        self._busy, self._process = threading.Lock(), os.getpid()
        self._fails = False

    def listed(self, interval: object) -> DenyList:
        """The list that this reads."""
        self._list = DenyList(self.start, interval)
        return self._list

    def start(self) -> None:
        """Begin to read, unless a reading is running. The native side calls this when a reading is due."""
        if self._process != os.getpid():
            # After a fork, the thread that held the lock does not exist in the child.
            self._busy, self._process = threading.Lock(), os.getpid()
        if not self._busy.acquire(blocking=False):
            return
        try:
            threading.Thread(target=self._run, args=(self._busy,), name="fastmcp_rs-denylist", daemon=True).start()
        except RuntimeError:
            self._busy.release()
            _logger.warning("the deny list cannot be read: there is no thread for it")

    def read(self) -> None:
        """Read the list now.

        Raises:
            TokenVerificationError: It cannot be read.
        """
        try:
            entries = self._read()
            if inspect.isawaitable(entries):
                entries = asyncio.run(_awaited(entries))
            self._list.replace(entries)
        except Exception as error:
            raise TokenVerificationError(f"the deny list cannot be read: {error}") from error

    def _run(self, busy: threading.Lock) -> None:
        try:
            self.read()
        except TokenVerificationError as error:
            if not self._fails:
                _logger.warning("%s", error, exc_info=True)
            self._fails = True
        else:
            if self._fails:
                _logger.warning("the deny list is read again")
            self._fails = False
        finally:
            busy.release()


async def _awaited(entries: Awaitable[Entries]) -> Entries:
    return await entries
