"""Does every file of the outbox end in sent/ or failed/, once, whatever happens in between?"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from lienthong.domain.document import Lane, OtherInfo, Priority
from lienthong.domain.evidence import EvidenceKind
from lienthong.domain.ids import sha256_hex
from lienthong.errors import Code, Refusal
from lienthong.signing.verify import verify_record
from lienthong.transit import records
from lienthong_client.agent import Agent, AgentSettings
from lienthong_client.agent import sender as sending
from lienthong_client.agent.disk import Disk
from lienthong_client.compose import read_files
from lienthong_client.content import BigFile
from lienthong_client.errors import Misuse
from tests.fakes.agent import FailingDisk, JumpingPace, PowerCut
from tests.fakes.exchange import FakeExchange
from tests.fakes.exchange_services import Broken
from tests.pki.world import World

SENDER, RECIPIENT, OTHER = "H48.31.05", "H48.33.02", "H48.33.03"
LETTER = f"to: [{RECIPIENT}, {OTHER}]\nsubject: Mời họp giao ban\ncode: 12/UBND-VP\ntype: GM\n"
PDF = b"%PDF-1.4\n%test\n%%EOF\n"


class Office:
    """One office's folder, agents on it, and what became of its files."""

    def __init__(self, root: Path, profile: Path, stack: AsyncExitStack, **outbox: Any) -> None:
        self.pace = JumpingPace()
        self.settings = AgentSettings.model_validate(
            {"profile": profile, "folder": root, "outbox": outbox, "language": "en"}
        )
        self.root = root
        self._stack = stack
        self.outbox = Agent(self.settings).folders.outbox

    def agent(self, disk: Disk | None = None) -> Agent:
        made = Agent(self.settings, disk=disk, pace=self.pace)
        self._stack.push_async_callback(made.client.close)
        return made

    def put(self, name: str, data: bytes | str) -> Path:
        path = self.outbox / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return path

    async def work(self, agent: Agent) -> None:
        """Look, let the files settle, look again, send."""
        await agent.sender.take()
        self.pace.jump(seconds=3)
        await agent.sender.take()
        for lane in Lane:
            await agent.sender.send(lane)

    def names(self, folder: str) -> list[str]:
        return sorted(path.name for path in (self.root / folder).iterdir())

    def result(self, place: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.root / place / "result.json").read_bytes())
        return found


@pytest.fixture
async def office(tmp_path: Path, profile_of: Callable[[str], Path]) -> AsyncIterator[Callable[..., Office]]:
    async with AsyncExitStack() as stack:
        yield lambda **outbox: Office(tmp_path / "office", profile_of(SENDER), stack, **outbox)


Offices = Callable[..., Office]


# --- what is taken ---------------------------------------------------------------------------------------


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


# --- what is not taken -----------------------------------------------------------------------------------


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


# --- names -----------------------------------------------------------------------------------------------


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


# --- what the hub says -----------------------------------------------------------------------------------


async def test_refused_file_moves_to_failed_with_the_reason(
    office: Offices, hub: FakeExchange, signed: bytes
) -> None:
    ours = office()
    hub.failures["Submit"] = [Refusal(Code.RULE_VIOLATED, field="MessageHeader/Subject", detail="too long")]
    ours.put("a.edxml", signed)
    await ours.work(ours.agent())
    error = ours.result("failed/a")["error"]
    assert (error["code"], error["field"]) == ("RULE_VIOLATED", "MessageHeader/Subject")
    reason = (ours.root / "failed/a/reason.txt").read_text()
    assert "too long" in reason
    assert "MessageHeader/Subject" in reason
    again = ours.root / "failed/a/source/a.edxml"
    again.rename(ours.outbox / "a.edxml")
    await ours.work(ours.agent())
    assert ours.names("sent") == ["a"]


