"""Two hub processes on one port: whichever a connection meets, documents are taken, told of and found."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from lienthong_client import AgencyClient, Draft, File
from tests.services.machine import ROOT, Machine

SENDER, RECIPIENT = "H48.31.05", "H48.11"
DEADLINE = 60.0


@pytest.fixture(scope="module")
def two_hubs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    machine = Machine(
        tmp_path_factory.mktemp("two") / "state", ROOT / "directory" / "four-tier-sample.yaml", hubs=2
    )
    machine.start()
    yield machine
    assert machine.stop() == 0


async def send(machine: Machine, number: int) -> str:
    """Over a connection of its own: the kernel gives it to either hub."""
    draft = Draft(
        to=(RECIPIENT,),
        subject=f"Số {number}",
        code=f"{number}/BC-UBND",
        files=(File(name="a.txt", content=b"a"),),
    )
    async with AgencyClient.from_profile(machine.profile(SENDER)) as client:
        return (await client.send(draft)).document_id


async def test_a_watcher_at_either_hub_hears_of_documents_taken_by_both(two_hubs: Machine) -> None:
    async def heard(wanted: int) -> set[str]:
        found: set[str] = set()
        async with AgencyClient.from_profile(two_hubs.profile(RECIPIENT)) as client:
            async for item in client.watch_inbox():
                found.add(item.document.document_id)
                if len(found) == wanted:
                    break
        return found

    async with asyncio.timeout(DEADLINE):
        watchers = [asyncio.create_task(heard(8)) for _ in range(4)]
        sent = {await send(two_hubs, number) for number in range(8)}
        assert all([await watcher == sent for watcher in watchers])


def test_documents_go_on_while_one_hub_is_gone(two_hubs: Machine) -> None:
    two_hubs.kill("hub")
    document = asyncio.run(send(two_hubs, 100))
    two_hubs.until_state(SENDER, document, RECIPIENT, "CONSIGNED")
    assert two_hubs.state_of(SENDER, document, RECIPIENT) == "CONSIGNED"
