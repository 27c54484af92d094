"""Does a backlog in the outbox go over one stream, each document decided for itself, in order, once?"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from random import randbytes

import pytest

from lienthong.domain.document import Business, BusinessType, Lane
from lienthong.errors import Code, Refusal
from lienthong_client.agent import prepare
from tests.fakes.agent import FailingDisk, Office, PowerCut
from tests.fakes.exchange import FakeExchange
from tests.fakes.exchange_services import Broken
from tests.pki.world import World

SENDER, RECIPIENT = "H48.31.05", "H48.33.02"

Offices = Callable[..., Office]


def fill(ours: Office, world: World, count: int) -> list[str]:
    names = [f"{number:02}" for number in range(1, count + 1)]
    for name in names:
        ours.put(f"{name}.edxml", world.signed(SENDER, [RECIPIENT], code_number=name))
    return names


def numbers(hub: FakeExchange) -> list[str]:
    return [stored.package.code_number for stored in hub.documents.values()]


async def test_a_backlog_goes_over_one_stream_in_order(
    office: Offices, hub: FakeExchange, now_world: World
) -> None:
    ours = office()
    names = fill(ours, now_world, 12)
    await ours.work(ours.agent())
    assert (hub.calls["SubmitMany"], hub.calls["Submit"]) == (1, 0)
    assert numbers(hub) == names
    assert ours.names("sent") == names
    assert {ours.result(f"sent/{name}")["state"] for name in names} == {"sent"}


async def test_a_refusal_concerns_its_document_alone(
    office: Offices, hub: FakeExchange, now_world: World
) -> None:
    ours = office()
    names = fill(ours, now_world, 4)
    ours.put("00.edxml", now_world.signed(RECIPIENT, [SENDER]))
    ours.put("05.edxml", b"<notice>not edXML</notice>")
    await ours.work(ours.agent())
    assert ours.names("sent") == names
    assert ours.names("failed") == ["00", "05"]
    assert ours.result("failed/00")["error"]["code"] == "CALLER_NOT_SENDER"


async def test_what_was_answered_before_a_cut_is_noted_and_the_rest_goes_once_later(
    office: Offices, hub: FakeExchange, now_world: World
) -> None:
    ours = office()
    names = fill(ours, now_world, 5)
    agent = ours.agent()
    asked = hub.enter

    def cut(method: str, context: object) -> str:
        caller = asked(method, context)
        if method == "SubmitMany.document" and len(hub.documents) >= 3:
            raise Broken("away")
        return caller

    hub.enter = cut  # type: ignore[method-assign]
    await ours.work(agent)
    assert ours.names("sent") == names[:3]
    assert len(ours.names("sending")) == 2
    assert agent.status.health()["hub"]["reachable"] is False
    hub.enter = asked  # type: ignore[method-assign]
    ours.pace.jump(seconds=120)
    await agent.sender.send(Lane.NORMAL)
    assert ours.names("sent") == names
    assert numbers(hub) == names


async def test_what_is_about_an_earlier_document_waits_until_that_is_decided(
    office: Offices, hub: FakeExchange, now_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = office()
    fill(ours, now_world, 2)
    update = Business(type=BusinessType.UPDATE, reason="sai", document_id="x")
    ours.put("03.edxml", now_world.signed(SENDER, [RECIPIENT], code_number="03", business=update))
    ours.put("04.edxml", now_world.signed(SENDER, [RECIPIENT], code_number="04"))
    ours.put("05.edxml", now_world.signed(SENDER, [RECIPIENT], code_number="04", subject="cùng số"))
    ours.put("06.edxml", now_world.signed(SENDER, [RECIPIENT], code_number="06"))
    ours.put(
        "07.edxml", now_world.signed(SENDER, [RECIPIENT], code_number="07", files={"a.bin": randbytes(9000)})
    )
    monkeypatch.setattr(prepare, "SMALL", 10_000)
    agent = ours.agent()
    runs: list[list[str]] = []
    submit_run = agent.sender._submit_run

    async def noted(run: object, row: object) -> None:
        runs.append([waiting.job.name for waiting in run.jobs])  # type: ignore[attr-defined]
        await submit_run(run, row)  # type: ignore[arg-type]

    agent.sender._submit_run = noted  # type: ignore[method-assign]
    await ours.work(agent)
    assert [run for run in runs if run] == [["01", "02"], ["03"], ["04"], ["05", "06"], ["07"]]
    assert (hub.calls["SubmitMany"], hub.calls["Submit"]) == (2, 3)
    assert numbers(hub) == ["01", "02", "03", "04", "04", "06", "07"]


@pytest.mark.parametrize("code", [Code.RATE_LIMITED, Code.NOT_PERMITTED])
async def test_what_is_not_the_documents_fault_fails_none_of_a_backlog(
    office: Offices, hub: FakeExchange, now_world: World, code: Code
) -> None:
    ours = office()
    names = fill(ours, now_world, 3)
    agent = ours.agent()
    hub.failures["SubmitMany.document"] = [Refusal(code)] * 6
    await ours.work(agent)
    assert (ours.names("failed"), len(ours.names("sending"))) == ([], 3)
    for _ in range(2):
        ours.pace.jump(seconds=120)
        await agent.sender.send(Lane.NORMAL)
    assert (ours.names("sent"), numbers(hub)) == (names, names)


async def test_a_hub_that_refuses_streams_gets_them_one_by_one(
    office: Offices, hub: FakeExchange, now_world: World
) -> None:
    ours = office()
    names = fill(ours, now_world, 3)
    hub.failures["SubmitMany"] = [Refusal(Code.ARGUMENT_INVALID, field="header")]
    await ours.work(ours.agent())
    assert (ours.names("sent"), numbers(hub), hub.calls["Submit"]) == (names, names, 3)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_power_cut_at_every_step_of_a_backlog_loses_and_doubles_nothing(
    tmp_path: Path,
    hub: FakeExchange,
    profile_of: Callable[[str], Path],
    now_world: World,
    after: bool,
) -> None:
    profile = profile_of(SENDER)
    packages = [now_world.signed(SENDER, [RECIPIENT], code_number=str(number)) for number in range(2)]
    at, cut = 0, True
    while cut:
        at += 1
        hub.documents.clear()
        async with AsyncExitStack() as stack:
            ours = Office(tmp_path / f"office {at}", profile, stack)
            for number, data in enumerate(packages):
                ours.put(f"{number}.edxml", data)
            try:
                await ours.work(ours.agent(FailingDisk(at, after=after)))
                cut = False
            except PowerCut:
                await ours.work(ours.agent())
            assert sorted(stored.data for stored in hub.documents.values()) == sorted(packages), at
            assert ours.names("sent") == ["0", "1"], at
            assert (ours.names("outbox"), ours.names("sending")) == ([], []), at
    assert at > 18
    assert hub.calls["SubmitMany"] > 0