async def test_changed_after_signing_is_never_signed_again(
    office: Offices, hub: FakeExchange, signed: bytes
) -> None:
    ours = office()
    ours.put("a.edxml", signed.replace(b"V/v", b"V/V", 1))
    hub.failures["Submit"] = [Refusal(Code.SIGNATURE_INVALID)]
    await ours.work(ours.agent())
    assert ours.result("failed/a")["error"]["code"] == "SIGNATURE_INVALID"


async def test_one_bad_recipient_does_not_hold_the_others(
    office: Offices, hub: FakeExchange, now_world: World
) -> None:
    ours = office()
    ours.put("a.edxml", now_world.signed(SENDER, [RECIPIENT, "H99"]))
    await ours.work(ours.agent())
    states = {r["code"]: r["state"] for r in ours.result("sent/a")["recipients"]}
    assert states == {RECIPIENT: "ACCEPTED", "H99": "REFUSED"}


async def test_hub_away_for_days(
    now_world: World, tmp_path: Path, hub: FakeExchange, profile_of: Callable[[str], Path]
) -> None:
    """Everything waits in sending/, agents come and go, and each document is sent once when the hub is back."""
    away = FakeExchange(now_world)
    with away.serving():
        pass
    profile = away.write_profile(tmp_path / "agencies" / SENDER, SENDER)
    async with AsyncExitStack() as stack:
        ours = Office(tmp_path / "office", profile, stack)
        ours.put("a.edxml", now_world.package(SENDER, [RECIPIENT], code_number="1"))
        ours.put("b.pdf", PDF)
        ours.put("b.yaml", LETTER)
        signed_once = set()
        for _ in range(3):
            agent = ours.agent()
            await ours.work(agent)
            for _ in range(3):
                ours.pace.jump(hours=20)
                await agent.sender.send(Lane.NORMAL)
            signed_once.add(next((ours.root / "sending").glob("* a/document.edxml")).read_bytes())
            assert len(ours.names("sending")) == 2
            health = agent.status.health()
            assert (health["ok"], health["hub"]["reachable"]) == (False, False)
        assert len(signed_once) == 1
        with away.serving(port=away.port):
            agent = ours.agent()
            await ours.work(agent)
            assert agent.status.health()["ok"]
        assert (ours.names("sending"), ours.names("sent")) == ([], ["a", "b"])
        assert {stored.data for stored in away.documents.values()} > signed_once
        assert len(away.documents) == 2


async def test_pauses_grow_while_the_hub_is_away(office: Offices, hub: FakeExchange, signed: bytes) -> None:
    ours = office()
    agent = ours.agent()
    row = agent.sender._rows[Lane.NORMAL]
    ours.put("a.edxml", signed)
    hub.failures["Submit"] = [Broken("away")] * 100
    await ours.work(agent)
    assert 0.8 <= row.due - ours.pace.now() <= 1.2
    calls = hub.calls["Submit"]
    await agent.sender.send(Lane.NORMAL)
    assert hub.calls["Submit"] == calls
    row.failures = 5000
    ours.pace.jump(seconds=2)
    await agent.sender.send(Lane.NORMAL)
    assert 48 <= row.due - ours.pace.now() <= 72


@pytest.mark.parametrize(
    "code", [Code.UNAUTHENTICATED, Code.RATE_LIMITED, Code.NOT_PERMITTED, Code.UNAVAILABLE]
)
async def test_what_is_not_the_documents_fault_fails_no_document(
    office: Offices, hub: FakeExchange, signed: bytes, code: Code
) -> None:
    ours = office()
    agent = ours.agent()
    ours.put("a.edxml", signed)
    hub.failures["Submit"] = [Refusal(code)] * 2
    await ours.work(agent)
    assert len(ours.names("sending")) == 1
    for _ in range(2):
        ours.pace.jump(seconds=70)
        await agent.sender.send(Lane.NORMAL)
    assert ours.names("sent") == ["a"]


