"""Does the signature stand where it must, hold nothing foreign and cover everything outside itself?

Checked on the tree before any cryptography, because no engine checks it: signxml takes the first Signature anywhere,
skips transforms it does not know, and lets foreign elements sit inside ds:Signature, where the enveloped transform
leaves them unsigned. What passes here means the same thing to every reader:

- exactly one Signature in the whole file, at its one place (`find_signature`);
- no comment and no processing instruction anywhere: C14N drops comments, so text could be split or bytes added
  without touching the signature, and engines disagree about instructions outside the root;
- no id value twice under any id-like attribute (Id, ID, id, xml:id);
- inside ds:Signature only what `_GRAMMAR` lists: a Reference URI="" over the whole file and, for XAdES-B-B, one
  to its SignedProperties; no text between elements; base64 in its one canonical spelling.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final, NamedTuple, cast

from lxml import etree

from lienthong.edxml.names import DSIG, EDXML, VARIANTS
from lienthong.errors import Code, Refusal

XADES: Final = "http://uri.etsi.org/01903/v1.3.2#"
XADES141: Final = "http://uri.etsi.org/01903/v1.4.1#"
SIGNED_PROPERTIES_TYPE: Final = "http://uri.etsi.org/01903#SignedProperties"

_EDXML_ROOT: Final = f"{{{EDXML}}}edXML"
_ENVELOPE: Final = f"{{{EDXML}}}edXMLEnvelope"
_HEADER: Final = f"{{{EDXML}}}edXMLHeader"
SIGNATURE: Final = f"{{{DSIG}}}Signature"
#: certificates in X509Data: a leaf and the authorities above it
_MAX_CERTIFICATES: Final = 6
#: bytes of one, DER; the agencies' are about 2,000, and what is larger is meant to cost time
MAX_CERTIFICATE_BYTES: Final = 16_384
#: elements of a signature whose structure is remembered; XAdES-B-B has 33
_USUAL: Final = 64

_ids = etree.XPath(
    "//@*[local-name()='Id' or local-name()='ID' or local-name()='id' or local-name()='iD']",
    smart_strings=False,
)
_unseen = etree.XPath("//comment() | //processing-instruction()")


class _Text(Enum):
    """What may stand as text in an element, or behind it."""

    BLANK = 0  #: white space
    BASE64 = 1
    FREE = 2


#: the elements of a signature in the order of the file: tag, names of attributes, number of children
_Skeleton = tuple[tuple[str, tuple[str, ...], int], ...]


class _Texts(NamedTuple):
    """Elements by their number in the skeleton; a text that is not named is free."""

    base64: tuple[int, ...]
    blank: tuple[int, ...]
    blank_behind: tuple[int, ...]  #: white space only between the element's end and the next tag


class _Node(NamedTuple):
    tag: str
    attributes: tuple[str, ...]
    children: list[_Node]


@dataclass(frozen=True, slots=True)
class _Rule:
    """What one element of ds:Signature may hold: children as a pattern over their names, attributes, or text."""

    children: str = ""  #: regular expression over child names, each followed by a space
    attributes: frozenset[str] = frozenset()
    text: bool = False


def _rule(children: str = "", attributes: str = "", *, text: bool = False) -> _Rule:
    return _Rule(children, frozenset(attributes.split()), text)


#: the whole of ds:Signature (XMLDSig core 1.1 section 4, ETSI EN 319 132-1 section 4), cut down to what is accepted
_GRAMMAR: Final[dict[str, _Rule]] = {
    "ds:Signature": _rule("ds:SignedInfo ds:SignatureValue ds:KeyInfo (ds:Object )?", "Id"),
    "ds:SignedInfo": _rule("ds:CanonicalizationMethod ds:SignatureMethod (ds:Reference ){1,2}", "Id"),
    "ds:CanonicalizationMethod": _rule(attributes="Algorithm"),
    "ds:SignatureMethod": _rule(attributes="Algorithm"),
    "ds:Reference": _rule("ds:Transforms ds:DigestMethod ds:DigestValue ", "Id URI Type"),
    "ds:Transforms": _rule("(ds:Transform ){1,2}"),
    "ds:Transform": _rule(attributes="Algorithm"),
    "ds:DigestMethod": _rule(attributes="Algorithm"),
    "ds:DigestValue": _rule(text=True),
    "ds:SignatureValue": _rule(attributes="Id", text=True),
    "ds:KeyInfo": _rule("ds:X509Data ", "Id"),
    "ds:X509Data": _rule(
        f"((ds:X509IssuerSerial |ds:X509SubjectName |ds:X509SKI )*ds:X509Certificate ){{1,{_MAX_CERTIFICATES}}}"
        "(ds:X509IssuerSerial |ds:X509SubjectName |ds:X509SKI )*"
    ),
    "ds:X509Certificate": _rule(text=True),
    "ds:X509SubjectName": _rule(text=True),
    "ds:X509SKI": _rule(text=True),
    "ds:X509IssuerSerial": _rule("ds:X509IssuerName ds:X509SerialNumber "),
    "ds:X509IssuerName": _rule(text=True),
    "ds:X509SerialNumber": _rule(text=True),
    "ds:Object": _rule("xades:QualifyingProperties ", "Id"),
    "xades:QualifyingProperties": _rule("xades:SignedProperties ", "Id Target"),
}
_CHILDREN: Final = {name: re.compile(rule.children) for name, rule in _GRAMMAR.items()}
_BASE64: Final = frozenset({"ds:DigestValue", "ds:SignatureValue", "ds:X509Certificate"})
#: what peers do add and what to tell them
_REMEDIES: Final = {
    "ds:KeyValue": "the certificate in X509Data is the only source of the key; leave KeyValue out",
    "ds:Manifest": 'sign the whole file with one Reference URI="" instead of a Manifest',
    "xades:UnsignedProperties": "sign at level XAdES-B-B, without unsigned properties",
    "ec:InclusiveNamespaces": "use exclusive C14N without a PrefixList",
}
_PREFIXES: Final = {
    DSIG: "ds",
    XADES: "xades",
    XADES141: "xades141",
    "http://www.w3.org/2001/10/xml-exc-c14n#": "ec",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The parts of a signature that passed the check. `signed_properties` is None for plain XMLDSig."""

    root: etree._Element
    signature: etree._Element
    canonicalization: str
    signature_method: str
    document_reference: etree._Element
    properties_reference: etree._Element | None
    signed_properties: etree._Element | None
    certificates: tuple[bytes, ...]  #: DER, as they stand in X509Data


