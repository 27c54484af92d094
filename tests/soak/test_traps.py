"""Traps of grpcio and RabbitMQ that only show themselves under load, on a real machine."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
import yaml

from lienthong.api.v1 import exchange_pb2
from lienthong.broker.private_node import NodeIdentity, PrivateNode
from lienthong.cli.documents import BLOCKED
from lienthong.domain.ids import sha256_hex
from lienthong_client import AgencyClient
from lienthong_client.channel import Connection
from tests.services.machine import BIN, Machine
from tests.services.rabbitmq import rabbitmqctl
from tests.soak.load import (
    SEED,
    Look,
    Sent,
    check_everything_arrived_once,
    insist,
    keep_sending,
    signed,
)

COMMUNE, DEPARTMENT, DISTRICT = "H48.31.05", "H48.11", "H48.31"
NEW = "H48.31.77"
ROUNDS = 3

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]


# --- 15: handlers run on after the client's deadline; idle uploads hold workers --------------------------


async def abandoned(connection: Connection, data: bytes, *, seconds: float, whole: bool) -> None:
    """An upload whose sender gives up after `seconds`, with or without having sent everything."""

    async def parts() -> AsyncIterator[exchange_pb2.SubmitRequest]:
        header = exchange_pb2.SubmitHeader(size=len(data), sha256=sha256_hex(data))
        yield exchange_pb2.SubmitRequest(header=header)
        yield exchange_pb2.SubmitRequest(chunk=data if whole else data[: len(data) // 2])
        if not whole:
            await asyncio.sleep(60)

    try:
        await connection.exchange.Submit(parts(), timeout=seconds)
    except asyncio.CancelledError:  # grpc.aio's answer when the deadline passes while a request is written
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
    except grpc.aio.AioRpcError as error:
        assert error.code() in (  # noqa: PT017 - some are accepted before they give up
            grpc.StatusCode.DEADLINE_EXCEEDED,
            grpc.StatusCode.CANCELLED,
            grpc.StatusCode.UNAVAILABLE,
            grpc.StatusCode.RESOURCE_EXHAUSTED,
        )


async def test_trap_15_senders_that_give_up_leave_nothing_half_done(machine: Machine) -> None:
    chance, sent = random.Random(SEED), Sent()
    async with AgencyClient.from_profile(machine.profile(COMMUNE)) as client:
        connection = client._connection
        await connection.ready()
        documents = [await asyncio.to_thread(signed, client, [DEPARTMENT]) for _ in range(150)]
        for start in range(0, len(documents), 50):
            await asyncio.gather(
                *(
                    abandoned(
                        connection, data, seconds=chance.uniform(0.005, 0.4), whole=chance.random() < 0.7
                    )
                    for data in documents[start : start + 50]
                )
            )
        began = time.monotonic()
        await client.inbox()
        assert time.monotonic() - began < 5, "uploads given up hold the hub's hands"
        for data in documents:  # the same bytes again: the answer that was missed, or the first one
            sent.documents[await insist(client, data)] = ("", (DEPARTMENT,))
    assert len(sent.documents) == len(documents)
    await check_everything_arrived_once(machine.state, sent, [DEPARTMENT])


# --- 17: a quorum queue declared just before the broker is killed may have no leader ---------------------


def broker_pid(machine: Machine) -> int:
    return int((machine.state / "rabbitmq" / "pid").read_text())


def add_agency(machine: Machine, code: str, folder: Path) -> None:
    """Into the directory and with keys, while everything runs."""
    agency = {"code": code, "name": f"UBND xã {code}", "tier": "commune", "parent": DISTRICT}
    file = folder / f"{code}.yaml"
    file.write_text(yaml.safe_dump({"agencies": [agency]}, allow_unicode=True), "utf-8")
    known = yaml.safe_load((machine.state / "directory.yaml").read_text("utf-8"))
    known["agencies"].append(agency)
    whole = folder / f"whole-{code}.yaml"
    whole.write_text(yaml.safe_dump(known, allow_unicode=True), "utf-8")
    machine.operator("init", "--directory", whole)


async def until_declared(machine: Machine, before: int) -> None:
    """Until the hub says it has declared queues once more."""
    log = machine.state / "logs" / "hub.log"
    deadline = time.monotonic() + 30
    while log.read_text("utf-8").count("broker.declared") <= before:
        assert time.monotonic() < deadline, "the hub declared no queue"
        await asyncio.sleep(0.005)


async def test_trap_17_a_new_agencys_first_document_survives_a_broker_killed_at_once(
    machine: Machine, tmp_path: Path
) -> None:
    sent = Sent()
    codes = [f"{NEW}{number}" for number in range(ROUNDS)]
    async with AgencyClient.from_profile(machine.profile(DEPARTMENT)) as client:
        for code in codes:
            log = (machine.state / "logs" / "hub.log").read_text("utf-8")
            await asyncio.to_thread(add_agency, machine, code, tmp_path)
            await until_declared(machine, log.count("broker.declared"))
            os.kill(broker_pid(machine), signal.SIGKILL)
            data = await asyncio.to_thread(signed, client, [code])
            sent.documents[await insist(client, data)] = ("", (code,))
            await Look(machine.state).until_arrived(sent.deliveries)
    await check_everything_arrived_once(machine.state, sent, codes)


# --- 18: connection.blocked stops publishing silently ----------------------------------------------------


def node_of(machine: Machine) -> PrivateNode:
    """The machine's RabbitMQ, for rabbitmqctl."""
    folder = machine.state / "rabbitmq"
    node = PrivateNode(folder)
    node._identity = NodeIdentity(**json.loads((folder / "node.json").read_text()))
    return node


async def shown(machine: Machine) -> str:
    """What `lienthong queues list` says beside its rows."""
    words = ("--state", str(machine.state), "--json", "queues", "list")
    done = await asyncio.create_subprocess_exec(
        str(BIN / "lienthong"), *words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    _, errors = await done.communicate()
    return errors.decode()


async def test_trap_18_an_alarm_stops_nothing_but_publishing_and_is_shown(machine: Machine) -> None:
    sent, node = Sent(), node_of(machine)
    async with AgencyClient.from_profile(machine.profile(COMMUNE)) as client:
        for turn in range(ROUNDS):
            await rabbitmqctl(node, "set_vm_memory_high_watermark", "0.0001")
            before = len(sent.documents)
            until = time.monotonic() + 8
            await keep_sending(client, (DEPARTMENT,), sent, until=until, pause=0.02)
            assert len(sent.documents) > before + 20, f"the hub stopped accepting in round {turn}"
            assert BLOCKED in await shown(machine), "nobody is told that publishing is blocked"
            await rabbitmqctl(node, "set_vm_memory_high_watermark", "0.4")
            await Look(machine.state).until_arrived(sent.deliveries)
    await check_everything_arrived_once(machine.state, sent, [DEPARTMENT])
