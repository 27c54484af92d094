"""Which files does the agent take, when, and under which names do they end?"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lienthong.domain.document import Lane
from lienthong.domain.evidence import EvidenceKind
from lienthong.signing.verify import verify_record
from lienthong.transit import records
from lienthong_client.agent import Agent, AgentSettings
from lienthong_client.errors import Misuse
from tests.fakes.agent import Office
from tests.fakes.exchange import FakeExchange
from tests.pki.world import World

SENDER, RECIPIENT, OTHER = "H48.31.05", "H48.33.02", "H48.33.03"
LETTER = f"to: [{RECIPIENT}, {OTHER}]\nsubject: Mời họp giao ban\ncode: 12/UBND-VP\ntype: GM\n"
PDF = b"%PDF-1.4\n%test\n%%EOF\n"


Offices = Callable[..., Office]


# --- what is taken ------------------------------------------------------------------------------------------


async def test_signed_edxml_goes_as_it_is(office: Offices, hub: FakeExchange, signed: bytes) -> None:
    ours = office()
    ours.put("công văn 212.edxml", signed)
    await ours.work(ours.agent())
    (stored,) = hub.documents.values()
    assert stored.data == signed
    assert ours.names("sent") == ["công văn 212"]
    place = ours.root / "sent" / "công văn 212"
    assert sorted(path.name for path in place.iterdir()) == ["acceptance.xml", "result.json", "source"]
    assert (place / "source" / "công văn 212.edxml").read_bytes() == signed
    assert (ours.names("outbox"), ours.names("sending"), ours.names("failed")) == ([], [], [])
    result = ours.result("sent/công văn 212")
    assert (result["state"], result["document_id"]) == ("sent", stored.id)
    assert result["document"] == "source/công văn 212.edxml"
    verify_record(
        (place / "acceptance.xml").read_bytes(),
        trust=hub.world.infrastructure_trust,
        at=ours.pace.today(),
        root=records.root_name(EvidenceKind.SUBMISSION_ACCEPTANCE),
    )


async def test_unsigned_edxml_is_signed_first(office: Offices, hub: FakeExchange, now_world: World) -> None:
    ours = office()
    ours.put("draft.xml", b"1212" + now_world.package(SENDER, [RECIPIENT]))
    await ours.work(ours.agent())
    (stored,) = hub.documents.values()
    assert (ours.root / "sent/draft/document.edxml").read_bytes() == stored.data
    assert (ours.root / "sent/draft/source/draft.xml").read_bytes().startswith(b"1212")


async def test_a_pdf_with_a_yaml_beside_it_becomes_a_document(office: Offices, hub: FakeExchange) -> None:
    ours = office()
    ours.put("Thư mời.pdf", PDF)
    ours.put("Thư mời.yaml", LETTER)
    await ours.work(ours.agent())
    (stored,) = hub.documents.values()
    assert stored.package.subject == "Mời họp giao ban"
    assert stored.package.recipient_codes == (RECIPIENT, OTHER)
    assert [entry.attachment_name for entry in stored.package.manifest] == ["Thư mời.pdf"]
    assert sorted(os.listdir(ours.root / "sent/Thư mời/source")) == ["Thư mời.pdf", "Thư mời.yaml"]


async def test_a_yaml_names_its_files(office: Offices, hub: FakeExchange) -> None:
    ours = office()
    ours.put("b.xlsx", b"PK not really")
    ours.put("a.pdf", PDF)
    ours.put("mời.yaml", LETTER + "files: [a.pdf, b.xlsx]\npriority: hoa-toc\n")
    await ours.work(ours.agent())
    (stored,) = hub.documents.values()
    assert [entry.attachment_name for entry in stored.package.manifest] == ["a.pdf", "b.xlsx"]
    assert stored.package.lane is Lane.EXPRESS
    assert ours.names("outbox") == []


async def test_what_is_signed_is_a_setting(office: Offices, hub: FakeExchange, signed: bytes) -> None:
    ours = office(sign="always")
    ours.put("a.edxml", signed)
    await ours.work(ours.agent())
    (stored,) = hub.documents.values()
    assert stored.data != signed
    never = office(sign="never")
    never.put("b.edxml", hub.world.package(SENDER, [RECIPIENT], code_number="9"))
    await never.work(never.agent())
    assert never.result("failed/b")["error"]["code"] == "SIGNATURE_MISSING"


# --- what is not taken --------------------------------------------------------------------------------------


async def test_half_written_file_is_not_taken(office: Offices, hub: FakeExchange, signed: bytes) -> None:
    ours = office()
    agent = ours.agent()
    for part in (500, 1000, len(signed)):
        ours.put("a.edxml", signed[:part])
        await agent.sender.take()
        ours.pace.jump(seconds=1.5)
    await agent.sender.send(Lane.NORMAL)
    assert ours.names("outbox") == ["a.edxml"]
    await ours.work(agent)
    assert [stored.data for stored in hub.documents.values()] == [signed]


@pytest.mark.parametrize("name", ["a.edxml", "a.pdf"])
async def test_half_written_file_whose_writer_stalls_is_given_more_time(
    office: Offices, hub: FakeExchange, signed: bytes, name: str
) -> None:
    ours = office()
    agent = ours.agent()
    whole = signed if name == "a.edxml" else PDF
    if name == "a.pdf":
        ours.put("a.yaml", LETTER)
    ours.put(name, whole[: len(whole) // 2])
    await ours.work(agent)
    ours.pace.jump(seconds=30)
    await ours.work(agent)
    assert name in ours.names("outbox")
    ours.put(name, whole)
    await ours.work(agent)
    assert (ours.names("outbox"), ours.names("sent")) == ([], ["a"])
    assert len(hub.documents) == 1


async def test_file_cut_off_for_good_fails_with_its_reason(office: Offices, signed: bytes) -> None:
    ours = office()
    agent = ours.agent()
    ours.put("a.edxml", signed[:-100])
    await agent.sender.take()
    ours.pace.jump(seconds=61)
    await agent.sender.take()
    assert ours.result("failed/a")["error"]["code"] == "XML_MALFORMED"
    assert "XML_MALFORMED" in (ours.root / "failed/a/reason.txt").read_text()
    assert (ours.root / "failed/a/source/a.edxml").read_bytes() == signed[:-100]


async def test_names_of_files_being_written_links_and_folders_are_left_alone(
    office: Offices, hub: FakeExchange, signed: bytes, tmp_path: Path
) -> None:
    ours = office()
    secret = tmp_path / "secret.edxml"
    secret.write_bytes(signed)
    for name in (".a.edxml", "a.edxml.tmp", "a.edxml.part", "a.edxml~", "~$a.edxml", "a.edxml.crdownload"):
        ours.put(name, signed)
    (ours.outbox / "link.edxml").symlink_to(secret)
    (ours.outbox / "folder.edxml").mkdir()
    os.mkfifo(ours.outbox / "pipe.edxml")
    before = ours.names("outbox")
    agent = ours.agent()
    await ours.work(agent)
    assert (ours.names("outbox"), hub.documents) == (before, {})
    assert agent.status.health()["ignored"] == ["folder.edxml", "link.edxml", "pipe.edxml"]


async def test_renamed_into_place_is_taken_whole(office: Offices, hub: FakeExchange, signed: bytes) -> None:
    ours = office()
    agent = ours.agent()
    written = ours.put("a.edxml.tmp", signed)
    await ours.work(agent)
    written.rename(ours.outbox / "a.edxml")
    await ours.work(agent)
    assert len(hub.documents) == 1


async def test_pdf_without_yaml_waits_and_then_fails(office: Offices) -> None:
    ours = office()
    agent = ours.agent()
    ours.put("a.pdf", PDF)
    await ours.work(agent)
    assert ours.names("outbox") == ["a.pdf"]
    ours.pace.jump(seconds=901)
    await ours.work(agent)
    assert "no a.yaml" in (ours.root / "failed/a/reason.txt").read_text()


async def test_yaml_without_its_file_waits_and_then_fails(office: Offices, hub: FakeExchange) -> None:
    ours = office()
    agent = ours.agent()
    ours.put("a.yaml", LETTER)
    await ours.work(agent)
    assert ours.names("outbox") == ["a.yaml"]
    ours.pace.jump(seconds=901)
    await ours.work(agent)
    assert "a.pdf" in (ours.root / "failed/a/reason.txt").read_text()
    ours.put("b.yaml", LETTER)
    await ours.work(agent)
    ours.put("b.pdf", PDF)
    await ours.work(agent)
    assert ours.names("sent") == ["b"]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("to: H48\n", "subject"),
        ("subject: x\n", "to"),
        ("to: [H48]\nsubject: x\nsubjekt: y\n", "subjekt"),
        ("to: [H48]\nsubject: x\nfiles: [../../etc/passwd]\n", "files"),
        ("to: [H48]\nsubject: x\nfiles: [/etc/passwd]\n", "files"),
        ("to: [H48]\nsubject: x\ndue: hôm nay\n", "due"),
        ("to: [H48]\nsubject: [x]\n", "subject"),
        ("to: [H48]\nsubject: x\npriority: gấp\n", "priority"),
        ("to: [", "yaml"),
        ("!!python/object/apply:os.system [ls]", "yaml"),
        ("a: &a [x]\nto: *a\nsubject: " + "x" * 70_000, "yaml"),
        ("just text", "yaml"),
        ("to: [H48]\nsubject: x\ntype: thơ\n", "type"),
    ],
)
async def test_letter_that_cannot_be_used_fails_with_its_key(office: Offices, text: str, field: str) -> None:
    ours = office()
    ours.put("a.pdf", PDF)
    ours.put("a.yaml", text)
    await ours.work(ours.agent())
    assert field in (ours.root / "failed/a/reason.txt").read_text()
    assert sorted(os.listdir(ours.root / "failed/a/source")) == ["a.pdf", "a.yaml"]
    assert ours.names("outbox") == []


# --- names --------------------------------------------------------------------------------------------------


async def test_name_collision_in_sent_keeps_both(office: Offices, now_world: World) -> None:
    ours = office()
    agent = ours.agent()
    for number in ("1", "2"):
        ours.put("a.edxml", now_world.signed(SENDER, [RECIPIENT], code_number=number))
        await ours.work(agent)
    assert ours.names("sent") == ["a", "a (2)"]


async def test_files_named_like_the_agents_own(office: Offices, hub: FakeExchange, signed: bytes) -> None:
    ours = office()
    for name in ("document.edxml", "acceptance.xml"):
        ours.put(name, signed)
    await ours.work(ours.agent())
    assert ours.names("sent") == ["acceptance", "document"]
    assert ours.result("sent/document")["repeated"] != ours.result("sent/acceptance")["repeated"]
    assert len(hub.documents) == 1


@pytest.mark.parametrize(
    "name",
    [
        b"--help.edxml",
        b"a\nb.edxml",
        "gnp.\N{RIGHT-TO-LEFT OVERRIDE}fdp.edxml".encode(),
        b"\xff\xfe latin.edxml",
        b"CON.edxml",
        b"   .edxml",
        ("x" * 240 + ".edxml").encode(),
        b"$(reboot);`id`.edxml",
    ],
)
async def test_unsafe_names_end_as_safe_ones(office: Offices, signed: bytes, name: bytes) -> None:
    ours = office()
    ours.put(os.fsdecode(name), signed)
    await ours.work(ours.agent())
    (place,) = (ours.root / "sent").iterdir()
    assert place.name.isprintable()
    assert len(place.name.encode()) < 200
    (kept,) = (place / "source").iterdir()
    assert kept.read_bytes() == signed
    assert kept.name.isprintable()


# --- one agent per folder -----------------------------------------------------------------------------------


def test_two_agents_on_one_folder(tmp_path: Path, profile_of: Callable[[str], Path]) -> None:
    settings = AgentSettings(profile=profile_of(SENDER), folder=tmp_path / "office")
    first, second = Agent(settings), Agent(settings)
    refused = pytest.raises(Misuse, match=f"process {os.getpid()}")
    with first.folders.locked(), refused, second.folders.locked():
        pass
    with second.folders.locked():
        pass


# --- settings -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "folder"),
        ('folder = "x"\nfoldr = "y"', "foldr"),
        ('folder = "x"\n[outbox]\nsettle = -1', "outbox.settle"),
        ('folder = "x"\n[outbox]\nsign = "maybe"', "outbox.sign"),
        ('folder = "x"\n[[webhooks]]\nname = "a"\nurl = "ftp://x"\nsecret = "s"', "webhooks.0.url"),
        ('folder = "x"\n[[webhooks]]\nname = "../a"\nurl = "http://x"\nsecret = "s"', "webhooks.0.name"),
        ('folder = "x"\n[[webhooks]]\nname = "a"\nurl = "http://x"', "webhooks.0"),
        ("folder = ", "agent.toml"),
    ],
)
def test_wrong_settings_name_the_key(tmp_path: Path, text: str, where: str) -> None:
    (tmp_path / "agent.toml").write_text(text)
    with pytest.raises(Misuse) as caught:
        AgentSettings.load(tmp_path / "agent.toml")
    assert where in str(caught.value.field)


def test_paths_are_relative_to_the_settings(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text('folder = "office"\nprofile = "p/profile.toml"')
    settings = AgentSettings.load(tmp_path / "agent.toml")
    assert (settings.folder, settings.profile) == (tmp_path / "office", tmp_path / "p/profile.toml")