async def test_document_that_must_wait_holds_up_no_other(
    office: Offices, hub: FakeExchange, now_world: World
) -> None:
    ours = office()
    agent = ours.agent()
    for number in ("1", "2"):
        ours.put(f"{number}.edxml", now_world.signed(SENDER, [RECIPIENT], code_number=number))
    hub.failures["Submit"] = [Refusal(Code.REVOCATION_UNKNOWN)]
    await ours.work(agent)
    assert ours.names("sent") == ["2"]
    assert "job 1" in agent.status.health()["troubles"]
    ours.pace.jump(seconds=10)
    await agent.sender.send(Lane.NORMAL)
    assert ours.names("sent") == ["1", "2"]
    assert agent.status.health()["ok"]


async def test_order_within_a_lane_is_the_order_of_taking_and_express_has_its_own(
    office: Offices, hub: FakeExchange, now_world: World
) -> None:
    ours = office()
    agent = ours.agent()
    for number in ("3", "1", "2"):
        ours.put(f"{number}.edxml", now_world.signed(SENDER, [RECIPIENT], code_number=number))
    urgent = now_world.signed(
        SENDER, [RECIPIENT], code_number="4", other=OtherInfo(priority=Priority.EXPRESS)
    )
    ours.put("4.edxml", urgent)
    await ours.work(agent)
    assert [stored.package.code_number for stored in hub.documents.values()] == ["4", "1", "2", "3"]


async def test_acceptance_that_does_not_verify_is_no_reason_to_fail_or_to_sign_again(
    office: Offices, hub: FakeExchange, signed: bytes
) -> None:
    ours = office()
    agent = ours.agent()
    ours.put("a.edxml", signed)
    hub.acceptance = lambda xml: xml.replace(b"H48", b"H49", 1)
    await ours.work(agent)
    assert len(ours.names("sending")) == 1
    hub.acceptance = lambda xml: xml
    ours.pace.jump(seconds=10)
    await agent.sender.send(Lane.NORMAL)
    assert ours.result("sent/a")["repeated"] is True
    assert len(hub.documents) == 1


# --- crashes ---------------------------------------------------------------------------------------------


def _fill(ours: Office, kind: str, world: World) -> None:
    if kind == "signed":
        ours.put("a.edxml", world.signed(SENDER, [RECIPIENT]))
    elif kind == "unsigned":
        ours.put("a.edxml", world.package(SENDER, [RECIPIENT]))
    elif kind == "letter":
        ours.put("a.pdf", PDF)
        ours.put("a.yaml", LETTER)
    else:
        ours.put("a.edxml", b"<notice>not edXML</notice>")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("kind", ["signed", "unsigned", "letter", "bad"])
async def test_power_cut_at_every_step_loses_and_doubles_nothing(
    tmp_path: Path,
    hub: FakeExchange,
    profile_of: Callable[[str], Path],
    now_world: World,
    kind: str,
    after: bool,
) -> None:
    profile = profile_of(SENDER)
    at, cut = 0, True
    while cut:
        at += 1
        hub.documents.clear()
        async with AsyncExitStack() as stack:
            ours = Office(tmp_path / f"office {at}", profile, stack)
            _fill(ours, kind, now_world)
            given = {path.name: path.read_bytes() for path in ours.outbox.iterdir()}
            try:
                await ours.work(ours.agent(FailingDisk(at, after=after)))
                cut = False
            except PowerCut:
                await ours.work(ours.agent())
            shelf, wanted = ("failed", 0) if kind == "bad" else ("sent", 1)
            assert len(hub.documents) == wanted, at
            assert ours.names(shelf) == ["a"], at
            assert (ours.names("outbox"), ours.names("sending")) == ([], []), at
            kept = {path.name: path.read_bytes() for path in (ours.root / shelf / "a/source").iterdir()}
            assert kept == given, at
            if kind in ("unsigned", "letter"):
                (stored,) = hub.documents.values()
                assert (ours.root / "sent/a/document.edxml").read_bytes() == stored.data, at
    assert at > 9


