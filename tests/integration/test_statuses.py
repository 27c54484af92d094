"""Statuses from the office that says them to the sender that hears of them, over a real broker."""

from __future__ import annotations

import asyncio

import pytest

from lienthong.domain.delivery import DeliveryState
from lienthong.domain.status import Step
from lienthong.errors import Code, Refusal
from lienthong.hub.accept import Submission
from lienthong.hub.status_port import ChangeKind
from lienthong.rpc.pipeline import closing
from tests.services.linkage import Linkage
from tests.services.speaking import say, status_package

SENDER, RECIPIENT, OTHER = "H48.31.05", "H48.11", "H48.33"


async def received(linkage: Linkage) -> Submission:
    """A document that its recipient fetched and acknowledged."""
    await linkage.relay()
    sent = await linkage.submit(SENDER, [RECIPIENT])
    await linkage.receive(RECIPIENT, sent.document.id)
    return sent


async def refused(
    linkage: Linkage, sender: str, to: str, code: str, name: str | None, **options: float
) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        await say(linkage, sender, to, code, name, **options)
    return refusal.value


async def test_a_status_is_recorded_with_who_when_and_why_and_travels_to_the_sender(linkage: Linkage) -> None:
    sent = await received(linkage)
    name = sent.document.edxml_document_id
    said = await say(linkage, RECIPIENT, SENDER, "03", name, after=60, description="Vào sổ số đến 87")
    row = await linkage.delivery(sent.document.id, RECIPIENT)
    assert (row.state, row.status) == (DeliveryState.HANDED_OVER, "03")
    (line,) = await linkage.store.statuses(sent.document.id)
    assert (line.package_id, line.sender, line.description, line.staff, line.step) == (
        said.document.id,
        RECIPIENT,
        "Vào sổ số đến 87",
        "Lê Văn C",
        Step.APPLIED,
    )
    assert said.warnings == ()
    _, data = await linkage.receive(SENDER, said.document.id)
    assert b"<edXML:StatusCode>03<" in data


async def test_offices_jump_and_repeat_themselves_and_packages_overtake_each_other(linkage: Linkage) -> None:
    sent = await received(linkage)
    name = sent.document.edxml_document_id
    for code, after in (("03", 60), ("06", 200), ("05", 100), ("06", 300), ("01", 10)):
        await say(linkage, RECIPIENT, SENDER, code, name, after=after)
    assert (await linkage.delivery(sent.document.id, RECIPIENT)).status == "06"
    steps = {(line.code.value, line.step) for line in await linkage.store.statuses(sent.document.id)}
    assert steps == {
        ("03", Step.APPLIED),
        ("06", Step.APPLIED),
        ("05", Step.LATE),
        ("06", Step.REPEATED),
        ("01", Step.LATE),
    }


async def test_a_step_back_is_refused_and_changes_nothing(linkage: Linkage) -> None:
    sent = await received(linkage)
    name = sent.document.edxml_document_id
    await say(linkage, RECIPIENT, SENDER, "05", name, after=60)
    refusal = await refused(linkage, RECIPIENT, SENDER, "03", name, after=120)
    assert (refusal.code, refusal.field) == (Code.STATUS_ILLEGAL, "MessageHeader/StatusCode")
    assert (await linkage.delivery(sent.document.id, RECIPIENT)).status == "05"
    assert len(await linkage.store.statuses(sent.document.id)) == 1


async def test_only_a_recipient_that_has_the_document_speaks_of_it(linkage: Linkage) -> None:
    sent = await linkage.submit(SENDER, [RECIPIENT])  # no relay: it waits
    name = sent.document.edxml_document_id
    assert (await refused(linkage, RECIPIENT, SENDER, "03", name)).code is Code.STATUS_ILLEGAL
    assert (await refused(linkage, OTHER, SENDER, "03", name)).field == "MessageHeader/From/OrganId"
    back = await refused(linkage, RECIPIENT, SENDER, "13", name)
    assert back.detail == f"{name}: only its sender asks for it back, not {RECIPIENT}"
    assert (await refused(linkage, RECIPIENT, SENDER, "15", name)).code is Code.STATUS_ILLEGAL
    assert await linkage.store.statuses(sent.document.id) == []


