"""Is a private RabbitMQ node really private, and does it come back as it was?"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import aio_pika
import psutil
import pytest

from lienthong.broker import PrivateNode
from lienthong.broker.private_node import NodeIdentity, find_program, free_port, kept_or_free, port_is_free
from lienthong.errors import HubFault


def listeners(node: PrivateNode) -> dict[int, str]:
    """Port: address of everything the node's two processes listen on, IPv4."""
    pids = {node.pid} | {
        p.pid
        for p in psutil.process_iter(["name"])
        if p.info["name"] == "epmd" and str(node.identity.epmd) in p.cmdline()
    }
    return {
        c.laddr.port: c.laddr.ip
        for pid in pids
        for c in psutil.Process(pid).net_connections("tcp4")
        if c.status == psutil.CONN_LISTEN
    }


async def test_it_listens_on_loopback_only_and_shares_a_machine(
    rabbitmq: PrivateNode, tmp_path: Path
) -> None:
    async with PrivateNode(tmp_path / "một nút khác") as other:
        for node in (rabbitmq, other):
            identity = node.identity
            assert listeners(node) == dict.fromkeys(
                (identity.amqp, identity.management, identity.distribution, identity.epmd), "127.0.0.1"
            )
        assert set(listeners(rabbitmq)).isdisjoint(listeners(other))
        ports = set(listeners(other))
    assert all(port_is_free(port) for port in ports)


async def test_secrets_are_the_owners_and_guest_is_gone(rabbitmq: PrivateNode) -> None:
    for name in ("node.json", "rabbitmq.conf", ".erlang.cookie"):
        assert stat.S_IMODE((rabbitmq.data_dir / name).stat().st_mode) & 0o077 == 0
    with pytest.raises(aio_pika.exceptions.AMQPConnectionError):
        await aio_pika.connect(f"amqp://guest:guest@127.0.0.1:{rabbitmq.identity.amqp}/")


async def test_it_comes_back_with_its_ports_and_messages_also_after_its_parent_was_killed(
    tmp_path: Path,
) -> None:
    node = PrivateNode(tmp_path / "node")
    await node.start()
    try:
        url, pid = node.amqp_url, node.pid
        async with await aio_pika.connect(url) as connection, connection.channel() as channel:
            await channel.declare_queue("kept", durable=True)
            await channel.default_exchange.publish(aio_pika.Message(b"x", delivery_mode=2), "kept")
        with pytest.raises(HubFault, match="another process"):
            await PrivateNode(node.data_dir).start()
        # What a killed parent leaves: the server still running, the folder's lock gone.
        assert node._lock is not None
        node._lock.close()
        heir = PrivateNode(node.data_dir)
        await heir.start()
        try:
            assert heir.amqp_url == url
            assert heir.pid != pid
            assert pid is not None
            assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
            async with await aio_pika.connect(url) as connection, connection.channel() as channel:
                assert (
                    await channel.declare_queue("kept", passive=True)
                ).declaration_result.message_count == 1
        finally:
            await heir.stop()
    finally:
        await node.kill()


async def test_watching_starts_a_dead_node_again(tmp_path: Path) -> None:
    node = PrivateNode(tmp_path / "node")
    await node.start()
    first = node.pid
    assert first is not None
    watching = asyncio.create_task(node.watch())
    try:
        os.kill(first, signal.SIGKILL)
        async with asyncio.timeout(60):
            while not await reachable(node) or node.pid == first:
                await asyncio.sleep(0.2)
    finally:
        watching.cancel()
        await asyncio.wait([watching])
        await node.kill()


async def reachable(node: PrivateNode) -> bool:
    try:
        await (await aio_pika.connect(node.amqp_url)).close()
    except (OSError, aio_pika.exceptions.AMQPError):
        return False
    return True


async def test_a_node_that_cannot_start_says_why(tmp_path: Path) -> None:
    program = tmp_path / "rabbitmq-server"
    program.write_text("#!/bin/sh\necho the disk is full of sand\nexit 3\n")
    program.chmod(0o755)
    with pytest.raises(HubFault, match="full of sand"):
        await PrivateNode(tmp_path / "node", program=program).start()


def test_a_missing_rabbitmq_names_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("lienthong.broker.private_node.PROGRAMS", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HubFault, match="apt-get install rabbitmq-server"):
        find_program()


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


async def test_a_taken_port_is_replaced_and_a_fixed_one_refused(taken: int, tmp_path: Path) -> None:
    free = free_port()
    assert kept_or_free(free) == free
    assert kept_or_free(taken) not in (0, taken)
    assert kept_or_free(0) != 0
    with pytest.raises(HubFault, match=f"port {taken}"):
        await PrivateNode(tmp_path / "node", amqp_port=taken).start()


async def test_a_port_lost_between_choice_and_use_costs_another_try(
    taken: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle, chosen = PrivateNode._settle_identity, []

    def unlucky(node: PrivateNode) -> NodeIdentity:
        chosen.append(settle(node))
        return chosen[-1] if len(chosen) > 1 else replace(chosen[-1], distribution=taken)

    monkeypatch.setattr(PrivateNode, "_settle_identity", unlucky)
    node = PrivateNode(tmp_path / "node")
    try:
        await node.start()
        assert node.identity.distribution != taken
        assert len(chosen) == 2
    finally:
        await node.kill()