async def test_power_cut_between_the_hubs_yes_and_our_note(
    office: Offices, hub: FakeExchange, now_world: World
) -> None:
    ours = office()
    ours.put("a.edxml", now_world.package(SENDER, [RECIPIENT]))
    agent = ours.agent()
    submit = agent.client.submit

    async def cut(*args: Any, **options: Any) -> None:
        await submit(*args, **options)
        raise PowerCut

    agent.client.submit = cut  # type: ignore[method-assign, assignment]
    with pytest.raises(PowerCut):
        await ours.work(agent)
    assert len(hub.documents) == 1
    await ours.work(ours.agent())
    assert len(hub.documents) == 1
    assert ours.result("sent/a")["repeated"] is True


async def test_full_disk_at_every_step_is_waited_out(
    tmp_path: Path, hub: FakeExchange, profile_of: Callable[[str], Path], now_world: World
) -> None:
    """The same agent goes on when there is room again."""
    profile = profile_of(SENDER)
    for at in range(1, 15):
        hub.documents.clear()
        async with AsyncExitStack() as stack:
            ours = Office(tmp_path / f"office {at}", profile, stack)
            _fill(ours, "unsigned", now_world)
            disk = FailingDisk(at, error=lambda: OSError(28, "No space left on device"))
            agent = ours.agent(disk)
            for _ in range(3):
                await ours.work(agent)
                ours.pace.jump(seconds=60)
            assert (ours.names("sent"), ours.names("sending"), len(hub.documents)) == (["a"], [], 1), at
            assert agent.status.health()["ok"], at


async def test_file_that_changes_while_it_is_taken_fails_visibly(office: Offices, signed: bytes) -> None:
    ours = office()
    ours.put("a.pdf", PDF)
    ours.put("a.yaml", LETTER)
    with pytest.raises(PowerCut):
        await ours.work(ours.agent(FailingDisk(5)))  # the YAML was moved, the PDF was not
    assert ours.names("outbox") == ["a.pdf"]
    ours.put("a.pdf", b"%PDF another%%EOF")
    await ours.work(ours.agent())
    assert "a.pdf changed while it was taken" in (ours.root / "failed/a/reason.txt").read_text()


# --- one agent per folder --------------------------------------------------------------------------------


def test_two_agents_on_one_folder(tmp_path: Path, profile_of: Callable[[str], Path]) -> None:
    settings = AgentSettings(profile=profile_of(SENDER), folder=tmp_path / "office")
    first, second = Agent(settings), Agent(settings)
    refused = pytest.raises(Misuse, match=f"process {os.getpid()}")
    with first.folders.locked(), refused, second.folders.locked():
        pass
    with second.folders.locked():
        pass


# --- settings --------------------------------------------------------------------------------------------


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


# --- files beside their package --------------------------------------------------------------------------


async def test_big_files_of_a_letter_are_offered_again_before_each_submission(
    office: Offices, hub: FakeExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hub forgets uploads nobody submits; a document signed days ago must not fail for that."""
    monkeypatch.setattr(sending, "read_files", lambda paths: read_files(paths, over=10))
    ours = office()
    offered: list[str] = []
    ours.put("a.pdf", PDF)
    ours.put("a.yaml", LETTER)
    hub.failures["Submit"] = [Refusal(Code.REVOCATION_UNKNOWN)]
    for _ in range(2):
        agent = ours.agent()

        async def upload(file: BigFile, **options: Any) -> None:
            offered.append(file.sha256)

        agent.client.upload = upload  # type: ignore[method-assign]
        await ours.work(agent)
        ours.pace.jump(seconds=60)
    assert offered == [sha256_hex(PDF)] * 2
    (stored,) = hub.documents.values()
    assert stored.package.manifest[0].external is not None
