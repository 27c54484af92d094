"""Does every delivery end in the inbox, once, with a receipt, and nothing that was not believed?"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from lienthong.domain.evidence import ContentHandover, EvidenceKind
from lienthong.domain.ids import sha256_hex
from lienthong.errors import Code, Refusal
from lienthong.signing.verify import verify_record
from lienthong.transit import records
from lienthong_client.agent import Agent, AgentSettings
from lienthong_client.agent.disk import Disk
from lienthong_client.results import Received
from tests.fakes.agent import FailingDisk, JumpingPace, PowerCut
from tests.fakes.exchange import FakeExchange, Stored
from tests.pki.world import World

SENDER, RECIPIENT = "H48.31.05", "H48.33.02"
DEADLINE = 20.0  # seconds


class Office:
    """The recipient's folder and agents on it."""

    def __init__(self, root: Path, profile: Path, stack: AsyncExitStack) -> None:
        self.pace = JumpingPace()
        self.root = root
        self.settings = AgentSettings.model_validate({"profile": profile, "folder": root, "language": "en"})
        self._stack = stack

    def agent(self, disk: Disk | None = None) -> Agent:
        made = Agent(self.settings, disk=disk, pace=self.pace)
        self._stack.push_async_callback(made.client.close)
        return made

    def names(self, folder: str) -> list[str]:
        return sorted(path.name for path in (self.root / folder).iterdir())

    async def work(self, agent: Agent) -> None:
        """What `run` does at a start: what was in hand, then what waits."""
        for delivery in agent.receiver.unfinished():
            await agent.receiver.receive(delivery)
        for item in await agent.client.inbox():
            await agent.receiver.receive(item.delivery_id)


@pytest.fixture
async def office(tmp_path: Path, profile_of: Callable[[str], Path]) -> AsyncIterator[Office]:
    async with AsyncExitStack() as stack:
        yield Office(tmp_path / "office", profile_of(RECIPIENT), stack)