async def test_a_status_of_a_document_this_hub_never_had_is_carried_with_a_warning(linkage: Linkage) -> None:
    await linkage.relay()
    said = await say(linkage, RECIPIENT, SENDER, "03", "G22,2014/02/30,7806/VPCP-TTĐT")
    assert [warning.rule for warning in said.warnings] == ["target-unknown"]
    await linkage.receive(SENDER, said.document.id)
    kinds = [event.kind for event in await linkage.store.events(document_id=said.document.id)]
    assert "document.target_unknown" in kinds


async def test_the_same_status_package_twice_is_one_line(linkage: Linkage) -> None:
    sent = await received(linkage)
    package = status_package(linkage, RECIPIENT, SENDER, "03", sent.document.edxml_document_id)
    first, second = await asyncio.gather(*(linkage.submit_bytes(RECIPIENT, package) for _ in range(2)))
    assert first.document.id == second.document.id
    assert len(await linkage.store.statuses(sent.document.id)) == 1


async def test_the_sender_hears_every_change_as_it_happens_and_goes_on_where_it_stopped(
    linkage: Linkage,
) -> None:
    heard: list[tuple[ChangeKind, str]] = []
    async with closing(linkage.hub.watch_changes(linkage.caller(SENDER), after=None)) as watch:
        begun, nothing = await anext(watch)
        assert nothing is None
        sent = await received(linkage)
        await say(linkage, RECIPIENT, SENDER, "03", sent.document.edxml_document_id, description="số đến 87")
        async with asyncio.timeout(20):
            while ("status", "03") not in heard:
                _, change = await anext(watch)
                assert change is not None
                assert change.document.id == sent.document.id
                heard.append((change.kind, change.value))
    assert heard == [
        ("state", "IN_TRANSIT"),
        ("state", "CONSIGNED"),
        ("state", "HANDED_OVER"),
        ("status", "03"),
    ]
    again = []
    async with closing(linkage.hub.watch_changes(linkage.caller(RECIPIENT), after=begun)) as watch:
        await anext(watch)
        async with asyncio.timeout(20):
            for _ in range(4):
                _, change = await anext(watch)
                assert change is not None
                again.append((change.kind, change.value))
    assert again == heard
    async with closing(linkage.hub.watch_changes(linkage.caller(OTHER), after=begun)) as watch:
        await anext(watch)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(watch), 0.2)


async def test_a_status_without_a_document_id_is_about_the_one_document_that_fits(linkage: Linkage) -> None:
    sent = await received(linkage)  # 212/UBND-VX of 2026/03/02, as the status names it
    said = await say(linkage, RECIPIENT, SENDER, "03", None)
    assert said.warnings == ()
    assert (await linkage.delivery(sent.document.id, RECIPIENT)).status == "03"
    (line,) = await linkage.store.statuses(sent.document.id)
    assert line.package_id == said.document.id
    assert (await refused(linkage, RECIPIENT, SENDER, "01", None, after=60)).code is Code.STATUS_ILLEGAL


async def test_a_status_that_fits_two_documents_or_none_is_carried_with_a_warning(linkage: Linkage) -> None:
    sent = await received(linkage)
    again = await linkage.submit(SENDER, [RECIPIENT], document_id="sent once more")  # the same number and day
    await linkage.receive(RECIPIENT, again.document.id)
    for status in (
        await say(linkage, RECIPIENT, SENDER, "03", None),
        await say(linkage, RECIPIENT, OTHER, "03", None),  # another agency's number
    ):
        assert [warning.rule for warning in status.warnings] == ["target-unknown"]
    for document in (sent.document, again.document):
        assert (await linkage.delivery(document.id, RECIPIENT)).status is None
