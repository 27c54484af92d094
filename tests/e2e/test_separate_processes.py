"""The same program as services: PostgreSQL, a RabbitMQ given by URL, a hub and two relays that share the nodes.

Each is started, stopped, killed and left without its neighbours, as services are; documents arrive all the same, once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.services.installation import Installation, Service
from tests.services.machine import ROOT

COMMUNE, DISTRICT, PROVINCE, DEPARTMENT, OTHER = "H48.31.05", "H48.31", "H48", "H48.11", "H48.36.02"
ROAD = [COMMUNE, DISTRICT, PROVINCE, DEPARTMENT]
BELOW = ("--nodes", "H48.3*")  # districts and communes
ABOVE = ("--nodes", "H48", "--nodes", "H48.0?", "--nodes", "H48.1?")  # province and departments


@dataclass
class Province:
    """The installation and its three services, started when a test wants them."""

    installation: Installation
    hub: Service | None = None
    below: Service | None = None
    above: Service | None = None

    def start(self, *names: str) -> None:
        """Start those of `hub`, `below` and `above` that do not run."""
        for name in names or ("hub", "below", "above"):
            service: Service | None = getattr(self, name)
            if service is None or not service.running:
                program = "hub" if name == "hub" else "relay"
                words = {"hub": (), "below": BELOW, "above": ABOVE}[name]
                setattr(self, name, self.installation.start(program, *words))

    def stop(self) -> dict[str, int]:
        """Stop what runs; the exit codes."""
        services = {"hub": self.hub, "below": self.below, "above": self.above}
        return {name: each.stop() for name, each in services.items() if each is not None and each.running}

    def send(self, number: int, pdf: Path, recipient: str = DEPARTMENT) -> str:
        words = ("--subject", f"Báo cáo {number}", "--code", f"{number}/BC-UBND", "--attach", pdf)
        answer = self.installation.agency(COMMUNE, "send", "--to", recipient, *words)
        assert [r["state"] for r in answer["recipients"]] == ["ACCEPTED"]
        document: str = answer["document_id"]
        return document

    def hops(self, document: str) -> list[str]:
        """The nodes whose verified hop records the sender sees."""
        (delivery,) = self.installation.agency(COMMUNE, "track", document)["deliveries"]
        assert {hop["verdict"] for hop in delivery["hops"]} <= {"PASSED"}
        return [hop["node"] for hop in delivery["hops"]]

    def until_arrived(self, documents: list[str]) -> None:
        """Every document is in the inbox, each once, with its four hops."""

        def mine() -> list[Any]:
            return [
                i["document_id"] for i in self.installation.inbox(DEPARTMENT) if i["document_id"] in documents
            ]

        self.installation.until(lambda: len(mine()) >= len(documents))
        assert sorted(mine()) == sorted(documents)
        for document in documents:
            assert self.hops(document) == ROAD


@pytest.fixture(scope="module")
def province(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Province]:
    folder = tmp_path_factory.mktemp("services")
    with Installation.prepared(folder, ROOT / "directory" / "four-tier-sample.yaml") as installation:
        running = Province(installation)
        yield running
        assert set(running.stop().values()) <= {0}


def test_each_relay_serves_its_own_nodes_and_together_they_are_the_way(
    province: Province, pdf: Path, tmp_path: Path
) -> None:
    province.start("hub", "below")
    document = province.send(1, pdf)
    province.installation.until(lambda: province.hops(document) == [COMMUNE, DISTRICT])
    rows = province.installation.operator("queues", "list", "--all")
    consumers = {row["node"]: row["consumers"] for row in rows if row["lane"] == "normal"}
    assert (consumers[PROVINCE], consumers[DEPARTMENT]) == (0, 0)
    assert min(consumers[code] for code in (COMMUNE, DISTRICT, OTHER)) >= 1
    province.start("above")
    province.until_arrived([document])
    installation = province.installation
    installation.agency(DEPARTMENT, "fetch", document, tmp_path / "in")
    assert (tmp_path / "in" / "attachments" / pdf.name).read_bytes() == pdf.read_bytes()
    installation.agency(DEPARTMENT, "ack", document)
    assert installation.state_of(COMMUNE, document, DEPARTMENT) == "HANDED_OVER"
    installation.agency(COMMUNE, "evidence", document, tmp_path / "proof")
    installation.agency(COMMUNE, "verify", tmp_path / "proof")


def test_a_relay_killed_in_the_middle_loses_and_doubles_nothing(province: Province, pdf: Path) -> None:
    province.start()
    documents = []
    for number in range(10, 14):
        documents.append(province.send(number, pdf))
        if number % 2 and province.below is not None:
            province.below.kill()
            province.start("below")
    province.until_arrived(documents)


def test_every_service_ends_with_0_on_sigterm_and_goes_on_when_started(province: Province, pdf: Path) -> None:
    province.start()
    documents = [province.send(20, pdf)]
    assert province.stop() == {"hub": 0, "below": 0, "above": 0}
    province.start()
    documents.append(province.send(21, pdf))
    province.until_arrived(documents)


def test_a_hub_without_its_broker_accepts_and_documents_flow_when_it_is_back(
    province: Province, pdf: Path
) -> None:
    province.stop()
    province.installation.kill_broker()
    province.start()  # hub and relays come up alone
    documents = [province.send(number, pdf) for number in (30, 31)]
    assert province.hops(documents[0]) == []
    province.installation.start_broker()
    province.until_arrived(documents)


def test_a_broker_killed_while_documents_flow(province: Province, pdf: Path) -> None:
    province.start()
    documents = [province.send(40, pdf)]
    province.installation.kill_broker()
    documents.append(province.send(41, pdf))
    province.installation.start_broker()
    documents.append(province.send(42, pdf))
    province.until_arrived(documents)
