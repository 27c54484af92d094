"""Is the digest of a file with big attachments that of its whole canonical form, and is the tree left as it was?"""

from __future__ import annotations

import copy
import hashlib

import pytest
from lxml import etree

from lienthong.edxml.names import EDXML
from lienthong.edxml.reader import parse
from lienthong.signing.canonical import digest_document
from lienthong.signing.shape import SIGNATURE

BIG = "QUJD" * 20_000
SIGNED = '<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X>1</ds:X></ds:Signature>'


def package(*contents: str) -> bytes:
    attachments = "".join(
        f"<Attachment><ContentTransferEncoded>{content}</ContentTransferEncoded></Attachment> tail\n"
        for content in contents
    )
    return f'<edXML xmlns="{EDXML}" a="&lt;">{SIGNED} text<!-- c -->{attachments}<Z>é</Z></edXML>'.encode()


def whole(root: etree._Element) -> str:
    duplicate = copy.deepcopy(root)
    signature = next(duplicate.iter(SIGNATURE))
    parent = signature.getparent()
    assert parent is not None
    parent.text = (parent.text or "") + (signature.tail or "")
    parent.remove(signature)
    return hashlib.sha256(
        etree.tostring(duplicate, method="c14n", exclusive=True, with_comments=False)
    ).hexdigest()


@pytest.mark.parametrize(
    "contents",
    [
        pytest.param((), id="none"),
        pytest.param(("QUJD",), id="small"),
        pytest.param((BIG,), id="big"),
        pytest.param((BIG, "QUJD", BIG + "QQ==", BIG), id="several, two alike"),
        pytest.param((BIG.replace("QUJDQUJD", "QUJDQUJD\n"),), id="in lines"),
        pytest.param((BIG.replace("QUJDQUJD", "QUJDQUJD\r\n"),), id="in lines of Windows"),
        pytest.param((BIG.replace("QUJDQUJD", "QUJDQUJD&#13;\n"),), id="carriage returns written out"),
        pytest.param((BIG + "&amp;&lt;&gt;",), id="escaped"),
        pytest.param((BIG + "ễ" + BIG,), id="no base64 at all"),
        pytest.param((BIG + "<!-- c -->" + BIG,), id="a comment inside"),
        pytest.param((BIG + "<b>QUJD</b>" + BIG,), id="an element inside"),
        pytest.param((f"<![CDATA[{BIG}]]>",), id="CDATA"),
    ],
)
def test_digest_is_that_of_the_whole_canonical_form(contents: tuple[str, ...]) -> None:
    root = parse(package(*contents))
    before = etree.tostring(root)
    digest = hashlib.sha256()
    digest_document(root, digest)
    assert digest.hexdigest() == whole(root)
    assert etree.tostring(root) == before


def test_every_character_of_a_big_attachment_counts() -> None:
    first, last = parse(package(BIG, BIG)), parse(package(BIG, BIG[:-1] + "E"))
    digests = []
    for root in (first, last):
        digest = hashlib.sha256()
        digest_document(root, digest)
        digests.append(digest.hexdigest())
    assert digests[0] != digests[1]


def test_the_tree_is_put_back_when_canonicalisation_fails() -> None:
    root = parse(
        f'<edXML xmlns="{EDXML}"><ContentTransferEncoded>{BIG}</ContentTransferEncoded></edXML>'.encode()
    )
    with pytest.raises(AttributeError):
        digest_document(root, None)  # type: ignore[arg-type]  # the digest fails
    assert root[0].text == BIG
