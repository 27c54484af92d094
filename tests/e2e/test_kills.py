"""Kill any process at the worst moment: nothing is lost, nothing is doubled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.machine import ROOT, Machine

COMMUNE, DEPARTMENT = "H48.31.05", "H48.11"


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path / "state", ROOT / "directory" / "four-tier-sample.yaml")
    made.start()
    yield made
    made.stop()


def send(machine: Machine, number: int, pdf: Path) -> str:
    words = ("--subject", f"Báo cáo {number}", "--code", f"{number}/BC-UBND", "--attach", pdf)
    answer = machine.agency(COMMUNE, "send", "--to", DEPARTMENT, *words)
    document: str = answer["document_id"]
    return document


def arrived_once(machine: Machine, documents: list[str]) -> None:
    """Every document is in the inbox, each once, with its four hops."""
    machine.until(lambda: len(machine.inbox(DEPARTMENT)) >= len(documents))
    found = [item["document_id"] for item in machine.inbox(DEPARTMENT)]
    assert sorted(found) == sorted(documents)
    for document in documents:
        delivery = machine.agency(COMMUNE, "track", document)["deliveries"][0]
        assert [hop["verdict"] for hop in delivery["hops"]] == ["PASSED"] * 4


def test_the_hub_killed_right_after_the_acceptance(victim: Machine, pdf: Path) -> None:
    documents = []
    for number in range(1, 4):
        documents.append(send(victim, number, pdf))
        victim.kill("hub")
        victim.until_serving()  # the supervisor started it again
    arrived_once(victim, documents)


def test_a_relay_killed_in_the_middle_of_hops(victim: Machine, pdf: Path) -> None:
    documents = []
    for number in range(1, 7):
        documents.append(send(victim, number, pdf))
        if number % 2:
            victim.kill("relay")
    arrived_once(victim, documents)


def test_everything_killed_at_once_and_started_again(victim: Machine, pdf: Path) -> None:
    documents = [send(victim, number, pdf) for number in range(1, 3)]
    victim.kill_all()
    victim.start()
    arrived_once(victim, documents)


def test_the_brokers_disk_lost(victim: Machine, pdf: Path) -> None:
    """RabbitMQ's whole database is deleted while documents are on the way: the store sends them again."""
    victim.kill("relay")
    documents = [send(victim, 1, pdf)]
    victim.stop()
    for folder in ("database", "generated"):
        for file in sorted((victim.state / "rabbitmq" / folder).rglob("*"), reverse=True):
            file.unlink() if not file.is_dir() else file.rmdir()
    victim.start()
    victim.operator("reconcile", "--all")
    arrived_once(victim, documents)
