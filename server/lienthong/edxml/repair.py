"""How does a sloppy field file become strict edXML that can be signed?

Taken off: bytes before the first `<` and blanks after the last `>`, byte order mark, XML declaration, processing
instructions and comments before the root; every legacy signature block (Signature in either namespace,
DigitalSignature); comments, which mean nothing in edXML and split values for careless readers; blocks and typed values
that say nothing.

Put right: prefixes, order of elements, dates, booleans, NFC and outer blanks of values, base64 without line breaks,
files that were not zip-wrapped.

Kept: everything else. Elements edXML does not know stand after their known siblings as they were (exclusive C14N
without comments), attributes stay where they were. Text between the children of a block is refused: no reader would
see it, and signing should not lose it in silence.

`repair(repair(x)) == repair(x)`; the result reads as the same package.
"""

from __future__ import annotations

import re
from typing import Final

from lxml import etree

from lienthong.edxml.attachments import decode_content
from lienthong.edxml.bounds import Limits
from lienthong.edxml.fields import Block, invalid, moment, normalise, says_something, whole_text
from lienthong.edxml.names import DSIG, EDXML, ORDER, STATUS_ORDER, is_element, local_name
from lienthong.edxml.reader import parse, read_package
from lienthong.edxml.strict import Layout, attribute
from lienthong.edxml.writer import day, timestamp
from lienthong.edxml.zipwrap import find_wrapping, wrap

_DEFAULT: Final = Limits()
_PROLOG = re.compile(rb"(?:\s+|<\?(?:[^?]|\?(?!>))*\?>|<!--(?:[^-]|-(?!->))*-->)*", re.DOTALL)
_MAX_PROLOG: Final = 65_536  # bytes before the root that are looked at
_NAME = re.compile(r"^<[^\s/>]+")
_ENCODING = re.compile(rb"<\?xml[^>]{0,80}?encoding\s*=\s*[\"']([\w.:-]{1,40})[\"']")
_MISDECLARED: Final = (b"utf-8", b"utf8", b"utf-16", b"unicode", b"us-ascii")
_STRUCTURE: Final = frozenset(
    ("edXML", "edXMLEnvelope", "edXMLHeader", "MessageHeader", "edXMLBody", "edXMLManifest")
)
_SIGNATURES: Final = frozenset(
    (f"{{{DSIG}}}Signature", f"{{{EDXML}}}Signature", f"{{{EDXML}}}DigitalSignature", "Signature")
)
_DATES: Final = frozenset(("PromulgationInfo/PromulgationDate", "MessageHeader/DueDate"))
_TYPED: Final = frozenset(
    ("DueDate", "Priority", "PromulgationAmount", "PageAmount", "Direction", "SteeringType", "TypeDetail",
     "DocumentInfo", "DocumentReceiver", "Paper")
)  # fmt: skip
_BOOLEANS: Final = {
    "Direction": ("false", "true"),
    "DocumentInfo": ("0", "1"),
    "DocumentReceiver": ("0", "1"),
}
_TOP: Final = frozenset(("edXML", "edXMLEnvelope", "edXMLHeader", "edXMLBody"))


def repair(data: bytes, limits: Limits = _DEFAULT) -> bytes:
    """Strict unsigned edXML with the same content.

    Raises:
        Refusal: whatever `read` raises for a file that cannot be read even so (an undeclared prefix, a missing
            field), ATTACHMENT_MISMATCH and ATTACHMENT_BOMB for files that cannot be wrapped.
    """
    root = parse(_trim(data), limits)
    read_package(root)
    out = Layout()
    _block(out, root, "edXML")
    return out.data()


def _trim(data: bytes) -> bytes:
    """The root element alone, as UTF-8. A DOCTYPE is left for the parser to refuse."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        data = data.decode("utf-16", "replace").encode()
    data = data.rstrip(b"\0\x1a \t\r\n")
    data = data[max(data.find(b"<"), 0) :]
    declared = _ENCODING.match(data)
    if declared and declared.group(1).lower() not in _MISDECLARED:
        return data  # refused by name when parsed
    prolog = _PROLOG.match(data, 0, _MAX_PROLOG)
    end = prolog.end() if prolog else 0
    return b"\n" * data.count(b"\n", 0, end) + data[end:]  # refusals name lines as the sender counts them


def _block(out: Layout, element: etree._Element, path: str) -> None:
    """Write a known block, its known children in the SDK's order, the unknown ones after them."""
    name = path.rpartition("/")[2]
    order = ORDER[path]
    if path == "MessageHeader" and any(local_name(child.tag) == "StatusCode" for child in element):
        order = STATUS_ORDER
    _refuse_stray_text(element, path)
    attributes = _attributes(element, path)
    if name == "edXMLManifest" and element.get("version") is None:
        attributes = ' version="1.0"' + attributes
    out.open(name, attributes)
    children = [child for child in element if is_element(child) and child.tag not in _SIGNATURES]
    rank = {child_name: index for index, child_name in enumerate(order)}
    # a stable sort keeps repeated and unknown elements in the order they came
    for child in sorted(children, key=lambda item: rank.get(local_name(item.tag) or "", len(rank))):
        child_name = local_name(child.tag)
        if child_name not in rank or child_name is None:
            out.foreign(_verbatim(child))
        else:
            _child(out, child, child_name, child_name if path in _TOP else f"{path}/{child_name}")
    out.close()


