"""Does every store keep agencies, certificates and held messages as the port says?"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date

import pytest

from lienthong.domain.agency import AgencyStatus, Environment
from lienthong.domain.delivery import DeliveryState
from lienthong.domain.ids import new_id
from lienthong.errors import Code, Refusal
from lienthong.hub.ports import Store
from lienthong.hub.rows import HeldKind, HeldRow
from tests.contract.store_backends import any_store  # noqa: F401
from tests.contract.store_suite import (
    a_certificate,
    a_document,
    a_held,
    after,
    an_agency,
    an_event,
    kinds,
    states,
)

PROVINCE = an_agency("H48", "Ủy ban nhân dân tỉnh Quảng Ngãi", aliases=("000.00.00.H48",))
DISTRICT = an_agency(
    "H48.31",
    "Ủy ban nhân dân huyện Bình Sơn",
    "H48",
    aliases=("000.00.31.H48",),
    status=AgencyStatus.LOCKED,
    valid_from=date(2020, 7, 1),
    valid_to=date(2030, 1, 1),
    successors=("H48.32",),
)


async def test_a_new_store_has_an_empty_directory(store: Store) -> None:
    directory = await store.directory()
    assert (len(directory), directory.version, await store.directory_version()) == (0, 0, 0)


async def test_agencies_come_back_as_they_were_put(store: Store) -> None:
    version = await store.put_agencies([DISTRICT, PROVINCE], event=an_event("directory.changed"))
    directory = await store.directory()
    assert directory.version == version == await store.directory_version() == 1
    assert directory.find("000.00.31.H48") == DISTRICT
    assert directory.find("H48") == PROVINCE
    (event,) = await store.events()
    assert (event.kind, event.detail["agencies"]) == ("directory.changed", 2)


async def test_putting_the_same_agencies_again_changes_nothing(store: Store) -> None:
    version = await store.put_agencies([PROVINCE, DISTRICT], event=an_event())
    assert await store.put_agencies([DISTRICT], event=an_event()) == version
    assert len(await store.events()) == 1


async def test_an_agency_is_replaced_by_its_code(store: Store) -> None:
    first = await store.put_agencies([PROVINCE, DISTRICT], event=an_event())
    closed = replace(DISTRICT, status=AgencyStatus.CLOSED)
    assert await store.put_agencies([closed], event=an_event()) > first
    directory = await store.directory()
    assert (len(directory), directory.find("H48.31")) == (2, closed)


@pytest.mark.parametrize(
    "bad",
    [
        [an_agency("H48.9", parent="H99")],
        [an_agency("H48.9", aliases=("000.00.00.H48",))],
        [an_agency("H48.9"), an_agency("H48.9")],
        [replace(PROVINCE, parent="H48.31")],
    ],
    ids=["unknown parent", "alias of another", "twice", "circle"],
)
async def test_an_unsound_directory_is_refused_whole(store: Store, bad: list[object]) -> None:
    await store.put_agencies([PROVINCE, DISTRICT], event=an_event())
    before = await store.directory()
    with pytest.raises(Refusal) as refusal:
        await store.put_agencies([an_agency("H48.8"), *bad], event=an_event())  # type: ignore[list-item]
    assert refusal.value.code is Code.ARGUMENT_INVALID
    assert await store.directory() == before
    assert len(await store.events()) == 1


async def test_changes_of_the_directory_at_once_all_arrive(store: Store) -> None:
    await asyncio.gather(*[store.put_agencies([an_agency(f"H{n}")], event=an_event()) for n in range(4)])
    directory = await store.directory()
    assert sorted(directory.agencies) == ["H0", "H1", "H2", "H3"]
    assert directory.version == 4


async def test_agencies_are_found_without_diacritics_and_best_first(store: Store) -> None:
    agencies = [
        PROVINCE,
        DISTRICT,
        an_agency("H48.05", "Bình Sơn Trung tâm", "H48"),
        an_agency("H48.31.02", "Ủy ban nhân dân xã Bình Đông", "H48.31"),
        an_agency("H48.310", "Sở Thử", "H48"),
        an_agency("H48.99", "Huyện Bình Sơn thử nghiệm", "H48", environment=Environment.TEST),
    ]
    await store.put_agencies(agencies, event=an_event())

    async def found(text: str, limit: int = 10) -> list[str]:
        return [agency.code for agency in await store.search_agencies(text, limit=limit)]

    assert await found("binh son") == ["H48.05", "H48.31"]
    assert await found("SƠN BÌNH") == ["H48.05", "H48.31"]
    assert await found("bình đông") == ["H48.31.02"]
    assert await found("dong") == ["H48.31.02"]
    assert await found("h48.31") == ["H48.31", "H48.31.02", "H48.310"]
    assert await found("000.00.31") == ["H48.31"]
    assert await found("H48", limit=2) == ["H48", "H48.05"]
    assert await found("uy ban") == ["H48.31", "H48", "H48.31.02"]
    assert await found("inh son") == []
    assert await found("nghiệm") == await found("") == await found(" %") == await found("son", limit=0) == []


async def test_certificates_are_bound_once_and_revoked_once(store: Store) -> None:
    one, two = a_certificate(), a_certificate("H48.11")
    for certificate in (one, two, one):
        await store.bind_certificate(certificate, event=an_event("certificate.bound"))
    assert await store.certificates() == [one, two]
    assert await store.certificates("H48.31") == [one]
    assert await store.directory_version() == 2
    for reason in ("mất khóa", "again"):
        await store.revoke_certificate(one.sha256, reason, after(5), event=an_event("certificate.revoked"))
    assert await store.certificates("H48.31") == [replace(one, revoked_at=after(5), revoke_reason="mất khóa")]
    assert await store.directory_version() == (await store.directory()).version == 3
    assert [e.kind for e in await store.events()] == [
        "certificate.revoked",
        "certificate.bound",
        "certificate.bound",
    ]


async def test_a_certificate_of_another_or_revoked_is_not_bound(store: Store) -> None:
    certificate = a_certificate()
    await store.bind_certificate(certificate, event=an_event())
    stolen = replace(certificate, agency="H48.11")
    with pytest.raises(Refusal) as refusal:
        await store.bind_certificate(stolen, event=an_event())
    assert refusal.value.code is Code.STATE_ILLEGAL
    await store.revoke_certificate(certificate.sha256, "x", after(1), event=an_event())
    with pytest.raises(Refusal) as refusal:
        await store.bind_certificate(certificate, event=an_event())
    assert refusal.value.code is Code.STATE_ILLEGAL
    with pytest.raises(Refusal) as refusal:
        await store.revoke_certificate("0" * 64, "x", after(1), event=an_event())
    assert refusal.value.code is Code.NOT_FOUND


@pytest.mark.parametrize(
    ("kind", "state", "event"),
    [
        (HeldKind.QUARANTINE, DeliveryState.QUARANTINED, "held.quarantined"),
        (HeldKind.DEAD_LETTER, DeliveryState.DEAD, "held.dead_lettered"),
    ],
)
async def test_holding_keeps_the_bytes_and_moves_what_may_move(
    store: Store, kind: HeldKind, state: DeliveryState, event: str
) -> None:
    document = a_document("H48.11", "H48.02", refused=["X1"])
    await store.accept(document)
    held = a_held(document.id, kind)
    assert (
        await store.hold(held, recipients=["H48.11", "X1", "nobody"]) == held == await store.held_one(held.id)
    )
    assert await states(store, document.id) == {
        "H48.11": state,
        "H48.02": DeliveryState.ACCEPTED,
        "X1": DeliveryState.REFUSED,
    }
    (row, *_) = await store.deliveries(document.id)
    assert (row.error, row.error_detail) == (held.code, held.detail)
    logged = (await store.events(document_id=document.id))[-1]
    assert (logged.kind, logged.subject, logged.detail["recipients"]) == (event, held.id, ["H48.11"])


async def test_the_same_message_is_held_once_until_it_is_resolved(store: Store) -> None:
    document = a_document("H48.11")
    await store.accept(document)
    first = a_held(document.id)
    again = replace(first, id=new_id(), at=after(9))
    await store.hold(first, recipients=["H48.11"])
    assert await store.hold(again, recipients=["H48.11"]) == first
    assert await kinds(store, document.id) == ["document.accepted", "held.quarantined"]
    elsewhere = replace(again, id=new_id(), node="H48.11")
    dead = replace(again, id=new_id(), kind=HeldKind.DEAD_LETTER)
    for other in (elsewhere, dead):
        assert await store.hold(other, recipients=[]) == other
    await store.resolve(first.id, "released", "đã kiểm tra", "operator:CN=an", after(10))
    assert await store.hold(again, recipients=[]) == again


async def test_one_message_held_many_times_at_once_is_held_once(store: Store) -> None:
    first = a_held(None)
    rows = await asyncio.gather(*[store.hold(replace(first, id=new_id()), recipients=[]) for _ in range(8)])
    assert len({row.id for row in rows}) == 1
    assert len(await store.held(HeldKind.QUARANTINE)) == 1


async def test_held_messages_are_listed_newest_first_by_kind_without_their_bytes(store: Store) -> None:
    made = [a_held(None, at=after(n)) for n in (1, 3, 2)]
    other = a_held(None, HeldKind.DEAD_LETTER)
    for held in (*made, other):
        await store.hold(held, recipients=[])
    closed = await store.resolve(made[1].id, "rejected", "giả mạo", "operator:CN=an", after(9))
    assert all(held.message for held in (*made, other, closed))
    first, newest, closed, other = (replace(held, message=b"") for held in (made[0], made[2], closed, other))
    assert await store.held(HeldKind.QUARANTINE) == [newest, first]
    assert await store.held(HeldKind.QUARANTINE, limit=1) == [newest]
    assert await store.held(HeldKind.QUARANTINE, include_resolved=True) == [closed, newest, first]
    assert await store.held(HeldKind.DEAD_LETTER) == [other]


async def test_a_held_message_is_resolved_once(store: Store) -> None:
    held = a_held("d1")
    await store.hold(held, recipients=[])
    row = await store.resolve(held.id, "requeued", "thử lại", "operator:CN=an", after(2))
    assert row == replace(
        held, resolved_at=after(2), resolution="requeued", reason="thử lại", resolved_by="operator:CN=an"
    )
    for held_id, code in ((held.id, Code.STATE_ILLEGAL), ("unknown", Code.NOT_FOUND)):
        with pytest.raises(Refusal) as refusal:
            await store.resolve(held_id, "discarded", "x", "operator:CN=b", after(3))
        assert refusal.value.code is code
    assert await store.held_one(held.id) == row
    assert (await kinds(store, "d1"))[-1] == "held.requeued"


async def test_a_damaged_message_is_held_whatever_it_claims(store: Store) -> None:
    held: HeldRow = a_held("\0" + "x" * 10_000, detail="nul \0 in it", message=bytes(range(256)) * 4096)
    stored = await store.hold(held, recipients=["\N{REPLACEMENT CHARACTER}", "x" * 5000])
    assert stored == await store.held_one(held.id)
    assert stored.message == held.message
    assert await store.held_one("unknown") is None
