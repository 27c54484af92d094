"""Does every file that was taken end in sent/ or failed/, once, whatever happens in between?"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from lienthong.domain.document import Lane, OtherInfo, Priority
from lienthong.domain.ids import sha256_hex
from lienthong.errors import Code, Refusal
from lienthong_client.agent import prepare as sending
from lienthong_client.compose import read_files
from lienthong_client.content import BigFile
from tests.fakes.agent import FailingDisk, Office, PowerCut
from tests.fakes.exchange import FakeExchange
from tests.fakes.exchange_services import Broken
from tests.pki.world import World

SENDER, RECIPIENT, OTHER = "H48.31.05", "H48.33.02", "H48.33.03"
LETTER = f"to: [{RECIPIENT}, {OTHER}]\nsubject: Mời họp giao ban\ncode: 12/UBND-VP\ntype: GM\n"
PDF = b"%PDF-1.4\n%test\n%%EOF\n"


Offices = Callable[..., Office]


# --- what the hub says --------------------------------------------------------------------------------------


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
    hub.failures["SubmitMany.document"] = [Refusal(Code.REVOCATION_UNKNOWN)]
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


# --- crashes ------------------------------------------------------------------------------------------------


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
    assert "a.pdf: thay đổi / changed while it was taken" in (ours.root / "failed/a/reason.txt").read_text()


async def test_a_clerk_reads_in_the_offices_language_what_to_do_with_a_bad_file(office: Offices) -> None:
    desk = office()
    desk.settings = desk.settings.model_copy(update={"language": "vi"})
    desk.put("thư.yaml", "to: [H48.33.02\nsubject: Mời họp\n")
    desk.put("thư.pdf", PDF)
    await desk.work(desk.agent())
    (folder,) = desk.names("failed")
    reason = (desk.root / "failed" / folder / "reason.txt").read_text("utf-8").splitlines()
    assert reason[0].startswith("thư.yaml: yaml: không phải YAML hợp lệ / is not YAML: dòng / line 2: ")
    assert reason[1] == "[ARGUMENT_INVALID]"
    assert reason[-1] == "Sửa tệp trong source/ rồi đặt lại vào outbox/"


# --- files beside their package -----------------------------------------------------------------------------


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