def package_place(root: etree._Element) -> etree._Element:
    """Where a package's signature stands: its edXMLHeader, the only one, in the only envelope of an edXML root.

    Raises XML_NOT_EDXML, or SIGNATURE_COVERAGE for a second envelope or header anywhere.
    """
    if root.tag != _EDXML_ROOT:
        variant = VARIANTS.get(etree.QName(root).namespace or "")
        detail = variant or f"the root element is {_shown(str(root.tag))}"
        raise Refusal(Code.XML_NOT_EDXML, field="edXML", detail=detail)
    return _only(root, _HEADER, _only(root, _ENVELOPE, root))


def record_place(root: etree._Element, expected: str | None) -> etree._Element:
    """Where a record's signature stands: its root, of the expected name (None: any). Raises SCHEMA_INVALID."""
    if expected is not None and root.tag != expected:
        raise Refusal(Code.SCHEMA_INVALID, field=_local(str(root.tag)), detail=f"expected {expected}")
    return root


def _only(root: etree._Element, tag: str, parent: etree._Element) -> etree._Element:
    found = list(root.iter(tag))
    if not found or found[0].getparent() is not parent:
        raise Refusal(
            Code.XML_NOT_EDXML, field=_local(tag), detail=f"{_local(tag)} does not stand at its place"
        )
    if len(found) > 1:
        detail = f"{_local(tag)} stands {len(found)} times"
        raise Refusal(Code.SIGNATURE_COVERAGE, field=_local(tag), detail=detail)
    return found[0]


def find_signature(root: etree._Element, place: etree._Element, *, last: bool) -> etree._Element:
    """The one ds:Signature, a child of `place` (`last`: its last child).

    Raises SIGNATURE_MISSING, SIGNATURE_MULTIPLE (elements named Signature in any namespace count: a reader that
    looks at local names would see two) or SIGNATURE_COVERAGE (it stands elsewhere).
    """
    found = list(root.iter("{*}Signature"))
    genuine = [element for element in found if element.tag == SIGNATURE]
    if not genuine:
        detail = "Signature stands outside the XMLDSig namespace" if found else None
        raise Refusal(Code.SIGNATURE_MISSING, field="Signature", detail=detail)
    if len(found) > 1:
        raise Refusal(
            Code.SIGNATURE_MULTIPLE, field="Signature", detail=f"{len(found)} elements named Signature"
        )
    signature = genuine[0]
    if signature.getparent() is not place or (last and signature.getnext() is not None):
        where = f"the last child of {_local(place.tag)}" if last else f"a child of {_local(place.tag)}"
        raise Refusal(Code.SIGNATURE_COVERAGE, field="Signature", detail=f"the signature must be {where}")
    return signature


