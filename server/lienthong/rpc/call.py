"""What is known of the call in hand: its id, method, caller and language.

The interceptor makes one `Call` per RPC and keeps it in a context variable; services read `current()`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc

from lienthong.domain.ids import new_id
from lienthong.domain.wire import GO_AHEAD, LARGE
from lienthong.errors import Code, Language

if TYPE_CHECKING:
    from lienthong.hub.identity import Caller

    Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]
else:  # not subscriptable at run time
    Context: TypeAlias = grpc.aio.ServicerContext


@dataclass(slots=True, kw_only=True)
class Call:
    """One RPC, filled in by the stages of the interceptor on its way in and out."""

    method: str  #: full name without the leading slash: package.Service/Method
    context: Context
    id: str = field(
        default_factory=new_id
    )  #: in every log line of the call, and in the answer for our faults
    language: Language = "en"
    certificate: bytes = b""  #: DER of the client's certificate
    caller: Caller | None = None  #: None only in services open to every client with a certificate
    limit: asyncio.Timeout | None = None  #: ends the call: the client's deadline, or the server's stop
    status: grpc.StatusCode = grpc.StatusCode.OK
    refused: Code | None = None

    @property
    def service(self) -> str:
        """Full name of the service."""
        return self.method.partition("/")[0]


_current: ContextVar[Call] = ContextVar("lienthong_rpc_call")


def enter(call: Call) -> None:
    """Make `call` the current one of this task. grpc.aio runs every RPC in a task of its own."""
    _current.set(call)


def current() -> Call:
    """The call this task serves."""
    return _current.get()


def caller() -> Caller:
    """Who calls. Only for services that are not open: the identity stage has filled it in."""
    found = current().caller
    if found is None:  # a service missing from the access table never gets here
        raise RuntimeError("caller asked for in an open service")
    return found


async def go_ahead(size: int) -> None:
    """Tell the client of an upload that its `size` bytes are wanted, where it waits for that word (`domain.wire`)."""
    if size > LARGE:
        await current().context.send_initial_metadata((GO_AHEAD,))


def language_of(metadata: Iterable[tuple[str, str | bytes]]) -> Language:
    """Vietnamese where `accept-language` (RFC 9110, 12.5.4) prefers it to English, else English."""
    best: tuple[float, Language] = (0.0, "en")
    for key, value in metadata:
        if key != "accept-language" or isinstance(value, bytes):
            continue
        for item in value.lower().split(","):
            tag, _, weight = item.strip().partition(";q=")
            try:
                quality = float(weight or 1)
            except ValueError:
                continue
            primary = tag.strip().partition("-")[0]
            if quality > best[0] and primary in ("vi", "en"):
                best = (quality, "vi" if primary == "vi" else "en")
    return best[1]
