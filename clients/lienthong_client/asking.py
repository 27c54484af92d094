"""May these bytes be sent? Before a large upload the client waits until the hub has taken the header.

A refusal that meets bytes on their way would come as a broken connection, see `lienthong.domain.wire`.

    asking = Asking()

    async def parts():
        yield header
        if await asking.allowed(size):
            yield chunk …

    await connection.call(lambda: asking.about(stub.Submit(parts(), …)))
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc

from lienthong.domain.wire import GO_AHEAD, LARGE

C = TypeVar("C")

#: Seconds. Something between us and the hub may hold its word back until the answer; then the bytes go unasked.
PATIENCE = 5.0


@dataclass(slots=True)
class Asking:
    """One upload's question. `about` comes before `allowed`: gRPC asks for the parts after the call is made."""

    _call: Any = None

    def about(self, call: C) -> C:
        """Remember the call, and give it back."""
        self._call = call
        return call

    async def allowed(self, size: int) -> bool:
        """Whether to go on. False: the hub has already answered, and the call says what."""
        if size <= LARGE:
            return True
        try:
            async with asyncio.timeout(PATIENCE):
                said = await self._call.initial_metadata()
        except TimeoutError:
            return True
        except grpc.aio.AioRpcError:
            return False
        return GO_AHEAD in (tuple(item) for item in said)
