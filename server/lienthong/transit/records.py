"""How evidence is written as XML and read back: `urn:lienthong:transit:1`, before signing and after verifying.

One table, `_FIELDS`, says which elements each kind has, in schema order; schemas/lienthong_schemas/transit/
says the same as XSD. Times are UTC with microseconds and `Z`. Signing is `signing.sign_record`.
"""

from __future__ import annotations

import re
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
from lienthong.domain.ids import sha256_hex
from lienthong.edxml.reader import parse
from lienthong.edxml.strict import attribute, escape
from lienthong.errors import Code, Refusal
from lienthong.signing.memory import Memory

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

#: field of the dataclass, element, qualified name; the dataclasses' own order is the schema's order
_FIELDS: dict[type[Any], tuple[tuple[str, str, str], ...]] = {
    cls: tuple(
        (f.name, element, f"{{{NAMESPACE}}}{element}")
        for f in fields(cls)
        for element in ["".join(part.capitalize() for part in f.name.split("_"))]
    )
    for cls in _KINDS.values()
}
_RECIPIENT = f"{{{NAMESPACE}}}Recipient"
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_PLAIN = re.compile(r"[A-Za-z0-9._:-]*")  # nothing to escape
_read: Memory[Evidence] = Memory(512)


def root_name(kind: EvidenceKind) -> str:
    """The qualified name of the root element, as `signing.verify_record` wants it."""
    return f"{{{NAMESPACE}}}{kind.value}"


_ROOTS = {root_name(kind): kind for kind in EvidenceKind}


def kind_of(root: etree._Element) -> EvidenceKind:
    """Which kind a root element is; `Refusal` SCHEMA_INVALID for anything else."""
    kind = _ROOTS.get(str(root.tag))
    if kind is None:
        raise Refusal(Code.SCHEMA_INVALID, field=str(root.tag), detail="not an evidence record")
    return kind


def write(evidence: Evidence) -> bytes:
    """The unsigned record as UTF-8 XML without a declaration. SCHEMA_INVALID for what XML cannot carry."""
    cls = type(evidence)
    kind = _NAMES[cls].value
    parts = [f'<{kind} xmlns="{NAMESPACE}">']
    for name, element, _ in _FIELDS[cls]:
        value = getattr(evidence, name)
        if name == "next":
            for branch in value:
                node = attribute("node", branch.node, element)
                parts.append(_block("Next", node, _codes(branch.recipients)))
        elif name == "recipients":
            parts.append(_block(element, "", _codes(value)))
        else:
            parts.append(_block(element, "", escape(_to_text(value), element)))
    parts.append(f"</{kind}>")
    return "".join(parts).encode()


def read_bytes(xml: bytes, root: etree._Element | None = None) -> Evidence:
    """What a record says, signed or not; `root`, if at hand, is its tree. Proves nothing about it.

    The same bytes are read once. Raises `Refusal`: the XML_* codes, or SCHEMA_INVALID naming the element.
    """
    return _read.recall(sha256_hex(xml), len(xml), lambda: read(parse(xml) if root is None else root))


def read(root: etree._Element) -> Evidence:
    """The record under a verified root. Raises `Refusal` SCHEMA_INVALID naming the element."""
    cls = _KINDS[kind_of(root)]
    children = [child for child in root if child.tag != _SIGNATURE]
    position = 0
    values: dict[str, Any] = {}
    for name, element, qualified in _FIELDS[cls]:
        if name == "next":
            branches: list[Branch] = []
            while position < len(children) and children[position].tag == qualified:
                branches.append(_read_branch(children[position]))
                position += 1
            values[name] = tuple(branches)
            continue
        if position >= len(children) or children[position].tag != qualified:
            raise Refusal(Code.SCHEMA_INVALID, field=element, detail="missing or out of order")
        child = children[position]
        values[name] = _read_codes(child) if name == "recipients" else _from_text(name, element, child)
        position += 1
    if position != len(children):
        raise Refusal(Code.SCHEMA_INVALID, field=str(children[position].tag), detail="not expected here")
    record: Evidence = cls(**values)
    return record


def _block(element: str, attributes: str, content: str) -> str:
    return f"<{element}{attributes}>{content}</{element}>"


def _codes(codes: tuple[str, ...]) -> str:
    if not _PLAIN.fullmatch("".join(codes)):
        codes = tuple(escape(code, "Recipient") for code in codes)
    return "".join([f"<Recipient>{code}</Recipient>" for code in codes])


def _read_branch(element: etree._Element) -> Branch:
    node = element.get("node")
    if not node:
        raise Refusal(Code.SCHEMA_INVALID, field="Next/@node", detail="missing")
    return Branch(node=node, recipients=_read_codes(element))


def _read_codes(element: etree._Element) -> tuple[str, ...]:
    codes = [child.text or "" for child in element.iterchildren(_RECIPIENT)]
    if len(codes) != len(element) or not all(codes):
        raise Refusal(Code.SCHEMA_INVALID, field="Recipient", detail="not a list of codes")
    return tuple(codes)


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
            return _instant(text)
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


def _instant(text: str) -> datetime:
    """UTC with microseconds, exactly as written here. Raises ValueError."""
    if not _INSTANT.fullmatch(text):
        raise ValueError("not a time in UTC with microseconds")
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