def check_shape(root: etree._Element, signature: etree._Element) -> Shape:
    """Everything said in this file's head. Raises SIGNATURE_COVERAGE, or SIGNATURE_ALGORITHM_REFUSED for KeyValue."""
    check_outside(root)
    _check_grammar(signature)
    signed_info, _, key_info = signature[0], signature[1], signature[2]
    document, properties = _sort_references(list(signed_info)[2:])
    signed = _signed_properties(signature, properties)
    return Shape(
        root=root,
        signature=signature,
        canonicalization=signed_info[0].get("Algorithm", ""),
        signature_method=signed_info[1].get("Algorithm", ""),
        document_reference=document,
        properties_reference=properties,
        signed_properties=signed,
        certificates=_certificates(key_info[0]),
    )


def check_outside(root: etree._Element, *, besides: tuple[str, ...] = ()) -> None:
    """What must not stand anywhere in the file: comments, instructions, an id twice. Raises SIGNATURE_COVERAGE.

    `besides` are ids that a signature will add.
    """
    if unseen := _elements(_unseen, root):
        raise _uncovered(
            f"a comment or processing instruction on line {unseen[0].sourceline}; remove it and sign again"
        )
    ids = [str(value).strip() for value in cast("list[str]", _ids(root))]
    ids += besides
    if len(ids) != len(set(ids)):
        raise _uncovered("an id value stands twice")


def _certificates(x509_data: etree._Element) -> tuple[bytes, ...]:
    found = [
        base64.b64decode(element.text or "")
        for element in x509_data.iterchildren(f"{{{DSIG}}}X509Certificate")
    ]
    if max(map(len, found)) > MAX_CERTIFICATE_BYTES:
        detail = f"a certificate of more than {MAX_CERTIFICATE_BYTES} bytes"
        raise Refusal(Code.CERTIFICATE_UNTRUSTED, field="X509Certificate", detail=detail)
    return tuple(found)


def transforms(reference: etree._Element) -> list[str]:
    """The Algorithm of each Transform of a Reference, in order."""
    return [transform.get("Algorithm", "") for transform in reference[0]]


def _check_grammar(signature: etree._Element) -> None:
    """Its structure, which is the same for thousands of signatures, then the texts, which never are."""
    elements = list(signature.iter())
    skeleton = cast("_Skeleton", tuple((e.tag, tuple(e.keys()), len(e)) for e in elements))
    texts = _known_texts(skeleton) if len(skeleton) <= _USUAL else _check_structure(skeleton)
    for index in texts.base64:
        _check_base64(elements[index].text or "", _name(elements[index]))
    for index in texts.blank:
        if (text := elements[index].text) and text.strip():
            raise _uncovered(f"text between the elements of {_name(elements[index])}", _name(elements[index]))
    for index in texts.blank_behind:
        if (text := elements[index].tail) and text.strip():
            raise _uncovered(f"text behind {_name(elements[index])}")


def _check_structure(skeleton: _Skeleton) -> _Texts:
    """Elements and attributes against `_GRAMMAR`; which texts are limited to what."""
    kinds: list[tuple[_Text, _Text]] = []
    _check_node(_nested(iter(skeleton)), _Text.FREE, kinds)
    return _Texts(
        base64=tuple(i for i, (own, _) in enumerate(kinds) if own is _Text.BASE64),
        blank=tuple(i for i, (own, _) in enumerate(kinds) if own is _Text.BLANK),
        blank_behind=tuple(i for i, (_, behind) in enumerate(kinds) if behind is _Text.BLANK),
    )


#: a structure that was refused is not remembered, nor is one that nobody writes twice
_known_texts = lru_cache(maxsize=256)(_check_structure)


def _nested(elements: Iterator[tuple[str, tuple[str, ...], int]]) -> _Node:
    tag, attributes, children = next(elements)
    return _Node(tag, attributes, [_nested(elements) for _ in range(children)])


def _check_node(node: _Node, behind: _Text, kinds: list[tuple[_Text, _Text]]) -> None:
    name = _prefixed(node.tag)
    rule = _GRAMMAR[name]
    children = [_prefixed(child.tag) for child in node.children]
    for attribute in node.attributes:
        if attribute not in rule.attributes:
            raise _uncovered(f"attribute {attribute} of {name} is foreign to the signature", name)
    if not _CHILDREN[name].fullmatch("".join(f"{child} " for child in children)):
        raise _foreign(name, children)
    own = _Text.BLANK
    if rule.text:
        own = _Text.BASE64 if name in _BASE64 else _Text.FREE
    kinds.append((own, behind))
    for child, child_name in zip(node.children, children, strict=True):
        if child_name == "xades:SignedProperties":
            _check_properties(child, own, kinds)
        else:
            _check_node(child, own, kinds)


