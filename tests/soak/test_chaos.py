"""Hub, relay and broker are killed at random under load: nothing is lost, nothing doubled, nothing invented."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time

import pytest

from lienthong_client import AgencyClient
from tests.services.machine import Machine
from tests.soak.load import (
    MINUTES,
    SEED,
    Look,
    Sent,
    check_everything_arrived_once,
    keep_sending,
    report,
)

COMMUNE, DISTRICT, HEAD, DEPARTMENT = "H48.31.05", "H48.31", "H48", "H48.11"
NEIGHBOUR = "H48.36.02"
WAYS = (
    (COMMUNE, (DEPARTMENT,)),
    (DEPARTMENT, (COMMUNE, NEIGHBOUR)),
    (HEAD, (DISTRICT, COMMUNE, NEIGHBOUR, DEPARTMENT)),
)
VICTIMS = ("hub", "relay", "broker")
PAUSES = (1.0, 12.0)  # seconds between two deaths

pytestmark = [pytest.mark.soak, pytest.mark.timeout(MINUTES * 60 + 1200)]


def kill(machine: Machine, victim: str) -> bool:
    """SIGKILL; False when the victim is just not there."""
    try:
        if victim == "broker":
            os.kill(int((machine.state / "rabbitmq" / "pid").read_text()), signal.SIGKILL)
        else:
            machine.kill(victim)
    except (AssertionError, OSError):
        return False
    return True


async def deaths(machine: Machine, chance: random.Random, until: float) -> dict[str, int]:
    """Kill one after the other until the moment `until`; how many died."""
    died = dict.fromkeys(VICTIMS, 0)
    while (left := until - time.monotonic()) > 0:
        await asyncio.sleep(min(left, chance.uniform(*PAUSES)))
        victim = chance.choice(VICTIMS)
        if await asyncio.to_thread(kill, machine, victim):
            died[victim] += 1
    return died


async def test_chaos_every_accepted_document_is_consigned_exactly_once(machine: Machine) -> None:
    chance, sent, look = random.Random(SEED), Sent(), Look(machine.state)
    until = time.monotonic() + MINUTES * 60
    clients = [(AgencyClient.from_profile(machine.profile(sender)), to) for sender, to in WAYS]
    async with asyncio.TaskGroup() as group:
        killing = group.create_task(deaths(machine, chance, until))
        for client, recipients in clients:
            group.create_task(
                keep_sending(client, recipients, sent, until=until, pause=0.05, waiting=look.undelivered)
            )
    for client, _ in clients:
        await client.close()
    report(f"{len(sent.documents)} documents, killed {killing.result()}")
    assert sum(killing.result().values()) > 0
    assert sent.documents
    await check_everything_arrived_once(machine.state, sent, sorted({code for _, to in WAYS for code in to}))
