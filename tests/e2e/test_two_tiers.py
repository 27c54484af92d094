"""Two tiers, as since 1 July 2025: the same program with another directory, and communes stand under the province."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.machine import ROOT, Machine, listed

COMMUNE, PROVINCE, DEPARTMENT, OTHER = "H48.106", "H48", "H48.14", "H48.107"
CLOSED_DISTRICT, TEST_BODY = "H48.31", "H48.W00"
TWO_TIERS = ROOT / "directory" / "two-tier-sample.yaml"
TEST_ENTRY = (
    f"  - {{code: {TEST_BODY}, name: Xã Bình Thử nghiệm, tier: commune, parent: H48, environment: test}}\n"
)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("two-tiers")
    directory = folder / "directory.yaml"
    directory.write_text(TWO_TIERS.read_text("utf-8").rstrip("\n") + "\n" + TEST_ENTRY, "utf-8")
    made = Machine(folder / "state", directory)
    made.start()
    yield made
    assert made.stop() == 0


def send(machine: Machine, number: int, pdf: Path, *recipients: str, expect: int = 0) -> dict[str, object]:
    to = [word for recipient in recipients for word in ("--to", recipient)]
    words = ("--subject", f"Báo cáo {number}", "--code", f"{number}/BC-UBND", "--attach", pdf)
    answer: dict[str, object] = machine.agency(COMMUNE, "send", *to, *words, expect=expect)
    return answer


def test_a_communes_document_reaches_the_province_in_two_hops(
    machine: Machine, pdf: Path, tmp_path: Path
) -> None:
    sent = send(machine, 1, pdf, PROVINCE)
    document = str(sent["document_id"])
    machine.until(lambda: [i for i in machine.inbox(PROVINCE) if i["document_id"] == document])
    machine.agency(PROVINCE, "fetch", document, tmp_path / "in")
    assert (tmp_path / "in" / "attachments" / pdf.name).read_bytes() == pdf.read_bytes()
    machine.agency(PROVINCE, "ack", document)
    (delivery,) = machine.agency(COMMUNE, "track", document)["deliveries"]
    assert delivery["state"] == "HANDED_OVER"
    assert [(hop["node"], hop["tier"], hop["verdict"]) for hop in delivery["hops"]] == [
        (COMMUNE, "commune", "PASSED"),
        (PROVINCE, "province", "PASSED"),
    ]
    machine.agency(COMMUNE, "evidence", document, tmp_path / "proof")
    machine.agency(COMMUNE, "verify", tmp_path / "proof")


def test_a_department_and_a_neighbour_are_three_hops_away(machine: Machine, pdf: Path) -> None:
    document = str(send(machine, 2, pdf, DEPARTMENT, OTHER)["document_id"])
    for recipient in (DEPARTMENT, OTHER):
        machine.until_state(COMMUNE, document, recipient, "CONSIGNED")
    deliveries = machine.agency(COMMUNE, "track", document)["deliveries"]
    ways = {d["recipient"]: [hop["node"] for hop in d["hops"]] for d in deliveries}
    assert ways == {
        DEPARTMENT: [COMMUNE, PROVINCE, DEPARTMENT],
        OTHER: [COMMUNE, PROVINCE, OTHER],
    }


def test_a_closed_district_is_refused_and_names_its_successors(machine: Machine, pdf: Path) -> None:
    error = send(machine, 3, pdf, CLOSED_DISTRICT, expect=3)["error"]
    assert isinstance(error, dict)
    assert error["code"] == "RECIPIENT_CLOSED"
    assert "H48.106" in str(error)
    assert "H48.107" in str(error)


def test_test_bodies_stay_out_of_what_agencies_find(machine: Machine) -> None:
    found = {agency["code"] for agency in listed(machine.agency(COMMUNE, "agencies", "find", "binh"))}
    assert COMMUNE in found
    assert TEST_BODY not in found
    assert machine.agency(COMMUNE, "agencies", "find", "thu nghiem") == []
    shown = {agency["code"] for agency in listed(machine.operator("agencies", "list", "--test"))}
    assert TEST_BODY in shown
