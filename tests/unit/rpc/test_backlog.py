"""Is the memory of a half-sent document given back, however its stream ends?"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from lienthong.api.v1 import exchange_pb2 as pb
from lienthong.hub.identity import Caller
from lienthong.rpc.backlog import Backlog
from lienthong.rpc.call import Call
from lienthong.rpc.limits import RpcLimits
from lienthong.rpc.metrics import RpcMetrics
from lienthong.rpc.uploads import Uploads

SIZE = 1_000_000


class OneSender:
    """A hub that knows the caller and is never asked anything else."""

    async def identify(self, certificate: bytes) -> Caller:
        return Caller(agency="H48", role="agency", subject="CN=H48", certificate_sha256="ab")


async def test_a_client_that_leaves_within_a_document_gives_its_memory_back_at_once() -> None:
    limits, metrics = RpcLimits(), RpcMetrics(CollectorRegistry())
    uploads = Uploads(limits, metrics, max_package=SIZE)
    reserved = asyncio.Event()

    async def half_a_document() -> AsyncIterator[pb.SubmitManyRequest]:
        header = pb.SubmitHeader(size=SIZE, sha256=hashlib.sha256(b"").hexdigest())
        yield pb.SubmitManyRequest(tag=1, header=header, chunk=b"half")
        reserved.set()
        await asyncio.Event().wait()

    call = Call(method="lienthong.api.v1.ExchangeService/SubmitMany", context=cast("Any", None))
    hub = cast("Any", OneSender())
    backlog = Backlog(hub, uploads, limits, metrics, lambda _: None, call, half_a_document())
    reading = asyncio.create_task(backlog._read_all())
    async with asyncio.timeout(10):
        await reserved.wait()
        assert uploads._budget.used == SIZE
        reading.cancel()
        with pytest.raises(asyncio.CancelledError) as left:
            await reading
    assert uploads._budget.used == 0
    assert left.value.__traceback__ is not None  # kept: nothing of it has been collected
