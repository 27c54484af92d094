"""The transit record: every way of tampering with it breaks it, and says where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from lienthong.domain.evidence import Branch, HopRecord, SubmissionAcceptance, Verdict
from lienthong.domain.ids import sha256_hex
from lienthong.errors import Code, Refusal
from lienthong.signing.keys import SigningKey
from lienthong.signing.sign import sign_record
from lienthong.signing.trust import Trust
from lienthong.signing.verify import VerifiedRecord, verify_record
from lienthong.transit import chain, records
from lienthong.transit.chain import Chain, verify_chain
from tests.pki.world import World, world

SHA = "cd" * 32
ROUTE = ("H48.31.05", "H48.31", "H48", "H48.11")
ACCEPTANCE = SubmissionAcceptance(
    document_id="d",
    document_sha256=SHA,
    sender=ROUTE[0],
    first_node=ROUTE[0],
    recipients=("H48.11",),
    accepted_at=world().at,
)


def signed(record: HopRecord | SubmissionAcceptance, key: SigningKey) -> bytes:
    return sign_record(records.write(record), key, at=world().at)


def hop(sequence: int, previous: bytes, **changes: object) -> HopRecord:
    following = ROUTE[sequence : sequence + 1]
    made = HopRecord(
        document_id="d",
        document_sha256=SHA,
        node=ROUTE[sequence - 1],
        sequence=sequence,
        received_at=world().at,
        verdict=Verdict.PASSED,
        signer_sha256="ee" * 32,
        next=tuple(Branch(node=node, recipients=("H48.11",)) for node in following),
        delivered=not following,
        previous_digest=sha256_hex(previous),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def build(world: World) -> tuple[bytes, list[bytes]]:
    acceptance = signed(ACCEPTANCE, world.hub_key)
    chain = [acceptance]
    for sequence, node in enumerate(ROUTE, start=1):
        chain.append(signed(hop(sequence, chain[-1]), world.node_key(node)))
    return acceptance, chain[1:]


def verify(acceptance: bytes, hops: Sequence[bytes], *, every: bool = True, sha: str | None = SHA) -> Chain:
    w = world()
    return verify_chain(
        acceptance, hops, document_sha256=sha, trust=w.infrastructure_trust, at=w.at, every_signature=every
    )


def refused(acceptance: bytes, hops: Sequence[bytes], *, every: bool = True) -> Refusal:
    with pytest.raises(Refusal) as error:
        verify(acceptance, hops, every=every)
    return error.value


def test_an_honest_chain_of_four_tiers_passes() -> None:
    acceptance, hops = build(world())
    chain = verify(acceptance, hops)
    assert [h.node for h in chain.hops] == list(ROUTE)
    assert chain.last_digest == sha256_hex(hops[-1])
    assert chain.records == (acceptance, *hops)


def test_the_branch_is_what_the_newest_record_hands_on() -> None:
    acceptance, hops = build(world())
    assert verify(acceptance, []).branch_for("H48.31.05").recipients == ("H48.11",)
    assert verify(acceptance, hops[:3]).branch_for("H48.11").recipients == ("H48.11",)


def test_a_node_the_newest_record_does_not_name_gets_nothing() -> None:
    acceptance, hops = build(world())
    for records_so_far in ([], hops[:2]):
        with pytest.raises(Refusal) as error:
            verify(acceptance, records_so_far).branch_for("H48.33")
        assert error.value.code is Code.CHAIN_BROKEN


@pytest.mark.parametrize("missing", range(4))
def test_a_hop_record_taken_out_breaks_the_chain(missing: int) -> None:
    acceptance, hops = build(world())
    left = hops[:missing] + hops[missing + 1 :]
    if (
        missing == 3
    ):  # the newest: the chain is whole, but it hands the document to another node than the reader
        assert verify(acceptance, left).hops[-1].node == "H48"
        return
    assert refused(acceptance, left).code is Code.CHAIN_BROKEN
    assert refused(acceptance, left, every=False).code is Code.CHAIN_BROKEN


def test_two_hop_records_exchanged_break_the_chain() -> None:
    acceptance, hops = build(world())
    assert refused(acceptance, [hops[1], hops[0], *hops[2:]]).code is Code.CHAIN_BROKEN


@pytest.mark.parametrize("position", range(4))
def test_one_changed_byte_in_any_hop_record_is_caught_even_when_only_the_newest_signature_is_checked(
    position: int,
) -> None:
    acceptance, hops = build(world())
    hops[position] = hops[position].replace(b"2026-03-02T02:30", b"2026-03-02T02:31", 1)
    assert refused(acceptance, hops).code is Code.SIGNATURE_INVALID
    newest_only = refused(acceptance, hops, every=False).code
    assert newest_only is (Code.SIGNATURE_INVALID if position == 3 else Code.CHAIN_BROKEN)


def test_a_changed_acceptance_is_caught() -> None:
    acceptance, hops = build(world())
    forged = acceptance.replace(b"<Recipient>H48.11</Recipient>", b"<Recipient>H48.33</Recipient>")
    assert forged != acceptance
    assert refused(forged, hops).code is Code.SIGNATURE_INVALID
    assert refused(forged, hops, every=False).code is Code.CHAIN_BROKEN


def test_a_record_for_other_bytes_is_refused() -> None:
    acceptance, hops = build(world())
    with pytest.raises(Refusal) as error:
        verify(acceptance, hops, sha="00" * 32)
    assert error.value.code is Code.CHAIN_BROKEN


def test_a_hop_of_another_document_is_refused() -> None:
    w = world()
    acceptance, _ = build(w)
    for change in ({"document_id": "e"}, {"document_sha256": "00" * 32}):
        strange = signed(hop(1, acceptance, **change), w.node_key(ROUTE[0]))
        assert refused(acceptance, [strange]).code is Code.CHAIN_BROKEN


def test_a_hop_that_counts_wrong_is_refused_though_it_links() -> None:
    w = world()
    acceptance, _ = build(w)
    skipping = signed(replace(hop(1, acceptance), sequence=2), w.node_key(ROUTE[0]))
    assert refused(acceptance, [skipping]).code is Code.CHAIN_BROKEN


def test_a_hop_signed_by_another_node_is_refused() -> None:
    w = world()
    acceptance, _ = build(w)
    assert (
        refused(acceptance, [signed(hop(1, acceptance), w.node_key("H48.33"))]).code
        is Code.CERTIFICATE_UNTRUSTED
    )


def test_a_hop_signed_by_an_agency_is_refused() -> None:
    w = world()
    acceptance, _ = build(w)
    assert (
        refused(acceptance, [signed(hop(1, acceptance), w.key(ROUTE[0]))]).code is Code.CERTIFICATE_UNTRUSTED
    )


def test_an_acceptance_signed_by_a_relay_is_refused() -> None:
    w = world()
    assert refused(signed(ACCEPTANCE, w.node_key("H48")), []).code is Code.CERTIFICATE_UNTRUSTED


def test_a_hop_that_did_not_pass_is_refused() -> None:
    w = world()
    acceptance, _ = build(w)
    bad = signed(hop(1, acceptance, verdict=Verdict.FAILED), w.node_key(ROUTE[0]))
    assert refused(acceptance, [bad]).code is Code.CHAIN_BROKEN


def test_records_of_the_wrong_kind_are_refused() -> None:
    acceptance, hops = build(world())
    assert refused(hops[0], []).code is not None
    assert refused(hops[0], [hops[0]], every=False).code is Code.CHAIN_BROKEN
    assert refused(acceptance, [acceptance, hops[0]], every=False).code is Code.CHAIN_BROKEN


@pytest.mark.parametrize("every", [True, False], ids=["every signature", "newest signature"])
def test_a_chain_that_passed_before_excuses_nothing(every: bool) -> None:
    """What the records say is remembered; that their signatures held, and that they linked, is not."""
    w = World()
    acceptance, hops = build(w)

    def verify_in(trust: Trust, records_so_far: Sequence[bytes], at: datetime = w.at) -> Chain:
        return verify_chain(
            acceptance, records_so_far, document_sha256=SHA, trust=trust, at=at, every_signature=every
        )

    verify_in(w.infrastructure_trust, hops)
    verify_in(w.infrastructure_trust, hops)
    value = hops[-1].index(b"<SignatureValue>") + 20
    letter = b"A" if hops[-1][value : value + 1] != b"A" else b"B"
    forged = hops[-1][:value] + letter + hops[-1][value + 1 :]
    for trust, presented, at, code in (
        (w.infrastructure_trust, [*hops[:-1], forged], w.at, Code.SIGNATURE_INVALID),
        (w.infrastructure_trust, [hops[1], hops[0], *hops[2:]], w.at, Code.CHAIN_BROKEN),
        (w.infrastructure_trust, hops[1:], w.at, Code.CHAIN_BROKEN),
        (w.infrastructure_trust, hops, w.at + timedelta(days=40), Code.REVOCATION_UNKNOWN),
        (w.infrastructure_trust, hops, w.at + timedelta(days=4000), Code.CERTIFICATE_EXPIRED),
        (w.trust, hops, w.at, Code.CERTIFICATE_UNTRUSTED),
        (
            w.trust_in(w.infrastructure_ca, revoked=[w.node_key(ROUTE[-1])]),
            hops,
            w.at,
            Code.CERTIFICATE_REVOKED,
        ),
    ):
        with pytest.raises(Refusal) as error:
            verify_in(trust, presented, at)
        assert error.value.code is code


def test_the_newest_signature_is_verified_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    acceptance, hops = build(world())
    seen: list[bytes] = []

    def note(data: bytes, **options: Any) -> VerifiedRecord:
        seen.append(data)
        return verify_record(data, **options)

    monkeypatch.setattr(chain, "verify_record", note)
    for _ in range(3):
        verify(acceptance, hops, every=False)
    assert seen == [hops[-1]] * 3
    seen.clear()
    for _ in range(2):
        verify(acceptance, hops)
    assert seen == [acceptance, *hops] * 2
