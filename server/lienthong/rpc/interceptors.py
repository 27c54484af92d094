"""What happens around every call, in one order.

`Stages.in_order` is that order, outermost first; each stage is a context manager around the rest of the call:

1. `log`       first, so that the line it writes last knows how everything ended; every line carries the call's id
2. `count`     sees the final status of every call, refused ones too
3. `answer`    turns whatever comes out from further in into a status: nothing internal passes it
4. `in_time`   from here on the work ends with the client's deadline, and watching calls with the server's stop
5. `limit`     by the certificate's fingerprint, before the hub is asked about it: an unknown one makes it ask the store
6. `identify`  the agency or operator the certificate is bound to, never a name written in it
7. `authorise` before the request is decoded: what a caller may not do costs next to nothing

`pipeline.py` puts the stages around the handlers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING

import grpc
import structlog

from lienthong.domain.ids import sha256_hex
from lienthong.errors import CATALOGUE, Code, HubFault, Refusal
from lienthong.rpc.access import ENDLESS, roles_for
from lienthong.rpc.call import Call
from lienthong.rpc.errors import DETAILS_KEY, DeadlinePassed, refusal_of, status_of
from lienthong.rpc.identity import certificate_of
from lienthong.rpc.limits import RpcLimits
from lienthong.rpc.metrics import RpcMetrics
from lienthong.rpc.quota import TokenBuckets

if TYPE_CHECKING:
    from lienthong.hub.application import Hub

logger = structlog.get_logger(__name__)

Stage = Callable[[Call], AbstractAsyncContextManager[None]]


class Stages:
    """The stages of one server and what they share."""

    def __init__(self, hub: Hub, limits: RpcLimits, metrics: RpcMetrics) -> None:
        self._hub = hub
        self._metrics = metrics
        self._buckets = TokenBuckets(
            rate=limits.calls_per_second, burst=limits.calls_burst, clock=time.monotonic
        )
        self._watching: set[asyncio.Timeout] = set()
        self._draining = False

    def in_order(self) -> tuple[Stage, ...]:
        """Outermost first; the reasons stand at the top of this file."""
        return (self.log, self.count, self.answer, self.in_time, self.limit, self.identify, self.authorise)

    def drain(self) -> None:
        """End the calls that would run until their client leaves, now and from now on."""
        self._draining = True
        now = asyncio.get_running_loop().time()
        for limit in self._watching:
            limit.reschedule(now)

    @asynccontextmanager
    async def log(self, call: Call) -> AsyncIterator[None]:
        """One line per call when it ends; the call's id in every line written on the way."""
        started = time.perf_counter()
        with structlog.contextvars.bound_contextvars(call=call.id, method=call.method):
            try:
                yield
            finally:
                tell = (
                    logger.debug if roles_for(call.method) is None else logger.info
                )  # balancers ask all day
                tell(
                    "rpc.finished",
                    status=call.status.name,
                    refused=call.refused,
                    caller=call.caller.actor if call.caller else None,
                    peer=call.context.peer(),
                    seconds=round(time.perf_counter() - started, 4),
                )

    @asynccontextmanager
    async def count(self, call: Call) -> AsyncIterator[None]:
        """Number, duration and outcome."""
        started = time.perf_counter()
        with self._metrics.running.labels(call.method).track_inprogress():
            try:
                yield
            finally:
                self._metrics.calls.labels(call.method, call.status.name).inc()
                self._metrics.seconds.labels(call.method).observe(time.perf_counter() - started)
                if call.refused:
                    self._metrics.refusals.labels(call.method, call.refused).inc()

    @asynccontextmanager
    async def answer(self, call: Call) -> AsyncIterator[None]:
        """Tell the peer what it may know of what went wrong, and the log the rest."""
        call.context.set_trailing_metadata((("x-request-id", call.id),))
        try:
            yield
        except asyncio.CancelledError:  # the client left, or the server's grace is over
            call.status = grpc.StatusCode.CANCELLED
            raise
        except grpc.aio.AbortError:  # health and reflection end calls themselves
            call.status = call.context.code()
            raise
        except DeadlinePassed:
            call.status = grpc.StatusCode.DEADLINE_EXCEEDED
            await call.context.abort(call.status, "the deadline has passed")
        except Exception as error:  # noqa: BLE001 - the boundary: whatever it is, the peer gets a catalogue answer
            await _abort(call, error)

    @asynccontextmanager
    async def in_time(self, call: Call) -> AsyncIterator[None]:
        """End with the client's deadline; a call without end ends when the server stops too."""
        remaining = call.context.time_remaining()
        endless = call.method in ENDLESS
        if endless and self._draining:
            raise Refusal(Code.UNAVAILABLE, detail="the server is stopping")
        limit = asyncio.timeout(remaining)
        if endless:
            self._watching.add(limit)
        try:
            async with limit:
                yield
        except TimeoutError:
            if not limit.expired():
                raise
            if endless and self._draining:
                raise Refusal(Code.UNAVAILABLE, detail="the server is stopping") from None
            raise DeadlinePassed from None
        finally:
            self._watching.discard(limit)

    @asynccontextmanager
    async def limit(self, call: Call) -> AsyncIterator[None]:
        """One token of the certificate's bucket per call."""
        call.certificate = certificate_of(call.context)
        self._buckets.take(sha256_hex(call.certificate))
        yield

    @asynccontextmanager
    async def identify(self, call: Call) -> AsyncIterator[None]:
        """Whose certificate it is. Open services need one of the transport authority, bound or not."""
        if roles_for(call.method) is not None:
            call.caller = await self._hub.identify(call.certificate)
        yield

    @asynccontextmanager
    async def authorise(self, call: Call) -> AsyncIterator[None]:
        """Only the roles of the access table."""
        roles = roles_for(call.method)
        if roles is not None and (call.caller is None or call.caller.role not in roles):
            raise Refusal(Code.NOT_PERMITTED, detail=f"for {' or '.join(sorted(roles))} only")
        yield


async def _abort(call: Call, error: Exception) -> None:
    ours = not isinstance(error, Refusal)
    refusal = refusal_of(error, reference=call.id)
    if isinstance(error, HubFault):
        logger.warning("rpc.fault", reference=call.id, exc_info=error)
    elif ours:
        logger.error("rpc.surprise", reference=call.id, exc_info=error)
    status = status_of(refusal, language=call.language, reference=call.id if ours else None)
    call.refused = refusal.code
    call.status = grpc.StatusCode[CATALOGUE[refusal.code].grpc_status]
    trailers = ((DETAILS_KEY, status.SerializeToString()), ("x-request-id", call.id))
    await call.context.abort(call.status, status.message, trailers)
