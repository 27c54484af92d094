"""Are trust files and relay keys read again when they change, and nodes served as they come?"""

from __future__ import annotations

import asyncio
import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lienthong import telemetry
from lienthong.app import background
from lienthong.app.background import declare_nodes, measured, serve_nodes
from lienthong.app.readiness import notify
from lienthong.app.trust_files import NodeKeys, TrustFiles
from lienthong.domain.agency import Agency, Directory
from lienthong.domain.document import Lane
from lienthong.errors import HubFault
from lienthong.hub.knowledge import Knowledge
from lienthong.hub.ports import Broker, Outcome, TransitDelivery
from lienthong.settings import TrustSettings
from lienthong.signing.authority import Authority

AT = datetime.now(UTC)


class Nodes:
    """A broker that only remembers, and can be away."""

    def __init__(self) -> None:
        self.declared: list[str] = []
        self.consumed: list[str] = []
        self.away = False
        self.changed = asyncio.Event()

    def _enter(self) -> None:
        self.changed.set()
        if self.away:
            raise HubFault("away")

    async def declare(self, nodes: list[str]) -> None:
        self._enter()
        self.declared += nodes

    async def consume(self, nodes: list[str], handler: object) -> None:
        self._enter()
        self.consumed += nodes

    async def until(self, *, calls: int = 1) -> None:
        for _ in range(calls):
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), 10)


def knowing(*codes: str) -> Any:
    directory = Directory.of(Agency(code=code, name=code, tier="t") for code in codes)
    return SimpleNamespace(now=SimpleNamespace(directory=directory))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "LOOK_EVERY", 0.01)


def trust_settings(folder: Path) -> tuple[TrustSettings, Authority]:
    authority = Authority.create("a", at=AT)
    (folder / "ca.pem").write_bytes(authority.certificate_pem())
    (folder / "crl.pem").write_bytes(authority.crl(at=AT))
    return TrustSettings(
        agencies=(folder / "ca.pem",), infrastructure=(folder / "ca.pem",), crls=(folder / "crl.pem",)
    ), authority


def test_trust_is_the_same_object_until_a_file_changes(tmp_path: Path) -> None:
    asked, authority = trust_settings(tmp_path)
    files = TrustFiles(asked)
    first = files.load()
    assert files.load() is first
    (tmp_path / "crl.pem").write_bytes(authority.crl(at=AT, revoked={7: AT}))
    second = files.load()
    assert second is not first
    assert len(list(second.agencies.crls[0])) == 1


def test_a_damaged_trust_file_changes_nothing(tmp_path: Path) -> None:
    asked, _ = trust_settings(tmp_path)
    files = TrustFiles(asked)
    first = files.load()
    (tmp_path / "crl.pem").write_text("half a fi")
    assert files.load() is first
    (tmp_path / "ca.pem").unlink()
    assert files.load() is first


def test_trust_files_that_never_were_readable_are_a_fault(tmp_path: Path) -> None:
    asked, _ = trust_settings(tmp_path)
    (tmp_path / "ca.pem").unlink()
    with pytest.raises(HubFault, match="trust files"):
        TrustFiles(asked).load()


def test_node_keys_are_read_when_needed_and_again_when_replaced(tmp_path: Path) -> None:
    authority = Authority.create("a", at=AT)
    keys = NodeKeys(tmp_path)
    assert keys.nodes() == frozenset()
    with pytest.raises(HubFault, match="H48"):
        keys.key("H48")
    path = tmp_path / "H48.pem"
    path.write_bytes(authority.issue("one", at=AT).signing_key.to_pem())
    assert keys.nodes() == {"H48"}
    first = keys.key("H48")
    assert keys.key("H48") is first
    path.write_bytes(authority.issue("two", at=AT).signing_key.to_pem())
    os.utime(path, ns=(1, 1))
    assert keys.key("H48").certificate_sha256 != first.certificate_sha256


async def test_nodes_added_later_are_declared_and_attaching_waits_for_the_broker() -> None:
    broker, knowledge, ending = Nodes(), knowing("A"), asyncio.Event()
    broker.away = True
    attached = 0

    async def attach() -> None:
        nonlocal attached
        attached += 1

    task = asyncio.create_task(
        declare_nodes(cast("Broker", broker), cast("Knowledge", knowledge), [attach], ending)
    )
    await broker.until(calls=2)
    assert attached == 0
    broker.away = False
    await broker.until(calls=2)
    assert (attached, broker.declared) == (1, ["A"])
    knowledge.now = knowing("A", "B").now
    await broker.until(calls=2)
    assert (attached, broker.declared) == (1, ["A", "B"])
    ending.set()
    await asyncio.wait_for(task, 10)


async def test_a_nations_queues_are_left_to_who_needs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "DECLARED_AHEAD", 2)
    broker, knowledge, ending = Nodes(), knowing("A", "B", "C"), asyncio.Event()
    task = asyncio.create_task(
        declare_nodes(cast("Broker", broker), cast("Knowledge", knowledge), [], ending)
    )
    await broker.until(calls=3)
    ending.set()
    await asyncio.wait_for(task, 10)
    assert broker.declared == []


async def test_only_matching_nodes_with_a_key_are_served_and_later_keys_are_found(tmp_path: Path) -> None:
    for code in ("H48", "H48.31", "H49"):
        (tmp_path / f"{code}.pem").touch()
    broker, ending = Nodes(), asyncio.Event()
    knowledge = knowing("H48", "H48.31", "H48.32", "H49")

    async def handler(_: TransitDelivery) -> Outcome:
        return Outcome.DONE

    task = asyncio.create_task(
        serve_nodes(
            cast("Broker", broker),
            cast("Knowledge", knowledge),
            NodeKeys(tmp_path),
            ["H48*"],
            handler,
            ending,
        )
    )
    await broker.until()
    assert broker.consumed == ["H48", "H48.31"]
    broker.changed.clear()
    (tmp_path / "H48.32.pem").touch()
    await asyncio.wait_for(broker.changed.wait(), 10)
    assert broker.consumed == ["H48", "H48.31", "H48.32"]
    ending.set()
    await asyncio.wait_for(task, 10)


async def test_hops_are_counted_by_lane_and_outcome() -> None:
    async def handler(_: TransitDelivery) -> Outcome:
        return Outcome.DONE

    before = telemetry.HOPS.labels("express", "done")._value.get()
    delivery = TransitDelivery(node="A", lane=Lane.EXPRESS, body=b"", attempt=0, redelivered=False)
    assert await measured(handler)(delivery) is Outcome.DONE
    assert telemetry.HOPS.labels("express", "done")._value.get() == before + 1


def test_readiness_reaches_whoever_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "n"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "n"))
        notify("READY=1")
        assert receiver.recv(100) == b"READY=1"
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    notify("READY=1")
