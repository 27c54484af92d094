"""How a client follows its inbox for days: the stream breaks, is opened again, and no item is given twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing

from lienthong.api.v1 import exchange_pb2
from lienthong.errors import Refusal
from lienthong_client.channel import Connection
from lienthong_client.errors import Unreachable
from lienthong_client.mapping import to_inbox_item
from lienthong_client.results import InboxItem
from lienthong_client.retry import PASSING, Retry

#: called with the reason and the seconds until the next try
Interrupted = Callable[[Unreachable | Refusal, float], None]


async def watch(
    connection: Connection,
    *,
    known: Iterable[str],
    retry: Retry,
    on_interrupted: Interrupted | None,
) -> AsyncGenerator[InboxItem, None]:
    """Every waiting and every new delivery that is not `known`, each once, for ever.

    The stream is always asked for everything that waits: what was consigned while it was broken is not lost.
    A hub that was never reached raises `Unreachable` after `retry`; one that went away is tried for ever.
    """
    given = set(known)
    failures = 0
    connected_once = False
    while True:
        try:
            connected_once = await connection.ready() or connected_once
            request = exchange_pb2.WatchInboxRequest(only_new=False)
            call = connection.exchange.WatchInbox(request, metadata=connection.metadata)
            async with aclosing(connection.stream(call, idle_timeout=None)) as messages:
                async for message in messages:
                    failures = 0
                    item = to_inbox_item(message.item)
                    if item.delivery_id not in given:
                        given.add(item.delivery_id)
                        yield item
            raise Unreachable(connection.address, "the hub ended the stream")  # noqa: TRY301 - same road as a cut
        except (Unreachable, Refusal) as error:
            if isinstance(error, Refusal) and error.code not in PASSING:
                raise
            if not connected_once and failures + 1 >= retry.attempts:
                raise
            pause = retry.pause(failures)
            failures += 1
            if on_interrupted is not None:
                on_interrupted(error, pause)
            await asyncio.sleep(pause)
