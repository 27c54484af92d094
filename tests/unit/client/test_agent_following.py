"""Do other systems hear once, and whatever stops in between, what became of documents later?"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from lienthong.errors import Code, Refusal
from lienthong_client import AgencyClient
from lienthong_client.agent import Agent, AgentSettings
from lienthong_client.agent.disk import Disk
from tests.fakes.agent import FailingDisk, HookServer, JumpingPace, PowerCut
from tests.fakes.exchange import FakeExchange, Stored

SENDER, RECIPIENT, OTHER = "H48.31.05", "H48.33.02", "H48.33.03"
SECRET = "whsec_" + base64.b64encode(b"thirty-two bytes of pure chance!").decode()
DEADLINE = 20.0  # seconds
Make = Callable[..., Agent]


@pytest.fixture
async def agent_of(tmp_path: Path, profile_of: Callable[[str], Path]) -> AsyncIterator[Make]:
    async with AsyncExitStack() as stack:

        def make(agency: str, url: str, disk: Disk | None = None, **hook: Any) -> Agent:
            hooks = [{"name": "eoffice", "url": url, "secret": SECRET, **hook}]
            values = {"profile": profile_of(agency), "folder": tmp_path / agency, "webhooks": hooks}
            made = Agent(AgentSettings.model_validate(values), disk=disk, pace=JumpingPace())
            stack.push_async_callback(made.client.close)
            return made

        yield make


@pytest.fixture
def server() -> Iterator[HookServer]:
    with HookServer.running() as running:
        yield running


@pytest.fixture
def stored(hub: FakeExchange, signed: bytes) -> Stored:
    return hub.put(signed)


@asynccontextmanager
async def following(agent: Agent) -> AsyncIterator[None]:
    task = asyncio.ensure_future(agent.follower.run())
    try:
        yield
    finally:
        task.cancel()
        (ended,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(ended, asyncio.CancelledError), ended


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0.01)


def place(agent: Agent) -> str | None:
    path = agent.folders.changes
    return json.loads(path.read_bytes())["place"] if path.exists() else None


def waiting(agent: Agent) -> list[dict[str, Any]]:
    folder = agent.folders.webhooks / "eoffice"
    return sorted((json.loads(p.read_bytes()) for p in folder.glob("*.json")), key=lambda e: str(e["id"]))


async def test_both_sides_are_told_of_what_the_other_did(
    agent_of: Make,
    hub: FakeExchange,
    server: HookServer,
    stored: Stored,
    connect: Callable[[str], AgencyClient],
) -> None:
    ours, theirs = agent_of(SENDER, server.url), agent_of(RECIPIENT, server.url)
    async with following(ours), following(theirs):
        await until(lambda: place(ours) and place(theirs))
        await connect(RECIPIENT).set_status(stored.id, "03", description="Số đến 87")
        await connect(SENDER).recall(stored.id, "Sai thẩm quyền", to=[RECIPIENT])
        await until(lambda: len(waiting(ours)) == 2 and len(waiting(theirs)) == 1)
        await ours.webhooks.round()
        await theirs.webhooks.round()
    events = [call.event for call in server.calls]
    assert all(event["type"] == "delivery.changed" for event in events)
    assert [(e["agency"], e["data"]["role"], e["data"]["kind"], e["data"]["value"]) for e in events] == [
        (SENDER, "sender", "status", "03"),
        (SENDER, "sender", "request", "RECALL WITHDRAWN"),
        (RECIPIENT, "recipient", "request", "RECALL WITHDRAWN"),  # its own status is no news
    ]
    data = events[0]["data"]
    assert (data["detail"], data["recipient"], data["document"]["document_id"]) == (
        "Số đến 87",
        RECIPIENT,
        stored.id,
    )
    assert events[2]["data"]["detail"] == "Sai thẩm quyền"
    assert [call.headers["webhook-id"] for call in server.calls] == [event["id"] for event in events]
    assert all(call.headers["webhook-signature"].startswith("v1,") for call in server.calls)


async def test_what_happened_while_the_agent_did_not_run_is_told_when_it_runs_again(
    agent_of: Make, server: HookServer, stored: Stored, connect: Callable[[str], AgencyClient]
) -> None:
    first = agent_of(SENDER, server.url)
    async with following(first):
        await until(lambda: place(first))
    await connect(RECIPIENT).set_status(stored.id, "03")
    await connect(OTHER).set_status(stored.id, "05")
    second = agent_of(SENDER, server.url)
    async with following(second):
        await until(lambda: len(waiting(second)) == 2)
    assert [event["data"]["value"] for event in waiting(second)] == ["03", "05"]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("operation", [1, 2])
async def test_a_power_cut_doubles_no_event(
    agent_of: Make,
    server: HookServer,
    stored: Stored,
    connect: Callable[[str], AgencyClient],
    operation: int,
    after: bool,
) -> None:
    """Operation 1 writes the event, 2 the place; whichever is cut, the event comes, under one id."""
    begun = agent_of(SENDER, server.url)
    async with following(begun):
        await until(lambda: place(begun))
    await connect(RECIPIENT).set_status(stored.id, "03")
    cut = agent_of(SENDER, server.url, FailingDisk(operation, after=after))
    changes = cut.client.watch_changes(place(cut))
    change = await anext(changes)
    with pytest.raises(PowerCut):
        cut.follower.take(change)
    await changes.aclose()
    await cut.webhooks.round()  # what was written may have been called already
    again = agent_of(SENDER, server.url)
    await connect(OTHER).set_status(stored.id, "05")
    async with following(again):
        await until(lambda: "05" in [event["data"]["value"] for event in waiting(again)])
        await again.webhooks.round()
    events = {call.event["id"]: call.event["data"]["value"] for call in server.calls}
    assert sorted(events.values()) == ["03", "05"]


async def test_nobody_follows_when_nobody_wants_to_hear(
    agent_of: Make, hub: FakeExchange, server: HookServer
) -> None:
    agent = agent_of(SENDER, server.url, events=["document.sent"])
    agent.folders.changes.write_text('{"place": "7"}')
    async with following(agent):
        await until(lambda: not agent.folders.changes.exists())
    assert hub.calls["WatchChanges"] == 0


def place_of(agent: Agent) -> str:
    """What is kept; nothing between the old file's end and the new one's beginning."""
    try:
        return agent.folders.changes.read_text()
    except FileNotFoundError:
        return ""


@pytest.mark.parametrize("kept", ['{"place": "no place"}', "{half", "[]", "7"])
async def test_a_place_that_was_lost_begins_anew(
    agent_of: Make, hub: FakeExchange, server: HookServer, stored: Stored, kept: str,
    connect: Callable[[str], AgencyClient],
) -> None:  # fmt: skip
    agent = agent_of(SENDER, server.url)
    agent.folders.changes.write_text(kept)
    async with following(agent):
        await until(lambda: '"place": "0",' in place_of(agent))
        await connect(RECIPIENT).set_status(stored.id, "03")
        await until(lambda: waiting(agent))


async def test_a_hub_that_is_away_or_says_no_is_asked_again(
    agent_of: Make,
    hub: FakeExchange,
    server: HookServer,
    stored: Stored,
    connect: Callable[[str], AgencyClient],
) -> None:
    hub.failures["WatchChanges"] = [Refusal(Code.NOT_PERMITTED), Refusal(Code.UNAVAILABLE)]
    agent = agent_of(SENDER, server.url)
    async with following(agent):
        await until(lambda: place(agent))
        hub.end_streams()
        await connect(RECIPIENT).set_status(stored.id, "03")
        await until(lambda: waiting(agent))
    assert len(waiting(agent)) == 1


@pytest.mark.parametrize("kept", [0, 2], ids=["made anew", "brought back from a copy"])
async def test_a_hub_whose_numbers_begin_again_is_followed_from_its_beginning_and_nothing_is_told_twice(
    agent_of: Make,
    hub: FakeExchange,
    server: HookServer,
    stored: Stored,
    connect: Callable[[str], AgencyClient],
    kept: int,
) -> None:
    agent = agent_of(SENDER, server.url)
    async with following(agent):
        await until(lambda: place(agent))
        for code in ("01", "03", "04", "05"):
            await connect(RECIPIENT).set_status(stored.id, code)
        await until(lambda: len(waiting(agent)) == 4)
        await agent.webhooks.round()
    del hub.changes[kept:]
    hub.end_streams()
    await connect(OTHER).set_status(stored.id, "02", description="while nobody listened")
    again = agent_of(SENDER, server.url)
    async with following(again):
        await until(lambda: waiting(again))
        await connect(OTHER).set_status(stored.id, "02", description="after")
        await until(lambda: len(waiting(again)) == 2)
        await again.webhooks.round()
    told = [call.event["data"]["value"] for call in server.calls]
    assert told == ["01", "03", "04", "05", "02", "02"]
    assert place(again) == str(kept + 2)
    assert '"again": false' in place_of(again)
