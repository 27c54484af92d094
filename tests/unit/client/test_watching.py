"""Does a watched inbox live through cuts and restarts, and give each delivery once?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

import pytest

from lienthong.errors import Code, Refusal
from lienthong_client import AgencyClient, InboxItem, Unreachable
from tests.fakes.exchange import FakeExchange
from tests.pki.world import World

SENDER, RECIPIENT = "H48.31.05", "H48.33.02"
Connect = Callable[[str], AgencyClient]
DEADLINE = 20.0  # seconds


async def take(items: AsyncIterator[InboxItem], number: int) -> list[str]:
    async with asyncio.timeout(DEADLINE):
        return [(await anext(items)).document.document_id for _ in range(number)]


async def test_watch_gives_what_waits_and_what_comes(
    hub: FakeExchange, connect: Connect, now_world: World
) -> None:
    first = hub.put(now_world.signed(SENDER, [RECIPIENT], code_number="1"))
    async with aclosing(connect(RECIPIENT).watch_inbox()) as items:
        assert await take(items, 1) == [first.id]
        second = hub.put(now_world.signed(SENDER, [RECIPIENT], code_number="2"))
        assert await take(items, 1) == [second.id]


async def test_watch_reconnects_and_repeats_nothing(
    hub: FakeExchange, connect: Connect, now_world: World
) -> None:
    told: list[float] = []
    first = hub.put(now_world.signed(SENDER, [RECIPIENT], code_number="1"))
    client = connect(RECIPIENT)
    async with aclosing(client.watch_inbox(on_interrupted=lambda reason, pause: told.append(pause))) as items:
        assert await take(items, 1) == [first.id]
        hub.end_streams()
        second = hub.put(now_world.signed(SENDER, [RECIPIENT], code_number="2"))
        assert await take(items, 1) == [second.id]
    assert told
    assert hub.calls["WatchInbox"] >= 2


async def test_watch_only_new_leaves_out_what_waits(
    hub: FakeExchange, connect: Connect, now_world: World
) -> None:
    hub.put(now_world.signed(SENDER, [RECIPIENT], code_number="1"))
    async with aclosing(connect(RECIPIENT).watch_inbox(only_new=True)) as items:
        waiting = asyncio.ensure_future(take(items, 1))
        async with asyncio.timeout(DEADLINE):
            while hub.calls["WatchInbox"] == 0:
                await asyncio.sleep(0.01)
        second = hub.put(now_world.signed(SENDER, [RECIPIENT], code_number="2"))
        assert await waiting == [second.id]


async def test_watch_lives_through_a_restart_of_the_hub(
    connect: Connect, hub: FakeExchange, now_world: World
) -> None:
    """The hub is away for a while; what is consigned before the client is back is not lost."""
    first = hub.put(now_world.signed(SENDER, [RECIPIENT], code_number="1"))
    reborn = FakeExchange(now_world)
    with reborn.serving():
        profile = connect(RECIPIENT).profile
    reborn.documents.update(hub.documents)
    port = reborn.port
    interrupted = asyncio.Event()
    client = AgencyClient.from_profile(reborn.write_profile(profile.path.parent, RECIPIENT))
    async with client, aclosing(client.watch_inbox(on_interrupted=lambda *_: interrupted.set())) as items:
        with reborn.serving(port=port):
            assert await take(items, 1) == [first.id]
        waiting = asyncio.ensure_future(take(items, 1))
        async with asyncio.timeout(DEADLINE):
            await interrupted.wait()
        second = reborn.put(now_world.signed(SENDER, [RECIPIENT], code_number="2"))
        with reborn.serving(port=port):
            assert await waiting == [second.id]


async def test_watch_of_a_hub_that_was_never_there_says_so(connect: Connect, hub: FakeExchange) -> None:
    profile = connect(RECIPIENT).profile
    gone = FakeExchange(hub.world)
    with gone.serving():
        pass
    async with AgencyClient.from_profile(gone.write_profile(profile.path.parent, RECIPIENT)) as client:
        with pytest.raises(Unreachable):
            await anext(client.watch_inbox())


async def test_watch_that_is_refused_ends(hub: FakeExchange, connect: Connect) -> None:
    hub.failures["WatchInbox"] = [Refusal(Code.NOT_PERMITTED)]
    with pytest.raises(Refusal) as caught:
        await anext(connect(RECIPIENT).watch_inbox())
    assert caught.value.code is Code.NOT_PERMITTED
