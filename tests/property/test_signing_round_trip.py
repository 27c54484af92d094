"""Whatever we sign verifies: its shape is proved once per key, so every file that is signed has to show it here."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree

from lienthong.edxml.names import DSIG
from lienthong.edxml.reader import parse
from lienthong.errors import Code, Refusal
from lienthong.signing import sign
from lienthong.signing.keys import SigningKey
from lienthong.signing.shape import XADES, check_shape
from lienthong.signing.sign import sign_record
from lienthong.signing.trust import Revocation
from lienthong.signing.verify import verify_record
from tests.conformance.signxml_engine import signxml_accepts
from tests.pki.forge import canonical
from tests.pki.world import world

_NAMESPACES = ["urn:lienthong:transit:1", "urn:x", DSIG, XADES]
_PREFIXES = [None, "ds", "xades", "a"]
_text = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12),
    st.sampled_from(
        ["", " ", "\t\n", "\r", "]]>", "<!--signature-->", "{value}", "&amp;", "</Signature>", "\u0085", "é"]
    ),
)
_names = st.sampled_from(["SignedInfo", "Object", "a", "Recipient", "DigestValue"])


@st.composite
def _elements(draw: st.DrawFn, depth: int = 3) -> etree._Element:
    nsmap = draw(st.dictionaries(st.sampled_from(_PREFIXES), st.sampled_from(_NAMESPACES), max_size=3))
    namespace = draw(st.sampled_from([*nsmap.values(), None]))
    name = draw(_names)
    element = etree.Element(f"{{{namespace}}}{name}" if namespace else name, nsmap=nsmap)  # type: ignore[arg-type]
    if draw(st.booleans()):
        element.set(draw(st.sampled_from(["b", "{urn:x}b", "{urn:y}c"])), draw(_text))
    element.text = draw(_text)
    for _ in range(draw(st.integers(0, 2 if depth else 0))):
        child = draw(_elements(depth=depth - 1))
        child.tail = draw(_text)
        element.append(child)
    return element


def _keys() -> dict[str, SigningKey]:
    w = world()
    below = w.agency_ca.subordinate("below", at=w.at)
    return {
        "p256": w.key("H48.31"),
        "p384": w.issue("P-384", key_type="p384").signing_key,
        "rsa": w.rsa_key,
        "below": below.issue("x", at=w.at).signing_key,
    }


KEYS = _keys()


@settings(max_examples=400, deadline=None)
@given(_elements(), st.sampled_from(sorted(KEYS)))
@example(etree.Element("a"), "p256")
def test_what_is_signed_has_the_shape_verifies_here_and_with_signxml(root: etree._Element, name: str) -> None:
    w = world()
    unsigned, key = etree.tostring(root, encoding="UTF-8"), KEYS[name]
    data = sign_record(unsigned, key, at=w.at)
    tree = parse(data)
    check_shape(tree, tree[-1])
    trust = w.trust_in(w.agency_ca, revocation=Revocation.WHEN_PRESENT)
    proof = verify_record(data, trust=trust, at=w.at, root=str(tree.tag))
    assert proof.signer.sha256 == key.certificate_sha256
    assert signxml_accepts(data, key.certificate)
    assert canonical(data) == etree.tostring(parse(unsigned), method="c14n", exclusive=True)


def test_the_written_text_has_the_digested_canonical_form() -> None:
    values = {name: name for name in ("method", "document", "properties", "time", "certificate")}
    shell = f'<Signature xmlns="{DSIG}" xmlns:xades="{XADES}">%s</Signature>'
    for template in (sign._SIGNED_INFO, sign._PROPERTIES):
        element = parse((shell % template.written.format(**values)).encode())[0]
        octets = etree.tostring(element, method="c14n", exclusive=True)
        assert octets.decode() == template.canonical.format(**values)


def test_a_root_with_an_id_is_signed_as_a_whole() -> None:
    w = world()
    data = sign_record(b'<a Id="root"><b/></a>', w.node_key("H48"), at=w.at)
    verify_record(data, trust=w.infrastructure_trust, at=w.at, root="a")
    assert b' URI="">' in data


def test_a_key_whose_signatures_would_be_refused_signs_nothing() -> None:
    w = world()
    key = w.key("H48")
    long = SigningKey(
        private_key=key.private_key,
        certificate=key.certificate,
        chain=tuple(w.agency_ca.subordinate(f"ca {n}", at=w.at).certificate for n in range(6)),
    )
    for _ in range(2):
        with pytest.raises(Refusal) as caught:
            sign_record(b"<a/>", long, at=w.at)
        assert caught.value.code is Code.SIGNATURE_COVERAGE
    sign_record(b"<a/>", key, at=w.at)