async def _until(wanted: Callable[[], Any]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not wanted():
            await asyncio.sleep(0.01)


def _check_receipt(stored: Stored, world: World) -> None:
    xml = stored.handovers[RECIPIENT]
    root = records.root_name(EvidenceKind.CONTENT_HANDOVER)
    handover = records.read(verify_record(xml, trust=world.trust, at=world.at, root=root).root)
    assert isinstance(handover, ContentHandover)
    assert (handover.document_id, handover.document_sha256) == (stored.id, sha256_hex(stored.data))


async def test_delivery_becomes_a_folder_and_a_receipt(
    office: Office, hub: FakeExchange, now_world: World
) -> None:
    stored = hub.put(now_world.signed(SENDER, [RECIPIENT]))
    await office.work(office.agent())
    assert office.names("inbox") == ["2026-03-02 H48.31.05 212-UBND-VX"]
    place = office.root / "inbox/2026-03-02 H48.31.05 212-UBND-VX"
    assert sorted(path.name for path in place.iterdir()) == [
        "attachments", "delivery.json", "document.edxml", "evidence",
    ]  # fmt: skip
    assert (place / "document.edxml").read_bytes() == stored.data
    assert (place / "attachments/212_UBND-VX.pdf").read_bytes().startswith(b"%PDF")
    note = json.loads((place / "delivery.json").read_bytes())
    assert (note["document_id"], note["sender"], note["agency"]) == (stored.id, SENDER, RECIPIENT)
    assert note["files"]["attachments"] == ["attachments/212_UBND-VX.pdf"]
    assert len(note["verified"]["hops"]) == 5
    assert list(stored.handovers) == [RECIPIENT]
    assert office.names(".arriving") == []


async def test_what_is_not_believed_gets_no_folder_and_no_receipt(
    office: Office, hub: FakeExchange, now_world: World
) -> None:
    """Noted in refused/, tried again ever more slowly, and taken once it verifies."""
    stored = hub.put(now_world.signed(SENDER, [RECIPIENT]))
    hub.tamper = lambda data: data.replace(b"V/v", b"V/V", 1)
    agent = office.agent()
    running = asyncio.ensure_future(agent.receiver.run())
    try:
        await _until(lambda: office.names("refused"))
        assert (office.names("inbox"), stored.handovers) == ([], {})
        (name,) = office.names("refused")
        note = json.loads((office.root / "refused" / name).read_bytes())
        assert (note["delivery_id"], note["error"]["code"]) == (
            stored.deliveries[RECIPIENT],
            "SIGNATURE_INVALID",
        )
        assert not agent.status.health()["ok"]
        hub.tamper = lambda data: data
        await _until(lambda: stored.handovers and agent.status.health()["ok"])
        assert (len(office.names("inbox")), office.names("refused")) == (1, [])
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_push_brings_what_waits_and_what_comes_through_cuts(
    office: Office, hub: FakeExchange, now_world: World
) -> None:
    first = hub.put(now_world.signed(SENDER, [RECIPIENT], code_number="1"))
    hub.failures["WatchInbox"] = [Refusal(Code.UNAUTHENTICATED)]
    agent = office.agent()
    running = asyncio.ensure_future(agent.receiver.run())
    try:
        await _until(lambda: first.handovers)
        hub.cut_fetch_after = [500]
        hub.failures["Acknowledge"] = [Refusal(Code.UNAVAILABLE)] * 3
        second = hub.put(now_world.signed(SENDER, [RECIPIENT], code_number="2"))
        await _until(lambda: second.handovers)
        hub.end_streams()
        third = hub.put(now_world.signed(SENDER, [RECIPIENT], code_number="3"))
        await _until(lambda: third.handovers and not office.names(".arriving"))
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert len(office.names("inbox")) == 3


@pytest.mark.parametrize("code", [Code.DOCUMENT_RECALLED, Code.DOCUMENT_SUPERSEDED, Code.DEADLINE_PASSED])
async def test_what_ends_between_inbox_and_receipt_is_told_to_the_office(
    office: Office, hub: FakeExchange, now_world: World, code: Code
) -> None:
    stored = hub.put(now_world.signed(SENDER, [RECIPIENT]))
    hub.failures["Acknowledge"] = [Refusal(code, field="delivery_id", detail="Nhầm")]
    note = f"{stored.deliveries[RECIPIENT]}.json"
    running = asyncio.ensure_future(office.agent().receiver.run())
    try:
        await _until(lambda: note in office.names("refused") and not office.names(".arriving"))
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    told = json.loads((office.root / "refused" / note).read_bytes())
    assert told["error"]["code"] == code
    assert len(office.names("inbox")) == 1


async def test_delivery_that_is_over_is_let_go(office: Office, hub: FakeExchange, now_world: World) -> None:
    hub.put(now_world.signed(SENDER, [RECIPIENT]))
    hub.failures["Fetch"] = [Refusal(Code.NOT_FOUND, field="delivery_id")]
    agent = office.agent()
    running = asyncio.ensure_future(agent.receiver.run())
    try:
        await _until(lambda: hub.calls["Fetch"] and not agent.receiver._known)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert (office.names("refused"), office.names("inbox"), agent.status.health()["troubles"]) == ([], [], {})


async def test_lying_hub_whose_delivery_id_is_a_path(
    office: Office, hub: FakeExchange, now_world: World
) -> None:
    stored = hub.put(now_world.signed(SENDER, [RECIPIENT]))
    stored.deliveries[RECIPIENT] = "../../evil"
    good = hub.put(now_world.signed(SENDER, [RECIPIENT], code_number="2"))
    running = asyncio.ensure_future(office.agent().receiver.run())
    try:
        await _until(lambda: good.handovers)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert not stored.handovers
    assert list(office.root.parent.glob("evil*")) == []


async def test_two_documents_of_one_number_get_two_folders(
    office: Office, hub: FakeExchange, now_world: World
) -> None:
    for subject in ("một", "hai"):
        hub.put(now_world.signed(SENDER, [RECIPIENT], subject=subject))
    await office.work(office.agent())
    name = "2026-03-02 H48.31.05 212-UBND-VX"
    assert office.names("inbox") == [name, f"{name} (2)"]


@pytest.mark.parametrize("taken", [False, True], ids=["left", "taken-by-the-office"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_power_cut_at_every_step_gives_one_folder_and_a_receipt(
    tmp_path: Path,
    hub: FakeExchange,
    profile_of: Callable[[str], Path],
    now_world: World,
    after: bool,
    taken: bool,
) -> None:
    """Also when the office empties its inbox between the crash and the next start."""
    profile = profile_of(RECIPIENT)
    signed = now_world.signed(SENDER, [RECIPIENT])
    at, cut = 0, True
    while cut:
        at += 1
        hub.documents.clear()
        stored = hub.put(signed)
        async with AsyncExitStack() as stack:
            office = Office(tmp_path / f"office {at}", profile, stack)
            office.agent()
            bag = tmp_path / f"bag {at}"
            bag.mkdir()
            try:
                await office.work(office.agent(FailingDisk(at, after=after)))
                cut = False
            except PowerCut:
                if taken:
                    for place in (office.root / "inbox").iterdir():
                        shutil.move(place, bag / place.name)
                await office.work(office.agent())
            places = [*(office.root / "inbox").iterdir(), *bag.iterdir()]
            assert len(places) == 1, at
            assert (places[0] / "document.edxml").read_bytes() == signed
            assert (places[0] / "delivery.json").exists()
            assert list(stored.handovers) == [RECIPIENT]
            assert office.names(".arriving") == []
    assert at > 9


async def test_full_disk_is_waited_out(
    tmp_path: Path, hub: FakeExchange, office: Office, now_world: World
) -> None:
    stored = hub.put(now_world.signed(SENDER, [RECIPIENT]))
    agent = office.agent(FailingDisk(5, error=lambda: OSError(28, "No space left on device")))
    running = asyncio.ensure_future(agent.receiver.run())
    try:
        await _until(lambda: stored.handovers and agent.status.health()["ok"])
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert len(office.names("inbox")) == 1


async def test_renewed_revocation_list_is_read_without_a_restart(
    office: Office, hub: FakeExchange, now_world: World
) -> None:
    stored = hub.put(now_world.signed(SENDER, [RECIPIENT]))
    agent = office.agent()
    lists = agent.client.profile.crls
    renewed = [path.read_bytes() for path in lists]
    lists[0].write_bytes(renewed[1])  # the agencies' list is missing
    with pytest.raises(Refusal) as caught:
        await agent.receiver.receive(stored.deliveries[RECIPIENT])
    assert caught.value.code is Code.REVOCATION_UNKNOWN
    lists[0].write_bytes(renewed[0])
    await agent.receiver.receive(stored.deliveries[RECIPIENT])
    assert stored.handovers


async def test_files_beside_the_package_come_along_and_survive_a_crash(
    office: Office, hub: FakeExchange, now_world: World
) -> None:
    """What was downloaded stays for the next start; the inbox gets it with the rest, under a name of its own."""
    stored = hub.put(now_world.signed(SENDER, [RECIPIENT]))
    asked: list[bool] = []

    def client_of(agent: Agent) -> Agent:
        def write(folder: Path) -> list[Path]:
            folder.mkdir(exist_ok=True)
            path = folder / "212_UBND-VX.pdf"
            asked.append(path.exists())
            path.write_bytes(b"%PDF big")
            return [path]

        async def download(received: Received, folder: Path, **options: Any) -> list[Path]:
            return write(folder)

        agent.client.download = download  # type: ignore[method-assign]
        return agent

    with pytest.raises(PowerCut):
        await office.work(client_of(office.agent(FailingDisk(5))))
    await office.work(client_of(office.agent()))
    assert asked == [False, True]
    attachments = office.root / "inbox/2026-03-02 H48.31.05 212-UBND-VX/attachments"
    assert (attachments / "212_UBND-VX (2).pdf").read_bytes() == b"%PDF big"
    note = json.loads((attachments.parent / "delivery.json").read_bytes())
    assert note["files"]["attachments"][1] == "attachments/212_UBND-VX (2).pdf"
    assert stored.handovers
