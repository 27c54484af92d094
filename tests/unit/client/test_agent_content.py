"""Do files that travel beside edXML signed elsewhere go to the hub from the outbox, and is it told what is missing?"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lienthong.domain.document import ExternalContent, Lane, ManifestEntry
from lienthong.domain.ids import sha256_hex
from lienthong.errors import Code, Refusal
from tests.fakes.agent import Office
from tests.fakes.exchange import FakeExchange
from tests.fakes.exchange_services import Broken
from tests.pki.world import World

SENDER, RECIPIENT = "H48.31.05", "H48.33.02"
MAP, PLAN = b"%PDF-1.7 map\n%%EOF\n", b"plan" * 100

Offices = Callable[..., Office]


def entry(number: int, name: str, data: bytes) -> ManifestEntry:
    content = ExternalContent(sha256=sha256_hex(data), size=len(data), media_type="application/pdf")
    return ManifestEntry(content_id=f"cid:{number}", attachment_name=name, external=content)


@pytest.fixture
def package(now_world: World) -> bytes:
    """Signed edXML with two files beside it."""
    manifest = (entry(1, "Bản đồ: 2026.pdf", MAP), entry(2, "plan.bin", PLAN))
    return now_world.signed(SENDER, [RECIPIENT], files={}, manifest=manifest)


async def test_what_is_named_and_lies_beside_goes_first(
    office: Offices, hub: FakeExchange, package: bytes
) -> None:
    ours = office()
    ours.put("a.edxml", package)
    ours.put("Bản đồ_ 2026.pdf", MAP)  # as a share allows the name to be written
    ours.put("plan.bin", PLAN)
    await ours.work(ours.agent())
    assert {bytes(kept) for kept in hub.contents.values()} == {MAP, PLAN}
    (stored,) = hub.documents.values()
    assert stored.data == package
    assert sorted(path.name for path in (ours.root / "sent/a/source").iterdir()) == [
        "Bản đồ_ 2026.pdf", "a.edxml", "plan.bin",
    ]  # fmt: skip
    assert (ours.names("outbox"), ours.names("failed")) == ([], [])


async def test_the_package_waits_for_its_files_and_they_are_no_strays(
    office: Offices, hub: FakeExchange, package: bytes
) -> None:
    ours = office()
    agent = ours.agent()
    ours.put("a.edxml", package)
    ours.put("plan.bin", PLAN)
    for _ in range(5):
        await ours.work(agent)
    assert (ours.names("outbox"), hub.calls["Submit"]) == (["a.edxml", "plan.bin"], 0)
    ours.put("Bản đồ_ 2026.pdf", MAP)
    await ours.work(agent)
    assert (ours.names("sent"), ours.names("outbox")) == (["a"], [])


async def test_what_never_came_is_named_in_the_refusal(
    office: Offices, hub: FakeExchange, package: bytes
) -> None:
    ours = office()
    agent = ours.agent()
    ours.put("a.edxml", package)
    ours.put("plan.bin", PLAN)
    hub.failures["Submit"] = [Refusal(Code.ATTACHMENT_MISMATCH, detail="has not been uploaded")]
    await ours.work(agent)
    ours.pace.jump(seconds=1000)
    await ours.work(agent)
    error = ours.result("failed/a")["error"]
    assert error["code"] == "ATTACHMENT_MISMATCH"
    reason = (ours.root / "failed/a/reason.txt").read_text()
    assert "Bản đồ: 2026.pdf: không nằm cạnh" in reason
    assert "did not lie beside" in reason
    assert "plan.bin" not in reason


async def test_what_the_hub_has_already_need_not_lie_there(
    office: Offices, hub: FakeExchange, package: bytes
) -> None:
    ours = office(patience=10)
    agent = ours.agent()
    ours.put("a.edxml", package)
    await ours.work(agent)
    ours.pace.jump(seconds=10)
    await ours.work(agent)
    assert ours.names("sent") == ["a"]


async def test_other_bytes_under_the_name_are_refused_before_the_hub_is_asked(
    office: Offices, hub: FakeExchange, package: bytes
) -> None:
    ours = office()
    ours.put("a.edxml", package)
    ours.put("Bản đồ_ 2026.pdf", b"%PDF-1.7 another\n%%EOF\n")
    ours.put("plan.bin", PLAN)
    await ours.work(ours.agent())
    error = ours.result("failed/a")["error"]
    assert (error["code"], error["field"]) == ("ATTACHMENT_MISMATCH", "Manifest/Reference[1]/ExternalContent")
    assert "Bản đồ_ 2026.pdf" in error["detail"]
    assert (hub.calls["Submit"], hub.contents) == (0, {})


async def test_an_upload_that_is_cut_goes_on_later(
    office: Offices, hub: FakeExchange, package: bytes
) -> None:
    ours = office()
    agent = ours.agent()
    ours.put("a.edxml", package)
    ours.put("Bản đồ_ 2026.pdf", MAP)
    ours.put("plan.bin", PLAN)
    hub.failures["Upload"] = [Broken("away")] * 4
    await ours.work(agent)
    assert (ours.names("sent"), len(ours.names("sending"))) == ([], 1)
    again = ours.agent()
    await ours.work(again)
    for _ in range(3):
        ours.pace.jump(seconds=120)
        await again.sender.send(Lane.NORMAL)
    assert ours.names("sent") == ["a"]
    assert {bytes(kept) for kept in hub.contents.values()} == {MAP, PLAN}


async def test_a_letters_files_are_its_own(office: Offices, hub: FakeExchange, package: bytes) -> None:
    """A YAML speaks first: what it names is not the edXML's."""
    ours = office(patience=10)
    agent = ours.agent()
    ours.put("a.edxml", package)
    ours.put("Bản đồ_ 2026.pdf", MAP)
    ours.put("l.yaml", f"to: [{RECIPIENT}]\nsubject: x\ncode: 1/X\nfiles: [plan.bin]\n")
    ours.put("plan.bin", PLAN)
    await ours.work(agent)
    assert ours.names("sent") == ["l"]
    assert ours.names("outbox") == ["Bản đồ_ 2026.pdf", "a.edxml"]
