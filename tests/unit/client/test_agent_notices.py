"""Does an office that only looks into folders hear, once, that a document was recalled, replaced or asked back?"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from lienthong.errors import Code, Refusal
from lienthong_client import AgencyClient
from lienthong_client.agent import Agent, AgentSettings
from lienthong_client.agent.disk import Disk
from tests.fakes.agent import FailingDisk, JumpingPace, PowerCut
from tests.fakes.exchange import FakeExchange, Stored

SENDER, RECIPIENT = "H48.31.05", "H48.33.02"
PLACE = "2026-03-02 H48.31.05 212-UBND-VX"
Make = Callable[..., Agent]


@pytest.fixture
async def agent_of(tmp_path: Path, profile_of: Callable[[str], Path]) -> AsyncIterator[Make]:
    async with AsyncExitStack() as stack:

        def make(folder: str = "office", disk: Disk | None = None) -> Agent:
            values = {"profile": profile_of(RECIPIENT), "folder": tmp_path / folder}
            made = Agent(AgentSettings.model_validate(values), disk=disk, pace=JumpingPace())
            stack.push_async_callback(made.client.close)
            return made

        yield make


@pytest.fixture
def stored(hub: FakeExchange, signed: bytes) -> Stored:
    return hub.put(signed)


@pytest.fixture
async def recalled(stored: Stored, connect: Callable[[str], AgencyClient]) -> Stored:
    await connect(SENDER).recall(stored.id, "Sai thẩm quyền", to=[RECIPIENT])
    return stored


def names(agent: Agent) -> list[str]:
    return sorted(path.name for path in agent.folders.notices.iterdir())


async def test_a_recall_is_a_file_in_both_languages_and_seen(
    agent_of: Make, hub: FakeExchange, recalled: Stored
) -> None:
    agent = agent_of()
    await agent.notices.round()
    assert names(agent) == [PLACE]
    vietnamese, english = (agent.folders.notices / PLACE / "notice.txt").read_text("utf-8").split("\n\n")
    assert vietnamese.startswith("đã thu hồi, không sử dụng: Sai thẩm quyền\nSố, ký hiệu: 212/UBND-VX\n")
    assert english.startswith("recalled, do not use it: Sai thẩm quyền\nNumber: 212/UBND-VX\n")
    assert f"({SENDER})" in english
    note = json.loads((agent.folders.notices / PLACE / "notice.json").read_bytes())
    assert (note["document_id"], note["notice"]["kind"]) == (recalled.id, "RECALL")
    assert (note["notice"]["state"], note["notice"]["reason"]) == ("WITHDRAWN", "Sai thẩm quyền")
    assert hub.seen == {recalled.deliveries[RECIPIENT]}
    assert await agent.client.notices() == []
    assert agent.status.health()["ok"]


async def test_what_the_office_took_away_does_not_come_again(
    agent_of: Make, hub: FakeExchange, recalled: Stored
) -> None:
    agent = agent_of()
    await agent.notices.round()
    Disk().remove(agent.folders.notices / PLACE)
    hub.seen.clear()  # a hub brought back from a copy lists it again
    await agent_of().notices.round()
    assert names(agent) == []
    assert len(hub.seen) == 1
    agent.notices._pace.jump(days=91)  # type: ignore[attr-defined]
    await agent.notices.round()
    assert list(agent.folders.noticed.iterdir()) == []


async def test_a_question_stays_with_the_hub_until_it_is_answered_and_is_one_file(
    agent_of: Make, hub: FakeExchange, stored: Stored, connect: Callable[[str], AgencyClient]
) -> None:
    theirs = connect(RECIPIENT)
    await theirs.acknowledge(await theirs.fetch(stored.deliveries[RECIPIENT]))
    await connect(SENDER).recall(stored.id, "Gửi nhầm", to=[RECIPIENT])
    await agent_of().notices.round()
    agent = agent_of()  # as after a start
    await agent.notices.round()
    assert names(agent) == [PLACE]
    assert f"status {stored.id} 15" in (agent.folders.notices / PLACE / "notice.txt").read_text("utf-8")
    assert (hub.calls["AcknowledgeNotice"], len(await theirs.notices())) == (0, 1)
    await theirs.set_status(stored.id, "15", description="Đồng ý")
    await agent.notices.round()
    assert names(agent) == [PLACE]


async def test_a_replacement_names_the_document_in_its_place(
    agent_of: Make, hub: FakeExchange, recalled: Stored
) -> None:
    asked = recalled.said.requests[RECIPIENT]
    asked.kind, asked.state = "REPLACE", "SUPERSEDED"
    agent = agent_of()
    await agent.notices.round()
    text = (agent.folders.notices / PLACE / "notice.txt").read_text("utf-8")
    assert "đã bị thay thế bằng 212/UBND-VX" in text
    assert "replaced by 212/UBND-VX" in text


async def test_a_hub_that_is_away_when_it_should_hear_makes_no_second_file(
    agent_of: Make, hub: FakeExchange, recalled: Stored
) -> None:
    hub.failures["AcknowledgeNotice"] = [Refusal(Code.UNAVAILABLE)] * 2
    agent = agent_of()
    await agent.notices.round()
    assert agent.status.health()["hub"]["reachable"] is False
    await agent.notices.round()
    assert (names(agent), len(hub.seen)) == ([PLACE], 1)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_power_cut_at_every_step_loses_and_doubles_nothing(
    agent_of: Make, hub: FakeExchange, recalled: Stored, after: bool
) -> None:
    at, cut = 0, True
    while cut:
        at += 1
        hub.seen.clear()
        try:
            await agent_of(f"office {at}", FailingDisk(at, after=after)).notices.round()
            cut = False
        except PowerCut:
            pass
        agent = agent_of(f"office {at}")
        await agent.notices.round()
        assert names(agent) == [PLACE], at
        assert sorted(path.name for path in (agent.folders.notices / PLACE).iterdir()) == [
            "notice.json",
            "notice.txt",
        ], at
        assert len(hub.seen) == 1, at
    assert at > 5


async def test_a_full_disk_is_told_and_waited_out(
    agent_of: Make, hub: FakeExchange, recalled: Stored
) -> None:
    disk = FailingDisk(2, error=lambda: OSError(28, "No space left on device"))
    agent = agent_of(disk=disk)
    await agent.notices.round()
    assert ("notices" in agent.status.health()["troubles"], names(agent), hub.seen) == (True, [], set())
    await agent.notices.round()
    assert (agent.status.health()["ok"], names(agent)) == (True, [PLACE])


async def test_the_service_looks_by_itself(
    agent_of: Make, hub: FakeExchange, stored: Stored, connect: Callable[[str], AgencyClient]
) -> None:
    agent, stop = agent_of(), asyncio.Event()
    running = asyncio.ensure_future(agent.run(stop))
    try:
        async with asyncio.timeout(20):
            while hub.calls["ListNotices"] == 0:
                await asyncio.sleep(0.01)
            await connect(SENDER).recall(stored.id, "Sai thẩm quyền", to=[RECIPIENT])
            while not hub.seen:
                await asyncio.sleep(0.01)
    finally:
        stop.set()
        await running
    assert names(agent) == [PLACE]
