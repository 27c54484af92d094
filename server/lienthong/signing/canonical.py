"""What is the digest of a whole file but its signature? Exclusive C14N without a second copy of big attachments.

The enveloped-signature transform works on a copy of the tree, and libxml2 canonicalises a text node as a whole, in
buffers that grow by doubling: for a package of 100 MB, four times its size. Nearly all of it is the text of
ContentTransferEncoded, which canonicalisation leaves as it is. So big ones are lifted out of the tree while it is
copied and canonicalised, each replaced by a mark nobody can guess, and put into the digest where their marks stand.
"""

from __future__ import annotations

import copy
import hashlib
import io
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from lxml import etree
from signxml.util import _remove_sig

from lienthong.edxml.names import EDXML
from lienthong.signing.shape import SIGNATURE

_CONTENT: Final = f"{{{EDXML}}}ContentTransferEncoded"
_BIG: Final = 65_536  #: characters of a text worth lifting out
_PIECE: Final = 1 << 20  #: characters encoded at once
_ESCAPED: Final = "&<>\r"  #: what C14N writes otherwise than it stands in the tree


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...


def digest_document(root: etree._Element, digest: hashlib._Hash) -> None:
    """Feed `digest` with the exclusive canonical form, without comments, of `root` without its signature.

    The tree is the same afterwards, and must be nobody else's meanwhile.
    """
    with _lifted(root) as texts:
        duplicate = _without_signature(root)
        if not texts:
            _canonicalise(duplicate, digest)
            return
        sink = io.BytesIO()
        _canonicalise(duplicate, sink)
        _fill_in(sink.getvalue(), texts, digest)


@contextmanager
def _lifted(root: etree._Element) -> Iterator[dict[bytes, str]]:
    """Take big texts that are their own canonical form out of the tree: mark -> text. Put back at the end."""
    places: list[tuple[etree._Element, str]] = []
    texts: dict[bytes, str] = {}
    try:
        for element in root.iter(_CONTENT):
            text = element.text
            if len(element) or text is None or len(text) < _BIG or any(char in text for char in _ESCAPED):
                continue
            mark = secrets.token_hex(32)
            places.append((element, text))
            element.text = mark
            texts[mark.encode()] = text
        yield texts
    finally:
        texts.clear()
        while places:
            element, text = places.pop()
            element.text = text


def _fill_in(canonical: bytes, texts: dict[bytes, str], digest: _Digest) -> None:
    """The canonical form with each text where its mark stands; in document order, as they were taken."""
    position = 0
    for mark, text in texts.items():
        found = canonical.index(mark, position)
        digest.update(canonical[position:found])
        for start in range(0, len(text), _PIECE):
            digest.update(text[start : start + _PIECE].encode())
        position = found + len(mark)
    digest.update(canonical[position:])


def _canonicalise(root: etree._Element, sink: _Digest | io.BytesIO) -> None:
    """Exclusive C14N without comments, straight into the sink: no second copy of the file in memory."""
    writer = sink if isinstance(sink, io.BytesIO) else _Writer(sink)
    etree.ElementTree(root).write_c14n(writer, exclusive=True, with_comments=False)  # type: ignore[arg-type, call-arg]


class _Writer:
    """A digest libxml2 can write to."""

    def __init__(self, digest: _Digest) -> None:
        self.write = digest.update


def _without_signature(root: etree._Element) -> etree._Element:
    """The enveloped-signature transform, on a copy.

    Not lifted out and put back: libxml2 drops declarations it finds redundant when an element is moved, and with them
    the prefixes that SignedProperties were digested with. The copy is plain memory, without parsing.
    """
    duplicate = copy.deepcopy(root)
    signature = next(duplicate.iter(SIGNATURE), None)
    if signature is not None:  # None: it is to be signed now
        _remove_sig(signature)  # type: ignore[no-untyped-call]  # keeps the text behind it, which is covered
    return duplicate
