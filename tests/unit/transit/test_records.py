"""Evidence as XML: what is written is read back, follows the schema, and anything else is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from lienthong.domain.evidence import (
    Branch,
    ContentConsignment,
    ContentConsignmentFailure,
    ContentHandover,
    ContentHandoverFailure,
    Evidence,
    EvidenceKind,
    HopRecord,
    SubmissionAcceptance,
    Verdict,
)
from lienthong.edxml.reader import parse
from lienthong.errors import Code, Refusal
from lienthong.signing.sign import sign_record
from lienthong.transit import records
from lienthong_schemas import schema
from tests.pki.world import world

AT = datetime(2026, 3, 2, 2, 30, 0, 123456, tzinfo=UTC)
SHA = "ab" * 32

EVIDENCE: list[Evidence] = [
    SubmissionAcceptance(
        document_id="d", document_sha256=SHA, sender="H48.31.05", first_node="H48.31.05",
        recipients=("H48.11", "H48.33.02"), accepted_at=AT,
    ),
    HopRecord(
        document_id="d", document_sha256=SHA, node="H48", sequence=3, received_at=AT, verdict=Verdict.PASSED,
        signer_sha256=SHA, delivered=True, previous_digest=SHA,
        next=(Branch(node="H48.11", recipients=("H48.11",)), Branch(node="H48.33", recipients=("H48.33.02",))),
    ),
    HopRecord(
        document_id="d", document_sha256=SHA, node="H48.11", sequence=4, received_at=AT, verdict=Verdict.PASSED,
        signer_sha256=SHA, next=(), delivered=True, previous_digest=SHA,
    ),
    ContentConsignment(document_id="d", document_sha256=SHA, recipient="H48.11", consigned_at=AT, hop_digest=SHA),
    ContentHandover(document_id="d", document_sha256=SHA, recipient="H48.11", handed_over_at=AT),
    ContentConsignmentFailure(
        document_id="d", document_sha256=SHA, recipient="H48.11", node="H48", outcome="WITHDRAWN",
        reason="Gửi nhầm", failed_at=AT,
    ),
    ContentHandoverFailure(
        document_id="d", document_sha256=SHA, recipient="H48.11", outcome="EXPIRED", reason="72 giờ", failed_at=AT
    ),
]  # fmt: skip


@pytest.mark.parametrize("evidence", EVIDENCE, ids=lambda e: type(e).__name__)
def test_what_is_written_is_read_back(evidence: Evidence) -> None:
    assert records.read(parse(records.write(evidence))) == evidence


@pytest.mark.parametrize("evidence", EVIDENCE, ids=lambda e: type(e).__name__)
def test_signed_records_follow_the_schema(evidence: Evidence) -> None:
    signed = sign_record(records.write(evidence), world().node_key("H48"), at=world().at)
    root = parse(signed)
    schema("transit/records").assertValid(root)
    assert records.read(root) == evidence


def test_a_field_left_out_is_named() -> None:
    root = parse(records.write(EVIDENCE[1]))
    root.remove(root[3])
    with pytest.raises(Refusal) as refused:
        records.read(root)
    assert (refused.value.code, refused.value.field) == (Code.SCHEMA_INVALID, "Sequence")


def test_a_foreign_element_is_refused() -> None:
    root = parse(records.write(EVIDENCE[3]))
    etree.SubElement(root, "{urn:lienthong:transit:1}Extra").text = "x"
    with pytest.raises(Refusal) as refused:
        records.read(root)
    assert refused.value.code is Code.SCHEMA_INVALID


@pytest.mark.parametrize(
    ("element", "text"),
    [
        ("Sequence", "three"),
        ("Delivered", "yes"),
        ("Verdict", "FINE"),
        ("ReceivedAt", "2026-03-02"),
        ("Node", ""),
    ],
)
def test_an_unreadable_value_is_named(element: str, text: str) -> None:
    root = parse(records.write(EVIDENCE[1]))
    found = root.find(f"{{*}}{element}")
    assert found is not None
    found.text = text
    with pytest.raises(Refusal) as refused:
        records.read(root)
    assert (refused.value.code, refused.value.field) == (Code.SCHEMA_INVALID, element)


def test_elements_inside_a_plain_value_are_refused() -> None:
    root = parse(records.write(EVIDENCE[4]))
    etree.SubElement(root[0], "{urn:lienthong:transit:1}Node")
    with pytest.raises(Refusal):
        records.read(root)


def test_a_branch_without_a_node_and_an_empty_recipient_are_refused() -> None:
    root = parse(records.write(EVIDENCE[1]))
    nameless, empty = root.findall("{*}Next")
    del nameless.attrib["node"]
    with pytest.raises(Refusal, match="missing"):
        records.read(root)
    nameless.set("node", "H48.11")
    empty[0].text = None
    with pytest.raises(Refusal, match="not a list of codes"):
        records.read(root)


def test_another_root_is_not_evidence() -> None:
    with pytest.raises(Refusal) as refused:
        records.kind_of(etree.Element("other"))
    assert refused.value.code is Code.SCHEMA_INVALID
    assert records.kind_of(parse(records.write(EVIDENCE[0]))) is EvidenceKind.SUBMISSION_ACCEPTANCE


@given(
    codes=st.lists(
        st.from_regex(r"[A-Z]\d\d(\.[A-Z0-9]{1,4}){0,3}", fullmatch=True), min_size=1, unique=True
    ),
    sequence=st.integers(min_value=1, max_value=99),
)
def test_any_branches_survive_the_round_trip(codes: list[str], sequence: int) -> None:
    hop = HopRecord(
        document_id="d",
        document_sha256=SHA,
        node="H48",
        sequence=sequence,
        received_at=AT,
        verdict=Verdict.PASSED,
        signer_sha256=SHA,
        next=tuple(Branch(node=code, recipients=(code,)) for code in sorted(codes)),
        delivered=False,
        previous_digest=SHA,
    )
    assert records.read(parse(records.write(hop))) == hop


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02T02:30:00.1Z",
        "2026-03-02T02:30:00Z",
        "2026-03-02T02:30:00.123456+00:00",
        "2026-13-02T02:30:00.000000Z",
    ],
)
def test_a_time_has_one_spelling(text: str) -> None:
    root = parse(records.write(EVIDENCE[4]).replace(b"2026-03-02T02:30:00.123456Z", text.encode()))
    with pytest.raises(Refusal) as refused:
        records.read(root)
    assert refused.value.field == "HandedOverAt"


@given(
    st.text(
        st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), include_characters="\t\n\r"), min_size=1
    )
)
def test_any_text_is_escaped_as_a_library_would(text: str) -> None:
    written = records.write(
        HopRecord(
            document_id=text, document_sha256=SHA, node="H48", sequence=1, received_at=AT, verdict=Verdict.PASSED,
            signer_sha256=SHA, delivered=True, previous_digest=SHA, next=(Branch(node=text, recipients=("H48", text)),),
        )
    )  # fmt: skip
    root = parse(written)
    assert etree.tostring(root, encoding="utf-8") == written
    read = records.read(root)
    assert isinstance(read, HopRecord)
    assert (read.document_id, read.next[0].node, read.next[0].recipients[1]) == (text, text, text)


def test_what_xml_cannot_carry_is_not_written() -> None:
    changes: list[dict[str, Any]] = [{"document_id": "a\x00"}, {"recipient": "\ufffe"}]
    for change in changes:
        with pytest.raises(Refusal) as refused:
            records.write(replace(EVIDENCE[4], **change))
        assert refused.value.code is Code.SCHEMA_INVALID


def test_the_same_bytes_are_read_once_and_others_anew() -> None:
    xml = records.write(EVIDENCE[1])
    assert records.read_bytes(xml) is records.read_bytes(bytes(bytearray(xml)))
    assert records.read_bytes(xml) == EVIDENCE[1]
    changed = records.read_bytes(xml.replace(b">H48<", b">H49<"))
    assert isinstance(changed, HopRecord)
    assert changed.node == "H49"
    for _ in range(2):
        with pytest.raises(Refusal):
            records.read_bytes(xml.replace(b"<Sequence>3", b"<Sequence>x"))
