"""Is this XML small and plain enough to build a tree of?

Most files are small and hold tags and text alone; that can be seen from a few counts of bytes (`is_plain`). Any other
gets a streaming pass with expat (`check_bounds`) before anything else touches the bytes: canonicalisation and schema
checks cost more than linear time on hostile input (100,000 attributes on one element: 41 s; 2,000 signature
References: 20 s), and every hop would pay it again. Expat runs without network, external entities or DTDs: a DOCTYPE
ends the pass.

Why expat: it stops at the first excess, counts text without copying it, and at 1 MB needs a third of the time of an
lxml target parser when base64 is broken into lines. No callback is installed for text, comments or CDATA: their
size is the distance between two tags.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from xml.parsers import expat  # nosemgrep: a DOCTYPE, and with it every entity, is refused below

from lienthong.edxml.names import DSIG
from lienthong.errors import Code, Refusal

MIB: Final = 1_048_576
_CHUNK: Final = MIB  # bytes handed to expat at once
_XML_NAMESPACE: Final = "http://www.w3.org/XML/1998/namespace"
_ID_NAMES: Final = frozenset({"Id", "ID", "id", f"{_XML_NAMESPACE} id"})
_UNBOUND_PREFIX: Final = 27  # XML_ERROR_UNBOUND_PREFIX of expat.h
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9._~!$&'()*+,;=:@/?%#-]*")
_LONG_TEXT: Final = 16_384  #: bytes between two tags worth leaving out when they are looked for markup
#: what `is_plain` looks at: < > ! ? " and ', or < > and what is not ASCII
_NO_MARKUP: Final = bytes(set(range(256)) - set(b"<>!?\"'"))
_NO_TAGS: Final = bytes(set(range(128)) - set(b"<>"))
_PLAIN_DECLARATION = re.compile(
    rb'<\?xml version="1\.0"(?: encoding="[Uu][Tt][Ff]-8")?(?: standalone="(?:yes|no)")?\s?\?>'
)
_PLAIN_NAMESPACE = re.compile(
    rb"""xmlns(?:=|:(?![Xx][Mm][Ll])[A-Za-z_][A-Za-z0-9_.-]*=(?!""|''))(["'])"""
    rb"""((?:[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9._~!$()*+,;=:@/?%#-]*)?)\1"""
)
_RESERVED: Final = (b"http://www.w3.org/XML/1998/namespace", b"http://www.w3.org/2000/xmlns/")
_PREFIX = re.compile(rb"(?:^<|[\s\"'])([^\s\"'<>=/:]+):[^\s\"'<>=/:]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one XML file may hold. An ordinary document has 150 elements and two namespace declarations.

    A directory-wide circular (1,000 recipients) stays well inside; the times measured at each limit are below 1 s.
    """

    max_bytes: int = 100 * MIB  #: the whole file
    max_depth: int = 32  #: elements inside one another; a XAdES signature needs 13
    max_elements: int = 50_000
    max_attributes: int = 32  #: on one element
    max_attributes_total: int = 20_000
    max_namespaces: int = 10_000  #: declarations in the whole file (.NET repeats them)
    max_namespaces_in_scope: int = 32
    max_ids: int = 256  #: attributes Id, ID, id, xml:id
    max_references: int = 8  #: ds:Reference elements; a document's signature has two
    max_text: int = 4 * MIB  #: bytes between two tags, outside ContentTransferEncoded
    max_tag: int = 256 * 1024  #: bytes of one tag, comment or anything else that is read whole
    max_unpacked: int = 256 * MIB  #: bytes of all attachments together, once unpacked
    max_attachments: int = 500
    max_ratio: int = 200  #: unpacked to packed, for a zip that unpacks to more than 1 MiB


def check_bounds(data: bytes, limits: Limits = Limits()) -> None:
    """Stream through `data` and raise at the first excess; nothing is kept.

    Raises:
        Refusal: XML_TOO_LARGE, XML_TOO_DEEP, XML_DOCTYPE_REFUSED or XML_MALFORMED, with the line in the detail.
    """
    if len(data) > limits.max_bytes:
        raise Refusal(Code.XML_TOO_LARGE, detail=f"{len(data)} bytes, at most {limits.max_bytes}")
    if data[:2] in (b"\xfe\xff", b"\xff\xfe") or b"\0" in data[:4]:
        raise Refusal(Code.XML_MALFORMED, detail="the encoding must be UTF-8")
    _Pass(limits).run(data)


def is_plain(data: bytes, limits: Limits = Limits()) -> bool:
    """Whether `data` is so small and so plain that building a tree of it cannot be dear. Nearly every file is.

    Small are a few MiB: an attachment's text is read through faster than anything could be counted in it.

    Then every limit holds, but those of depth and References, which the reader counts on the tree, and libxml2 sees
    tags and text alone: no DOCTYPE (and so no entity), no comment, CDATA or instruction, one spelling of the XML
    declaration, UTF-8. Counted is what bounds the true number from above, on the bytes of markup alone, so False
    means only that `check_bounds` must look.
    """
    if len(data) > min(limits.max_bytes, limits.max_text):
        return False
    declaration = _PLAIN_DECLARATION.match(data)
    body = data[declaration.end() :] if declaration else data
    if len(data) > limits.max_tag:
        body = _without_long_texts(body, limits.max_tag)
    markup = body.translate(None, _NO_MARKUP)
    tags, quotes = markup.count(b"<"), markup.count(b'"') + markup.count(b"'")
    return (
        body[:1] in (b"<", b"\n")
        and markup.count(b">") == tags <= limits.max_elements  # a stray > would hide where tags end
        and b"\0" not in body  # of UTF-16
        and b"<!" not in markup
        and b"<?" not in markup
        and quotes // 2 <= min(limits.max_ids, limits.max_attributes_total)
        and (quotes // 2 <= limits.max_attributes or not _crowded(limits.max_attributes).search(markup))
        and (body.isascii() or _is_plain_text(body))
        and _has_plain_namespaces(body, min(limits.max_namespaces, limits.max_namespaces_in_scope))
    )


def _is_plain_text(body: bytes) -> bool:
    """UTF-8, and no letter beyond ASCII inside a tag: expat and libxml2 know different editions of XML's names."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    beyond = body.translate(None, _NO_TAGS)
    return beyond.count(b"<>") == beyond.count(b"<")


def _without_long_texts(body: bytes, longest: int) -> bytes:
    """The file without long texts that are ASCII and hold no >; empty, which is not plain, when a tag is `longest`."""
    pieces, start = [], 0
    opens = body.find(b"<")
    while opens >= 0:
        closes = body.find(b">", opens, opens + longest)
        if closes < 0:
            return b""
        opens = body.find(b"<", closes)
        if opens - closes > _LONG_TEXT:
            text = body[closes + 1 : opens]
            if text.isascii() and b">" not in text and b"\0" not in text:
                pieces.append(body[start : closes + 1])
                start = opens
    return b"".join((*pieces, body[start:]))


def _has_plain_namespaces(body: bytes, limit: int) -> bool:
    """Few declarations, each of an absolute URI and written plainly."""
    position = body.find(b"xmlns")
    for _ in range(limit):
        if position < 0:
            return True
        found = _PLAIN_NAMESPACE.match(body, position)
        if found is None or found.group(2).startswith(_RESERVED):
            return False
        position = body.find(b"xmlns", found.end())
    return position < 0


@lru_cache(maxsize=16)
def _crowded(attributes: int) -> re.Pattern[bytes]:
    """A tag with more than that many attributes, in the bytes of markup alone."""
    return re.compile(b"<[^>]{%d}" % (2 * attributes + 1))


class _Pass:
    """The counters of one pass and the callbacks that feed them."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._depth = self._elements = self._attributes = 0
        self._namespaces = self._ids = self._references = 0
        self._last = 0  # where the latest tag began
        self._in_content = False  # the latest tag opened a ContentTransferEncoded
        self._prefixes: Counter[str] = Counter()
        self._open_namespaces = 0
        parser = self._parser = expat.ParserCreate(None, " ")
        parser.ordered_attributes = True
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = self._doctype
        parser.ProcessingInstructionHandler = self._instruction
        parser.StartNamespaceDeclHandler = self._namespace
        parser.EndNamespaceDeclHandler = self._namespace_end
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end

    def run(self, data: bytes) -> None:
        view = memoryview(data)
        parser, limits = self._parser, self._limits
        position = 0
        try:
            for position in range(0, len(data), _CHUNK):
                parser.Parse(view[position : position + _CHUNK], False)
                # a tag or comment that spans chunks is scanned again for each: end it before that is felt
                pending = min(position + _CHUNK, len(data)) - max(parser.CurrentByteIndex, 0)
                if pending > limits.max_tag and self._is_markup(data):
                    raise self._excess("bytes in one tag or comment", pending, limits.max_tag)
            parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise Refusal(Code.XML_MALFORMED, detail=self._explain(error, data)) from None

    def _is_markup(self, data: bytes) -> bool:
        index = max(self._parser.CurrentByteIndex, 0)
        return data[index : index + 1] == b"<" and data[index : index + 9] != b"<![CDATA["

    def _explain(self, error: expat.ExpatError, data: bytes) -> str:
        text = f"{expat.ErrorString(error.code)}, line {error.lineno}"
        if error.code == _UNBOUND_PREFIX:
            begin = self._parser.ErrorByteIndex
            for match in _PREFIX.finditer(data[begin : data.find(b">", begin)]):
                prefix = match.group(1).decode("utf-8", "replace")
                if prefix not in ("xml", "xmlns") and not self._prefixes[prefix]:
                    return f"the prefix {prefix} is not declared, line {error.lineno}"
        return text

    def _excess(self, what: str, count: int, limit: int, code: Code = Code.XML_TOO_LARGE) -> Refusal:
        return Refusal(code, detail=f"{count} {what}, at most {limit}, line {self._parser.CurrentLineNumber}")

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.lower() not in ("utf-8", "us-ascii"):
            raise Refusal(Code.XML_MALFORMED, detail=f"the encoding must be UTF-8, not {encoding[:40]}")

    def _doctype(self, *_: object) -> None:
        raise Refusal(Code.XML_DOCTYPE_REFUSED, detail=f"line {self._parser.CurrentLineNumber}")

    def _instruction(self, target: str, _data: str) -> None:
        # the enveloped signature does cover one before the root, yet verifiers disagree on it; edXML has no use for any
        line = self._parser.CurrentLineNumber
        raise Refusal(Code.XML_MALFORMED, detail=f"processing instruction {target[:40]}, line {line}")

    def _namespace(self, prefix: str | None, uri: str | None) -> None:
        if uri and not _ABSOLUTE.fullmatch(uri):
            # canonicalisation fails on it, so such a file can be neither signed nor verified
            where = f"line {self._parser.CurrentLineNumber}"
            raise Refusal(
                Code.XML_MALFORMED, detail=f"the namespace {uri[:80]!r} is no absolute URI, {where}"
            )
        self._namespaces += 1
        self._open_namespaces += 1
        if prefix:
            self._prefixes[prefix] += 1
        limits = self._limits
        if self._namespaces > limits.max_namespaces:
            raise self._excess("namespace declarations", self._namespaces, limits.max_namespaces)
        if self._open_namespaces > limits.max_namespaces_in_scope:
            raise self._excess("namespaces in scope", self._open_namespaces, limits.max_namespaces_in_scope)

    def _namespace_end(self, prefix: str | None) -> None:
        self._open_namespaces -= 1
        if prefix:
            self._prefixes[prefix] -= 1

    def _start(self, name: str, attributes: list[str]) -> None:
        limits = self._limits
        self._check_gap()
        self._in_content = name.endswith(" ContentTransferEncoded")
        self._depth += 1
        if self._depth > limits.max_depth:
            raise self._excess("levels", self._depth, limits.max_depth, Code.XML_TOO_DEEP)
        self._elements += 1
        if self._elements > limits.max_elements:
            raise self._excess("elements", self._elements, limits.max_elements)
        if attributes:
            self._count_attributes(attributes)
        if name == f"{DSIG} Reference":
            self._references += 1
            if self._references > limits.max_references:
                raise self._excess("signature References", self._references, limits.max_references)

    def _count_attributes(self, attributes: list[str]) -> None:
        limits = self._limits
        count = len(attributes) // 2
        self._attributes += count
        if count > limits.max_attributes:
            raise self._excess("attributes on one element", count, limits.max_attributes)
        if self._attributes > limits.max_attributes_total:
            raise self._excess("attributes", self._attributes, limits.max_attributes_total)
        self._ids += sum(name in _ID_NAMES for name in attributes[::2])
        if self._ids > limits.max_ids:
            raise self._excess("ids", self._ids, limits.max_ids)

    def _end(self, _name: str) -> None:
        self._check_gap()
        self._in_content = False
        self._depth -= 1

    def _check_gap(self) -> None:
        index = self._parser.CurrentByteIndex
        gap = index - self._last
        self._last = index
        if gap > self._limits.max_text and not self._in_content:
            raise self._excess("bytes between two tags", gap, self._limits.max_text)
