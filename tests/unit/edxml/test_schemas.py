"""Do the schemas say the same as the code, and name the field that is wrong?"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

import lienthong_schemas
from lienthong.domain.evidence import (
    Branch,
    ContentConsignment,
    ContentHandover,
    Evidence,
    HopRecord,
    SubmissionAcceptance,
    Verdict,
)
from lienthong.edxml import names
from lienthong.edxml.reader import parse
from lienthong.edxml.repair import repair
from lienthong.edxml.schema import _element_at, check_schema, field_path
from lienthong.errors import Code, Refusal
from lienthong.signing.sign import sign_package, sign_record
from lienthong.transit import records
from tests.pki.world import world
from tests.unit.edxml.samples import changed, own

AT = datetime(2026, 11, 22, 8, 30, 0, 123456, tzinfo=UTC)
SHA = "ab" * 32
EVIDENCE: tuple[Evidence, ...] = (
    SubmissionAcceptance(
        document_id="0193-1",
        document_sha256=SHA,
        sender="H48.31.05",
        first_node="H48.31.05",
        recipients=("H48", "H48.11"),
        accepted_at=AT,
    ),
    HopRecord(
        document_id="0193-1",
        document_sha256=SHA,
        node="H48.31",
        sequence=2,
        received_at=AT,
        verdict=Verdict.PASSED,
        signer_sha256=SHA,
        next=(Branch(node="H48", recipients=("H48", "H48.11")),),
        delivered=False,
        previous_digest=SHA,
    ),
    ContentConsignment(
        document_id="0193-1", document_sha256=SHA, recipient="H48", consigned_at=AT, hop_digest=SHA
    ),
    ContentHandover(document_id="0193-1", document_sha256=SHA, recipient="H48", handed_over_at=AT),
)


def fault(data: bytes, name: str) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        check_schema(parse(data), name)
    assert refusal.value.code is Code.SCHEMA_INVALID
    return refusal.value


@pytest.mark.parametrize("name", lienthong_schemas.NAMES)
def test_every_schema_compiles_once(name: str) -> None:
    assert lienthong_schemas.schema(name) is lienthong_schemas.schema(name)


def test_other_names_are_no_schemas() -> None:
    with pytest.raises(KeyError):
        lienthong_schemas.schema("../../secret")


@pytest.mark.parametrize("evidence", EVIDENCE, ids=lambda value: type(value).__name__)
def test_records_follow_the_transit_schema(evidence: Evidence) -> None:
    check_schema(parse(records.write(evidence)), "transit/records")


@pytest.mark.parametrize("evidence", EVIDENCE, ids=lambda value: type(value).__name__)
def test_the_transit_schema_wants_every_field(evidence: Evidence) -> None:
    root = parse(records.write(evidence))
    for name in [field.name for field in dataclasses.fields(evidence) if field.name != "next"]:
        tree = parse(etree.tostring(root))
        element = tree.find(f"{{*}}{''.join(part.capitalize() for part in name.split('_'))}")
        assert element is not None
        tree.remove(element)
        fault(etree.tostring(tree), "transit/records")


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        (f"<DocumentSha256>{SHA}", f"<DocumentSha256>{SHA.upper()}", "RelayAcceptance/DocumentSha256"),
        ("08:30:00.123456Z", "08:30:00.123456", "RelayAcceptance/ReceivedAt"),
        ("PASSED", "SURE", "RelayAcceptance/Verdict"),
        ("<Sequence>2", "<Sequence>0", "RelayAcceptance/Sequence"),
        ('<Next node="H48">', "<Next>", "RelayAcceptance/Next"),
        ("<Delivered>", "<Extra/><Delivered>", "RelayAcceptance/Extra"),
    ],
)
def test_the_transit_schema_names_the_field(old: str, new: str, field: str) -> None:
    refusal = fault(changed(records.write(EVIDENCE[1]), (old, new)), "transit/records")
    assert refusal.field == field
    assert "line 1" in str(refusal.detail)


def test_signed_files_follow_the_signature_profiles() -> None:
    here = world()
    for key in (here.node_key("H48.31"), here.rsa_key):
        package = parse(sign_package(repair(own("new_junk_before_declaration.edxml")), key, at=here.at))
        check_schema(package, "edxml/strict")
        check_schema(package, "edxml/lenient")
        check_schema(parse(sign_record(records.write(EVIDENCE[1]), key, at=here.at)), "transit/records")


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("<edXML:PageAmount>2<", "<edXML:PageAmount>hai<", "MessageHeader/OtherInfo/PageAmount"),
        ("<edXML:DueDate>2020/03/20<", "<edXML:DueDate>mai<", "MessageHeader/DueDate"),
        ("DocType>0<", "DocType>mới<", "TraceHeaderList/Bussiness/BussinessDocType"),
    ],
)
def test_the_lenient_schema_names_field_and_line(old: str, new: str, field: str) -> None:
    data = changed(own("new.edxml"), (old, new))
    line = next(n for n, text in enumerate(data.decode().splitlines(), 1) if new in text)
    refusal = fault(data, "edxml/lenient")
    assert refusal.field == field
    assert str(refusal.detail).endswith(f"line {line}")
    assert "{http" not in str(refusal.detail)


def test_the_strict_schema_wants_the_sdks_order() -> None:
    data = own("new.edxml").decode()
    due = "        <edXML:DueDate>2020/03/20</edXML:DueDate>\n"
    moved = data.replace(due, "").replace("        <edXML:Code>\n", due + "        <edXML:Code>\n", 1)
    assert fault(moved.encode(), "edxml/strict").field == "MessageHeader/DueDate"
    second = data.replace("<edXML:OrganId>31.05.H48</edXML:OrganId>", "<edXML:OrganId></edXML:OrganId>")
    assert fault(second.encode(), "edxml/strict").field == "MessageHeader/To[2]/OrganId"


def test_field_paths_begin_below_the_envelope() -> None:
    root = parse(own("new.edxml"))
    assert field_path(root) == "edXML"
    element = root.find(f".//{{{names.EDXML}}}Attachment/{{{names.EDXML}}}ContentId")
    assert element is not None
    assert field_path(element) == "AttachmentEncoded/Attachment[1]/ContentId"


def test_an_unresolvable_path_falls_back_to_the_root() -> None:
    # two prefixes swap their namespaces on the way down, so libxml2's own path leads nowhere
    data = b'<edXML xmlns="u:0"><a xmlns:p="u:1"><p:b xmlns:q="u:2"><q:c/></p:b></a></edXML>'
    refusal = fault(data, "edxml/lenient")
    assert refusal.field == "edXML"
    assert _element_at(parse(data), "") is None


def test_the_strict_schemas_and_the_order_table_agree() -> None:
    """Every block of the schemas has its children in the order the repair puts them."""
    folder = lienthong_schemas.__path__[0]
    declared: dict[str, list[list[str]]] = {}
    space = {"xs": "http://www.w3.org/2001/XMLSchema"}
    types: dict[str, etree._Element] = {}
    trees = [parse(Path(folder, f"edxml/{name}.xsd").read_bytes()) for name in ("blocks", "strict", "status")]
    for tree in trees:
        types |= {str(found.get("name")): found for found in tree.findall("xs:complexType", space)}
    for tree in trees[1:]:
        for element in tree.iter("{*}element"):
            kind = element.find("xs:complexType", space)
            if kind is None:
                kind = types.get(str(element.get("type")))
            if kind is not None:
                inner = kind.findall("xs:sequence/xs:element", space)
                children = [str(found.get("name") or found.get("ref")).removeprefix("ds:") for found in inner]
                declared.setdefault(str(element.get("name")), []).append(children)
    tables = [(path.rpartition("/")[2], list(order)) for path, order in names.ORDER.items()]
    tables.append(("MessageHeader", list(names.STATUS_ORDER)))
    for name, order in tables:
        assert any(order == found for found in declared[name]), name
