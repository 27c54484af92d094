"""Does the memory of hub and relay stay where it was after thousands of documents?"""

from __future__ import annotations

import asyncio
import time

import psutil
import pytest

from lienthong_client import AgencyClient
from tests.services.machine import Machine
from tests.soak.load import DOCUMENTS, Look, insist, report, signed

COMMUNE, DEPARTMENT = "H48.31.05", "H48.11"
AT_ONCE = 16
MOST_GROWTH = 1.20

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]


async def send(client: AgencyClient, number: int) -> None:
    slots = asyncio.Semaphore(AT_ONCE)

    async def one() -> None:
        async with slots:
            await insist(client, await asyncio.to_thread(signed, client, [DEPARTMENT]))

    await asyncio.gather(*(one() for _ in range(number)))


def resident(process: psutil.Process) -> int:
    size: int = process.memory_info().rss
    return size


async def test_memory_of_hub_and_relay_does_not_grow_with_the_documents(machine: Machine) -> None:
    look = Look(machine.state)
    warm = max(200, DOCUMENTS // 5)
    async with AgencyClient.from_profile(machine.profile(COMMUNE)) as client:
        await send(client, warm)
        await look.until_arrived(warm, seconds=600)
        programs = {name: machine.child(name) for name in ("hub", "relay")}
        before = {name: resident(process) for name, process in programs.items()}
        began = time.monotonic()
        await send(client, DOCUMENTS)
        await look.until_arrived(warm + DOCUMENTS, seconds=1800)
        took = time.monotonic() - began
    growth = {name: resident(process) / before[name] for name, process in programs.items()}
    sizes = {name: round(size / 2**20) for name, size in before.items()}
    report(f"{DOCUMENTS} documents in {took:.0f} s; MiB before {sizes}, growth {growth}")
    assert all(ratio < MOST_GROWTH for ratio in growth.values()), growth
