"""Files as they circulate: placeholder signatures, SHA-1, wrong namespaces. Refused as they are, good once signed."""

from __future__ import annotations

from pathlib import Path

import pytest

from lienthong.domain.evidence import Verdict
from lienthong.edxml.repair import repair
from lienthong.errors import Code, Refusal
from lienthong.signing.sign import sign_package
from lienthong.signing.verify import examine_package
from tests.pki.world import world

_FOLDER = Path(__file__).parents[3] / "shared" / "samples" / "edxml"
_FILES = sorted(_FOLDER.glob("*.edxml")) if _FOLDER.is_dir() else []

_SHA1 = """<edXML xmlns="http://www.mic.gov.vn/TBT/QCVN_102_2016"><edXMLEnvelope><edXMLHeader><MessageHeader><From>
<OrganId>000.00.31.H48</OrganId></From></MessageHeader><Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo>
<CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>
<SignatureMethod Algorithm="http://www.w3.org/2000/09/xmldsig#rsa-sha1"/><Reference URI=""><Transforms>
<Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>
<Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/></Transforms>
<DigestMethod Algorithm="http://www.w3.org/2000/09/xmldsig#sha1"/><DigestValue>AAAA</DigestValue></Reference></SignedInfo>
<SignatureValue>AAAA</SignatureValue><KeyInfo><X509Data><X509SubjectName>CN=x</X509SubjectName>
<X509Certificate>MIIB</X509Certificate></X509Data></KeyInfo></Signature></edXMLHeader></edXMLEnvelope></edXML>"""


def test_placeholder_signature_with_sha1_is_refused_by_policy() -> None:
    report = examine_package(_SHA1.encode(), trust=world().trust, at=world().at)
    assert report.refusal is not None
    assert report.refusal.code is Code.SIGNATURE_ALGORITHM_REFUSED
    wrong = _SHA1.replace("http://www.w3.org/2001/10/xml-exc-c14n#", "http://www.w3.org/TR/xml-exc-c14n#")
    report = examine_package(wrong.encode(), trust=world().trust, at=world().at)
    assert report.refusal is not None
    assert report.refusal.code is Code.SIGNATURE_ALGORITHM_REFUSED


@pytest.mark.parametrize("file", _FILES, ids=lambda file: file.name)
def test_field_file_is_refused_with_a_code(file: Path) -> None:
    report = examine_package(file.read_bytes(), trust=world().trust, at=world().at)
    assert report.verdict is Verdict.FAILED
    assert report.refusal is not None


def _repairable(file: Path) -> bool:
    """Whether there is anything to sign; what cannot be repaired is edxml's to test."""
    try:
        repair(file.read_bytes())
    except Refusal:
        return False
    return True


@pytest.mark.parametrize("file", [file for file in _FILES if _repairable(file)], ids=lambda file: file.name)
def test_field_file_repaired_and_signed_keeps_its_signature(file: Path) -> None:
    """Steps 0 to 9 pass; whose file it is (10) is another question: the key here is not its sender's."""
    w = world()
    data = sign_package(repair(file.read_bytes()), w.key("H48"), at=w.at)
    report = examine_package(data, trust=w.trust, at=w.at)
    assert [step.outcome for step in report.steps[:10]] == [Verdict.PASSED] * 10
