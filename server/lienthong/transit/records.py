"""How evidence is written as XML and read back: `urn:lienthong:transit:1`, before signing and after verifying.

One table, `_FIELDS`, says which elements each kind has, in schema order; schemas/lienthong_schemas/transit/
says the same as XSD. Times are UTC with microseconds and `Z`. Signing is `signing.sign_record`.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

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
from lienthong.errors import Code, Refusal

NAMESPACE = "urn:lienthong:transit:1"
_SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}Signature"

_KINDS: dict[EvidenceKind, type[Any]] = {
    EvidenceKind.SUBMISSION_ACCEPTANCE: SubmissionAcceptance,
    EvidenceKind.RELAY_ACCEPTANCE: HopRecord,
    EvidenceKind.CONTENT_CONSIGNMENT: ContentConsignment,
    EvidenceKind.CONTENT_HANDOVER: ContentHandover,
    EvidenceKind.CONTENT_CONSIGNMENT_FAILURE: ContentConsignmentFailure,
    EvidenceKind.CONTENT_HANDOVER_FAILURE: ContentHandoverFailure,
}
_NAMES = {cls: kind for kind, cls in _KINDS.items()}

#: field of the dataclass -> element; the dataclasses' own order is the schema's order
_FIELDS: dict[type[Any], tuple[tuple[str, str], ...]] = {
    cls: tuple((f.name, "".join(part.capitalize() for part in f.name.split("_"))) for f in fields(cls))
    for cls in _KINDS.values()
}


def root_name(kind: EvidenceKind) -> str:
    """The qualified name of the root element, as `signing.verify_record` wants it."""
    return f"{{{NAMESPACE}}}{kind.value}"


def kind_of(root: etree._Element) -> EvidenceKind:
    """Which kind a root element is; `Refusal` SCHEMA_INVALID for anything else."""
    for kind in EvidenceKind:
        if root.tag == root_name(kind):
            return kind
    raise Refusal(Code.SCHEMA_INVALID, field=str(root.tag), detail="not an evidence record")


def write(evidence: Evidence) -> bytes:
    """The unsigned record as UTF-8 XML without a declaration."""
    cls = type(evidence)
    namespaces: dict[Any, str] = {None: NAMESPACE}  # lxml's stubs do not know the default namespace
    root = etree.Element(root_name(_NAMES[cls]), nsmap=namespaces)
    for name, element in _FIELDS[cls]:
        value = getattr(evidence, name)
        if name == "next":
            for branch in value:
                _write_branch(root, branch)
        elif name == "recipients":
            _write_codes(etree.SubElement(root, _q(element)), value)
        else:
            etree.SubElement(root, _q(element)).text = _to_text(value)
    return etree.tostring(root, encoding="utf-8")


def read(root: etree._Element) -> Evidence:
    """The record under a verified root. Raises `Refusal` SCHEMA_INVALID naming the element."""
    cls = _KINDS[kind_of(root)]
    children = [child for child in root if child.tag != _SIGNATURE]
    position = 0
    values: dict[str, Any] = {}
    for name, element in _FIELDS[cls]:
        if name == "next":
            branches: list[Branch] = []
            while position < len(children) and children[position].tag == _q(element):
                branches.append(_read_branch(children[position]))
                position += 1
            values[name] = tuple(branches)
            continue
        if position >= len(children) or children[position].tag != _q(element):
            raise Refusal(Code.SCHEMA_INVALID, field=element, detail="missing or out of order")
        child = children[position]
        values[name] = _read_codes(child) if name == "recipients" else _from_text(name, element, child)
        position += 1
    if position != len(children):
        raise Refusal(Code.SCHEMA_INVALID, field=str(children[position].tag), detail="not expected here")
    record: Evidence = cls(**values)
    return record


def _q(element: str) -> str:
    return f"{{{NAMESPACE}}}{element}"


def _write_branch(root: etree._Element, branch: Branch) -> None:
    element = etree.SubElement(root, _q("Next"), node=branch.node)
    _write_codes(element, branch.recipients)


def _write_codes(parent: etree._Element, codes: tuple[str, ...]) -> None:
    for code in codes:
        etree.SubElement(parent, _q("Recipient")).text = code


def _read_branch(element: etree._Element) -> Branch:
    node = element.get("node")
    if not node:
        raise Refusal(Code.SCHEMA_INVALID, field="Next/@node", detail="missing")
    return Branch(node=node, recipients=_read_codes(element))


def _read_codes(element: etree._Element) -> tuple[str, ...]:
    if any(child.tag != _q("Recipient") or not child.text for child in element):
        raise Refusal(Code.SCHEMA_INVALID, field="Recipient", detail="not a list of codes")
    return tuple(str(child.text) for child in element)


def _to_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _from_text(name: str, element: str, child: etree._Element) -> object:
    text = child.text or ""
    if len(child):
        raise Refusal(Code.SCHEMA_INVALID, field=element, detail="plain text expected")
    try:
        if name.endswith("_at"):
            return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
        if name == "sequence":
            return int(text)
        if name == "delivered":
            return {"true": True, "false": False}[text]
        if name == "verdict":
            return Verdict(text)
    except (ValueError, KeyError) as error:
        raise Refusal(Code.SCHEMA_INVALID, field=element, detail=f"unreadable value {text!r}") from error
    if not text:
        raise Refusal(Code.SCHEMA_INVALID, field=element, detail="empty")
    return text