def _check_properties(node: _Node, behind: _Text, kinds: list[tuple[_Text, _Text]]) -> None:
    """SignedProperties are covered by their own Reference; only their namespaces are looked at."""
    if _prefixed(node.tag).partition(":")[0] not in ("ds", "xades", "xades141"):
        raise _uncovered(f"{_shown(node.tag)} is foreign to the signature", "SignedProperties")
    kinds.append((_Text.FREE, behind))
    for child in node.children:
        _check_properties(child, _Text.FREE, kinds)


def _check_base64(text: str, name: str) -> None:
    """One spelling per value: no foreign letters, which decoders skip, and no loose padding bits."""
    with suppress(binascii.Error, ValueError):
        if text and binascii.b2a_base64(binascii.a2b_base64(text), newline=False) == text.encode():
            return  # without white space
    letters = "".join(text.split())
    try:
        canonical = base64.b64encode(base64.b64decode(letters, validate=True)).decode()
    except (binascii.Error, ValueError) as error:
        raise Refusal(Code.SIGNATURE_INVALID, field=_local(name), detail="not base64") from error
    if canonical != letters or not letters:
        raise Refusal(Code.SIGNATURE_INVALID, field=_local(name), detail="not canonical base64")


def _sort_references(references: list[etree._Element]) -> tuple[etree._Element, etree._Element | None]:
    """The Reference over the whole file, and the one to SignedProperties where there is one."""
    whole = [reference for reference in references if reference.get("URI") == ""]
    parts = [reference for reference in references if reference.get("URI") != ""]
    if len(whole) != 1:
        uris = ", ".join(repr(reference.get("URI")) for reference in references)
        raise _uncovered(
            f'exactly one Reference URI="" must cover the whole file; found {uris}', "SignedInfo/Reference"
        )
    for reference in parts:
        uri = reference.get("URI", "")
        if not uri.startswith("#") or reference.get("Type") != SIGNED_PROPERTIES_TYPE:
            raise _uncovered(
                f"Reference to {uri!r}; only the XAdES SignedProperties may be one", "SignedInfo/Reference"
            )
    return whole[0], parts[0] if parts else None


def _signed_properties(signature: etree._Element, reference: etree._Element | None) -> etree._Element | None:
    """The SignedProperties element the Reference names; both or neither must be there."""
    qualifying = signature[3][0] if len(signature) > 3 else None
    if (qualifying is None) != (reference is None):
        raise _uncovered("SignedProperties and the Reference to them must both be there, or neither")
    if qualifying is None or reference is None:
        return None
    if qualifying.get("Target") != f"#{signature.get('Id')}":
        raise _uncovered("QualifyingProperties must name the signature in Target", "QualifyingProperties")
    properties: etree._Element = qualifying[0]
    if reference.get("URI") != f"#{properties.get('Id')}":
        raise _uncovered("the second Reference must name the SignedProperties", "SignedInfo/Reference")
    return properties


def _foreign(name: str, children: list[str]) -> Refusal:
    for child in children:
        if child in _REMEDIES:
            code = (
                Code.SIGNATURE_ALGORITHM_REFUSED
                if child in ("ds:KeyValue", "ec:InclusiveNamespaces")
                else None
            )
            return Refusal(
                code or Code.SIGNATURE_COVERAGE, field=_local(name), detail=f"{child}: {_REMEDIES[child]}"
            )
    return _uncovered(f"{name} holds {' '.join(children) or 'nothing'}, which is not the accepted form", name)


def _uncovered(detail: str, element: str = "Signature") -> Refusal:
    return Refusal(Code.SIGNATURE_COVERAGE, field=_local(element), detail=detail)


def _elements(path: etree.XPath, root: etree._Element) -> list[etree._Element]:
    found: list[etree._Element] = path(root)  # type: ignore[assignment]
    return found


def _name(element: etree._Element) -> str:
    return _prefixed(str(element.tag))


@lru_cache(maxsize=256)
def _prefixed(tag: str) -> str:
    qualified = etree.QName(tag)
    prefix = _PREFIXES.get(qualified.namespace or "", f"{{{qualified.namespace or ''}}}")
    return f"{prefix}:{qualified.localname}"


def _local(name: str) -> str:
    return re.split(r"[:}]", name)[-1]


def _shown(tag: str) -> str:
    qualified = etree.QName(tag)
    return (
        f"{qualified.localname} in namespace {qualified.namespace}"
        if qualified.namespace
        else qualified.localname
    )