def _child(out: Layout, element: etree._Element, name: str, path: str) -> None:
    if path in ORDER:
        if name in _STRUCTURE or not _is_void(element, path):
            _block(out, element, path)
    elif name == "ContentTransferEncoded":
        out.content(_wrapped(element), _attributes(element, path))
    elif name not in _TYPED or says_something(element) or element.attrib:
        out.leaf(name, _value(element, name, path), _attributes(element, path))


def _value(element: etree._Element, name: str, path: str) -> str:
    text = normalise(whole_text(element))
    when = moment(text)
    if when is not None and path.endswith(tuple(_DATES)):
        return day(when.date())
    if when is not None and name == "Timestamp":
        return timestamp(when)
    if name in _BOOLEANS and text:
        return _BOOLEANS[name][text.lower() in ("1", "true")]
    if name == "StatusCode":
        return text.zfill(2)
    return text


def _is_void(element: etree._Element, path: str) -> bool:
    """Whether a block holds nothing: no text, no attribute, no element edXML does not know."""
    if element.attrib or says_something(element):
        return False
    for child in element:
        if not is_element(child):
            continue
        name = local_name(child.tag)
        if child.attrib or name not in ORDER[path]:
            return False
        inner = name if path in _TOP else f"{path}/{name}"
        if inner in ORDER and not _is_void(child, inner):
            return False
    return True


def _wrapped(element: etree._Element) -> bytes:
    """A zip-wrapped file, wrapped now if it was not."""
    parent = element.getparent()
    path = "AttachmentEncoded/Attachment"
    name = (Block(parent, path).text("AttachmentName") if parent is not None else None) or ""
    data = decode_content(element, f"{path}/ContentTransferEncoded")
    return data if find_wrapping(data, name, path) is not None else wrap(data, name)


def _verbatim(element: etree._Element) -> str:
    """An element edXML does not know, on its own feet. Prefixes in scope stay, for QNames in its values."""
    prefixes = sorted(prefix for prefix in element.nsmap if prefix and prefix != "edXML")
    markup: bytes = etree.tostring(
        element,
        method="c14n",
        exclusive=True,
        with_comments=False,
        inclusive_ns_prefixes=prefixes or None,
    )
    text = markup.decode()
    declares = element.prefix is None and etree.QName(element).namespace is not None
    if not declares and any(
        is_element(node) and etree.QName(node).namespace is None for node in element.iter()
    ):
        # elements without namespace would fall into the default namespace of the place they are put in
        text = _NAME.sub(r'\g<0> xmlns=""', text, count=1)
    return text


def _attributes(element: etree._Element, path: str) -> str:
    """The element's attributes as markup, each foreign prefix declared on the spot."""
    parts: list[str] = []
    declared: dict[str, str] = {"http://www.w3.org/XML/1998/namespace": "xml"}
    prefixes = {uri: prefix for prefix, uri in element.nsmap.items() if prefix}
    for key, value in element.attrib.items():
        name = etree.QName(str(key))
        if name.namespace is None:
            parts.append(attribute(name.localname, str(value), path))
            continue
        if name.namespace not in declared:
            prefix = prefixes.get(name.namespace, "")
            if not prefix or prefix == "edXML" or prefix in declared.values():
                prefix = f"ns{len(declared)}"
            declared[name.namespace] = prefix
            parts.append(attribute(f"xmlns:{prefix}", name.namespace, path))
        parts.append(attribute(f"{declared[name.namespace]}:{name.localname}", str(value), path))
    return "".join(parts)


def _refuse_stray_text(element: etree._Element, path: str) -> None:
    for text in (element.text, *(child.tail for child in element)):
        if text and not text.isspace():
            raise invalid(path, f"has text between its elements: {text.strip()[:40]!r}", element)
