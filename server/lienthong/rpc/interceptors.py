"""What happens around every call, in one order.

`Stages.run` is that order, outermost first:

1. log        first, so that the line it writes last knows how everything ended; every line carries the call's id
2. count      sees the final status of every call, refused ones too
3. answer     turns whatever comes out from further in into a status: nothing internal passes it
4. in time    from here on the work ends with the client's deadline, and watching calls with the server's stop
5. limit      by the certificate's fingerprint, before the hub is asked about it: an unknown one makes it ask the store
6. identify   the agency or operator the certificate is bound to, never a name written in it
7. authorise  before the request is decoded: what a caller may not do costs next to nothing

They are plain functions one inside the other: as a stack of context managers they cost more than the call itself.
`pipeline.py` puts them around the handlers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import grpc
import structlog
from google.rpc import status_pb2

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

Work = Callable[[], Awaitable[Any]]


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

    def drain(self) -> None:
        """End the calls that would run until their client leaves, now and from now on."""
        self._draining = True
        now = asyncio.get_running_loop().time()
        for limit in self._watching:
            limit.reschedule(now)

    def spend(self, certificate_sha256: str) -> None:
        """One call's worth of a client's rate, for a document of a stream; raises RATE_LIMITED."""
        self._buckets.take(certificate_sha256)

    async def run(self, call: Call, work: Work) -> Any:  # noqa: ANN401 - whatever the handler answers
        """`work` inside every stage: one line when it ends, and its number, duration and outcome counted (1, 2)."""
        started = time.perf_counter()
        structlog.contextvars.bind_contextvars(call=call.id, method=call.method)  # of this call's own task
        series = self._metrics.of(call.method)
        series.running.inc()
        try:
            return await self._answer(call, work)
        finally:
            seconds = time.perf_counter() - started
            series.running.dec()
            series.ended(call.status.name).inc()
            series.seconds.observe(seconds)
            if call.refused:
                series.refused(call.refused).inc()
            # balancers ask open services all day
            tell = logger.debug if roles_for(call.method) is None else logger.info
            tell(
                "rpc.finished",
                status=call.status.name,
                refused=call.refused,
                caller=call.caller.actor if call.caller else None,
                peer=call.context.peer(),
                seconds=round(seconds, 4),
            )

    async def _answer(self, call: Call, work: Work) -> Any:  # noqa: ANN401
        """Tell the peer what it may know of what went wrong, and the log the rest (3)."""
        call.context.set_trailing_metadata((("x-request-id", call.id),))
        try:
            if call.method in ENDLESS:
                return await self._until_drained(call, work)
            return await self._in_time(call, work, asyncio.timeout(call.context.time_remaining()))
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

    async def _in_time(self, call: Call, work: Work, limit: asyncio.Timeout) -> Any:  # noqa: ANN401
        """End with the client's deadline (4)."""
        try:
            async with limit:
                await self._admit(call)
                return await work()
        except TimeoutError:
            if not limit.expired():
                raise
            raise DeadlinePassed from None

    async def _until_drained(self, call: Call, work: Work) -> Any:  # noqa: ANN401
        """A call without end ends when the server stops, too."""
        if self._draining:
            raise Refusal(Code.UNAVAILABLE, detail="the server is stopping")
        limit = asyncio.timeout(call.context.time_remaining())
        self._watching.add(limit)
        try:
            return await self._in_time(call, work, limit)
        except DeadlinePassed:
            if self._draining:
                raise Refusal(Code.UNAVAILABLE, detail="the server is stopping") from None
            raise
        finally:
            self._watching.discard(limit)

    async def _admit(self, call: Call) -> None:
        """Within its limit (5), somebody we know (6), and allowed to call this (7)."""
        call.certificate, fingerprint = certificate_of(call.context)
        self._buckets.take(fingerprint)
        roles = roles_for(call.method)
        if roles is None:  # open services need a certificate of the transport authority, bound or not
            return
        call.caller = await self._hub.identify(call.certificate)
        if call.caller.role not in roles:
            raise Refusal(Code.NOT_PERMITTED, detail=f"for {' or '.join(sorted(roles))} only")


async def _abort(call: Call, error: Exception) -> None:
    refusal, status = told(call, error)
    call.refused = refusal.code
    call.status = grpc.StatusCode[CATALOGUE[refusal.code].grpc_status]
    trailers = ((DETAILS_KEY, status.SerializeToString()), ("x-request-id", call.id))
    await call.context.abort(call.status, status.message, trailers)


def told(call: Call, error: Exception) -> tuple[Refusal, status_pb2.Status]:
    """What the peer is told of `error`; what is our fault goes to the log."""
    ours = not isinstance(error, Refusal)
    refusal = refusal_of(error, reference=call.id)
    if isinstance(error, HubFault):
        logger.warning("rpc.fault", reference=call.id, exc_info=error)
    elif ours:
        logger.error("rpc.surprise", reference=call.id, exc_info=error)
    return refusal, status_of(refusal, language=call.language, reference=call.id if ours else None)
