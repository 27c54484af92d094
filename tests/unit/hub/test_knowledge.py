"""Is a verdict ever given on old knowledge, and who is behind a connection?"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from lienthong.errors import Code, HubFault, Refusal
from lienthong.hub.certificates import read_certificate
from lienthong.hub.knowledge import Knowledge, Snapshot, Trusts
from tests.fakes.store import FakeStore
from tests.pki.world import world
from tests.unit.hub.bench import COMMUNE, DEPARTMENT, OPERATOR, Bench


def transport(code: str) -> tuple[bytes, bytes]:
    """A TLS certificate as (DER, PEM)."""
    certificate = world().transport(code).certificate
    return certificate.public_bytes(Encoding.DER), certificate.public_bytes(Encoding.PEM)


async def bound(bench: Bench, pem: bytes, *, agency: str = COMMUNE, role: str = "agency") -> str:
    row = read_certificate(pem, agency=agency, purpose="transport", role=role, at=bench.at)
    await bench.store.bind_certificate(row, event=bench.event())
    return row.sha256


async def test_there_is_no_answer_before_the_first_look() -> None:
    with pytest.raises(HubFault):
        _ = Knowledge(FakeStore(), lambda: Bench().trusts).now


async def test_nothing_new_is_no_new_snapshot(bench: Bench) -> None:
    before = bench.knowledge.now
    assert not await bench.knowledge.refresh()
    assert bench.knowledge.now is before


async def test_other_trust_files_are_a_new_snapshot(bench: Bench) -> None:
    w = bench.world
    bench.trusts = Trusts(agencies=w.infrastructure_trust, infrastructure=w.infrastructure_trust)
    assert await bench.knowledge.refresh()
    assert bench.knowledge.now.trusts is bench.trusts


async def test_a_failed_look_keeps_what_is_known(bench: Bench) -> None:
    before = bench.knowledge.now
    await bench.change_agency(DEPARTMENT, name="Sở Nội vụ")
    for method in ("directory_version", "directory", "certificates"):
        bench.store.fail_next(method, HubFault("the database is away"))
        with pytest.raises(HubFault):
            await bench.knowledge.refresh()
        assert bench.knowledge.now is before
    assert await bench.knowledge.refresh()


async def test_it_looks_again_and_again_also_after_a_fault(bench: Bench) -> None:
    bench.store.fail_next("directory_version", HubFault("the database is away"))
    await bench.change_agency(DEPARTMENT, name="Sở Nội vụ mới")
    stop = asyncio.Event()
    running = asyncio.create_task(bench.knowledge.run(stop, every=0.005))
    async with asyncio.timeout(10):
        while bench.hub.directory.agencies[DEPARTMENT].name != "Sở Nội vụ mới":
            await asyncio.sleep(0.005)
    stop.set()
    await running


# --- verification on it -----------------------------------------------------------------------------------


async def test_a_refusal_is_given_only_on_the_newest_knowledge(bench: Bench) -> None:
    asked: list[int] = []

    def verify(now: Snapshot) -> str:
        asked.append(now.version)
        raise Refusal(Code.SIGNER_NOT_SENDER)

    with pytest.raises(Refusal):
        await bench.verification.run(verify)
    assert len(asked) == 1  # nothing was new
    await bench.change_agency(DEPARTMENT, name="Sở Nội vụ")
    with pytest.raises(Refusal):
        await bench.verification.run(verify)
    assert len(asked) == 3
    assert asked[1] < asked[2]
    assert bench.verification.now.version == asked[2]


async def test_a_store_that_is_away_turns_a_refusal_into_a_later(bench: Bench) -> None:
    """A refusal that might be wrong is not given: the caller tries again."""
    bench.store.fail_next("directory_version", HubFault("the database is away"))
    with pytest.raises(HubFault):
        await bench.verification.package(b"<")


# --- who calls --------------------------------------------------------------------------------------------


async def test_an_agency_is_known_by_its_certificates_fingerprint(bench: Bench) -> None:
    der, pem = transport(COMMUNE)
    with pytest.raises(Refusal) as caught:
        await bench.hub.identify(der)
    assert caught.value.code is Code.UNAUTHENTICATED
    await bound(bench, pem)  # behind the hub's back: it looks before it says no
    caller = await bench.hub.identify(der)
    assert (caller.agency, caller.role, caller.actor) == (COMMUNE, "agency", COMMUNE)
    assert caller.require_agency() == COMMUNE
    with pytest.raises(Refusal) as caught:
        caller.require_operator()
    assert caught.value.code is Code.NOT_PERMITTED


async def test_an_operator_is_no_agency(bench: Bench) -> None:
    der, pem = transport("operator")
    await bound(bench, pem, agency="", role="operator")
    caller = await bench.hub.identify(der)
    caller.require_operator()
    assert caller.actor.startswith("operator:")
    with pytest.raises(Refusal) as caught:
        caller.require_agency()
    assert caught.value.code is Code.NOT_PERMITTED


async def test_the_name_in_a_certificate_counts_for_nothing(bench: Bench) -> None:
    """Two certificates say the same name; only the bound one is the agency."""
    _, pem = transport(COMMUNE)
    await bound(bench, pem)
    same_name, _ = transport(COMMUNE)
    with pytest.raises(Refusal) as caught:
        await bench.hub.identify(same_name)
    assert caught.value.code is Code.UNAUTHENTICATED


async def test_a_revoked_connection_is_not_permitted(bench: Bench) -> None:
    der, pem = transport(COMMUNE)
    sha256 = await bound(bench, pem)
    await bench.hub.identify(der)
    await bench.administration.revoke_certificate(OPERATOR, sha256, "mất khóa")
    with pytest.raises(Refusal) as caught:
        await bench.hub.identify(der)
    assert caught.value.code is Code.NOT_PERMITTED


async def test_a_signing_certificate_opens_no_connection(bench: Bench) -> None:
    der = bench.world.key(COMMUNE).certificate.public_bytes(Encoding.DER)
    with pytest.raises(Refusal) as caught:
        await bench.hub.identify(der)
    assert caught.value.code is Code.UNAUTHENTICATED


async def test_agencies_are_found_by_any_code_and_by_words(bench: Bench) -> None:
    assert (await bench.hub.agency("000.05.31.H48")).code == COMMUNE
    assert [agency.code for agency in await bench.hub.search_agencies("binh chanh", limit=5)] == [COMMUNE]
    with pytest.raises(Refusal) as caught:
        await bench.hub.agency("H99")
    assert caught.value.code is Code.NOT_FOUND


# --- reading a certificate --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pem", "purpose", "role", "field"),
    [
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "signature", "agency", "pem"),
        (b"", "signature", "agency", "pem"),
        (None, "decoration", "agency", "purpose"),
        (None, "transport", "guest", "role"),
        (None, "signature", "operator", "purpose"),
    ],
)
def test_what_cannot_be_bound_names_what_is_wrong(
    pem: bytes | None, purpose: str, role: str, field: str
) -> None:
    given = transport(COMMUNE)[1] if pem is None else pem
    with pytest.raises(Refusal) as caught:
        read_certificate(given, agency=COMMUNE, purpose=purpose, role=role, at=world().at)
    assert (caught.value.code, caught.value.field) == (Code.ARGUMENT_INVALID, field)


def test_a_row_holds_the_certificates_own_facts() -> None:
    key = world().key(COMMUNE)
    row = read_certificate(
        key.certificate_pem(), agency=COMMUNE, purpose="signature", role="agency", at=world().at
    )
    assert row.sha256 == key.certificate_sha256
    assert row.not_before <= world().at <= row.not_after
    assert row.not_after - row.not_before > timedelta(days=1)
    assert row.pem.encode() == key.certificate_pem()
