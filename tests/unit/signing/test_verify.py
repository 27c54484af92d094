"""Verification as seen by its callers: the proof, the steps, the reports, and who may make a proof."""

from __future__ import annotations

import base64
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from signxml.algorithms import DigestAlgorithm

from lienthong.domain.agency import Directory
from lienthong.domain.document import Organization, ResponseFor, StatusPackage
from lienthong.domain.evidence import Verdict
from lienthong.domain.ids import sha256_hex
from lienthong.edxml.bounds import Limits
from lienthong.edxml.names import EDXML
from lienthong.edxml.writer import write
from lienthong.errors import Code, Refusal
from lienthong.signing import steps
from lienthong.signing.sign import _PROPERTIES, _template, sign_package, sign_record
from lienthong.signing.steps import _moment
from lienthong.signing.trust import Trust
from lienthong.signing.verdict import STEPS, Trail
from lienthong.signing.verify import (
    VerifiedDocument,
    VerifiedRecord,
    examine_package,
    examine_record,
    verify_package,
    verify_record,
)
from tests.pki.forge import certificate_base64, forge
from tests.pki.refusals import accept, bound, refusal_of
from tests.pki.world import World, world

SENDER, RECIPIENT = "H48.31.05", "H48.33.02"
ROOT = "{urn:lienthong:transit:1}RelayAcceptance"
RECORD = b'<RelayAcceptance xmlns="urn:lienthong:transit:1"><Node>H48</Node></RelayAcceptance>'


@pytest.fixture(scope="module")
def signed() -> bytes:
    return world().signed(SENDER, [RECIPIENT])


@pytest.fixture(scope="module")
def record() -> bytes:
    return sign_record(RECORD, world().node_key("H48"), at=world().at)


def test_proof_holds_what_was_verified(signed: bytes) -> None:
    w = world()
    document = accept(signed)
    assert document.data is signed
    assert document.sha256 == sha256_hex(signed)
    assert document.sender == SENDER
    assert document.package.recipient_codes == (RECIPIENT,)
    assert document.signer.sha256 == w.key(SENDER).certificate_sha256
    assert document.signer.identity == f"urn:lienthong:agency:{SENDER}"
    assert document.signer.subject.startswith("CN=UBND xã Bình Chánh")
    assert document.signer.signing_time == w.at
    assert document.root.tag == f"{{{EDXML}}}edXML"
    assert document.report.verdict is Verdict.PASSED
    assert [step.name for step in document.report.steps] == list(STEPS.values())
    assert {step.outcome for step in document.report.steps} == {Verdict.PASSED}


def test_only_verification_makes_a_proof(signed: bytes, record: bytes) -> None:
    w = world()
    document = accept(signed)
    fields = {
        name: getattr(document, name)
        for name in ("data", "sha256", "package", "sender", "signer", "root", "report")
    }
    with pytest.raises(TypeError, match="verify_package"):
        VerifiedDocument(**fields, token=object())
    with pytest.raises((TypeError, ValueError)):
        replace(document, sender="H48")  # type: ignore[call-arg]
    proof = verify_record(record, trust=w.infrastructure_trust, at=w.at, root=ROOT)
    with pytest.raises(TypeError, match="verify_record"):
        VerifiedRecord(data=proof.data, root=proof.root, signer=proof.signer, token=None)


def test_status_packages_verify_too() -> None:
    w = world()

    status = StatusPackage(
        sender=Organization(organ_id=RECIPIENT),
        response_for=ResponseFor(organ_id=SENDER, code="212/UBND-VX", document_id="1"),
        status_code="03",
        timestamp=w.at,
    )
    document = accept(sign_package(write(status), w.key(RECIPIENT), at=w.at))
    assert isinstance(document.package, StatusPackage)
    assert document.sender == RECIPIENT


def test_plain_xmldsig_is_accepted_without_a_claimed_time(signed: bytes) -> None:
    document = accept(
        forge(world().package(SENDER, [RECIPIENT]), world().rsa_key), bindings=bound(world().rsa_key)
    )
    assert document.signer.signing_time is None


@pytest.mark.parametrize("text", [None, "", "soon", "2026-03-02T02:30:00", "2026-03-02T02:30:00+99:00"])
def test_a_claimed_time_that_is_none_is_no_refusal(text: str | None) -> None:
    assert _moment(text) is None


def test_limits_are_the_callers(signed: bytes) -> None:
    w = world()
    with pytest.raises(Refusal) as caught:
        verify_package(
            signed,
            trust=w.trust,
            bindings=w.bindings,
            directory=w.directory,
            at=w.at,
            limits=Limits(max_bytes=1000),
        )
    assert caught.value.code is Code.XML_TOO_LARGE


def test_a_naive_time_is_the_callers_mistake(signed: bytes) -> None:
    with pytest.raises(ValueError, match="time zone"):
        accept(signed, at=datetime(2026, 3, 2))  # noqa: DTZ001  the point of the test


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b"<edXML:From>", b"<edXML:From><edXML:OrganId>H48.31.05</edXML:OrganId>", Code.SCHEMA_INVALID),
        (b"<edXML:OrganId>H48.31.05</edXML:OrganId>", b"", Code.SCHEMA_INVALID),
        (b"<edXML:Subject>", b"<edXML:Other>", Code.SCHEMA_INVALID),
    ],
)
def test_packages_that_cannot_be_read_are_refused_after_the_signature(
    old: bytes, new: bytes, code: Code
) -> None:
    package = world().package(SENDER, [RECIPIENT]).replace(old, new, 1)
    package = (
        package.replace(b"</edXML:Subject>", b"</edXML:Other>") if b"<edXML:Other>" in package else package
    )
    refusal = refusal_of(sign_package(package, world().key(SENDER), at=world().at))
    assert refusal.code is code


def test_record_of_another_kind_is_refused(record: bytes) -> None:
    w = world()
    with pytest.raises(Refusal) as caught:
        verify_record(
            record, trust=w.infrastructure_trust, at=w.at, root="{urn:lienthong:transit:1}ContentHandover"
        )
    assert caught.value.code is Code.SCHEMA_INVALID


def test_record_signed_by_an_agency_is_not_the_infrastructures(record: bytes) -> None:
    w = world()
    theirs = sign_record(RECORD, w.key("H48"), at=w.at)
    with pytest.raises(Refusal) as caught:
        verify_record(theirs, trust=w.infrastructure_trust, at=w.at, root=ROOT)
    assert caught.value.code is Code.CERTIFICATE_UNTRUSTED


def test_record_whose_signature_is_not_last_is_refused(record: bytes) -> None:
    w = world()
    start, end = record.index(b"<Signature "), record.index(b"</Signature>") + len(b"</Signature>")
    moved = record[:start] + record[end:]
    moved = moved.replace(b"<Node>", record[start:end] + b"<Node>")
    with pytest.raises(Refusal) as caught:
        verify_record(moved, trust=w.infrastructure_trust, at=w.at, root=ROOT)
    assert caught.value.code is Code.SIGNATURE_COVERAGE


# -- reports


def test_examination_of_a_good_file_passes_every_step(signed: bytes, record: bytes) -> None:
    w = world()
    report = examine_package(signed, trust=w.trust, at=w.at, directory=w.directory, bindings=w.bindings)
    assert report.verdict is Verdict.PASSED
    assert report.refusal is None
    assert report.signer is not None
    for root in (None, ROOT):
        told = examine_record(record, trust=w.infrastructure_trust, at=w.at, root=root)
        assert told.verdict is Verdict.PASSED
        assert [step.number for step in told.steps] == list(range(10))


@pytest.mark.parametrize(
    ("change", "number", "code"),
    [
        (lambda d: d + b"x" * 10, 1, Code.XML_MALFORMED),
        (lambda d: d.replace(b"<edXML ", b"<!DOCTYPE x><edXML "), 0, Code.XML_DOCTYPE_REFUSED),
        (lambda d: d.replace(b"QCVN_102", b"QCVN_103"), 2, Code.XML_NOT_EDXML),
        (lambda d: d.replace(b"xmldsig#", b"other#"), 3, Code.SIGNATURE_MISSING),
        (lambda d: d.replace(b"<edXML:To>", b"<!-- --><edXML:To>"), 4, Code.SIGNATURE_COVERAGE),
        (lambda d: d.replace(b"ecdsa-sha256", b"ecdsa-sha1"), 5, Code.SIGNATURE_ALGORITHM_REFUSED),
        (lambda d: d.replace(b"H48.33.02", b"H48.33.03"), 8, Code.SIGNATURE_INVALID),
    ],
)
def test_examination_tells_which_step_failed(signed: bytes, change: object, number: int, code: Code) -> None:
    w = world()
    broken = change(signed)  # type: ignore[operator]
    report = examine_package(broken, trust=w.trust, at=w.at, directory=w.directory, bindings=w.bindings)
    assert report.verdict is Verdict.FAILED
    assert report.refusal is not None
    assert report.refusal.code is code
    outcomes = [step.outcome for step in report.steps]
    assert outcomes == [Verdict.PASSED] * number + [Verdict.FAILED] + [None] * (11 - number)
    assert report.steps[number].code is code


def test_examination_without_a_list_is_indeterminate(signed: bytes, record: bytes) -> None:
    w = world()
    bare = Trust(anchors=(w.agency_ca.certificate,))
    report = examine_package(signed, trust=bare, at=w.at)
    assert report.verdict is Verdict.INDETERMINATE
    assert report.steps[7].code is Code.REVOCATION_UNKNOWN
    assert report.steps[8].outcome is None
    assert report.signer is not None


def test_examination_of_a_bad_record_does_not_raise() -> None:
    w = world()
    for data in (b"", b"<a/>", b"\xff\xfe", RECORD):
        report = examine_record(data, trust=w.infrastructure_trust, at=w.at)
        assert report.verdict is Verdict.FAILED
        assert report.refusal is not None


def test_offline_the_certificates_own_name_is_compared(signed: bytes) -> None:
    w = world()
    assert examine_package(signed, trust=w.trust, at=w.at).verdict is Verdict.PASSED
    assert examine_package(signed, trust=w.trust, at=w.at, directory=w.directory).verdict is Verdict.PASSED
    old_form = w.signed("000.05.31.H48", [RECIPIENT])
    assert examine_package(old_form, trust=w.trust, at=w.at).verdict is Verdict.PASSED
    assert examine_package(old_form, trust=w.trust, at=w.at, directory=w.directory).verdict is Verdict.PASSED


def test_offline_another_agencys_certificate_fails() -> None:
    w = world()
    data = w.signed(SENDER, [RECIPIENT], key=w.key("H48.31.06"))
    for directory in (None, w.directory, Directory.of(())):
        report = examine_package(data, trust=w.trust, at=w.at, directory=directory)
        assert report.verdict is Verdict.FAILED
        assert report.steps[10].code is Code.SIGNER_NOT_SENDER


@pytest.mark.parametrize(
    "uris", [[], ["urn:lienthong:node:H48"], ["urn:lienthong:agency:H48", "urn:lienthong:agency:H1"]]
)
def test_offline_a_certificate_that_names_no_agency_is_indeterminate(uris: list[str]) -> None:
    w = world()
    key = w.issue("nobody", uris=uris).signing_key
    report = examine_package(w.signed(SENDER, [RECIPIENT], key=key), trust=w.trust, at=w.at)
    assert report.verdict is Verdict.INDETERMINATE
    assert report.refusal is None
    assert report.steps[10].outcome is Verdict.INDETERMINATE
    assert report.steps[11].outcome is Verdict.PASSED


def test_memory_trouble_of_this_machine_is_not_the_files_fault() -> None:
    trail = Trail((0,))
    with pytest.raises(MemoryError), trail.step(0):
        raise MemoryError
    assert trail.report().verdict is Verdict.INDETERMINATE


def test_documentation_has_the_same_steps() -> None:
    text = (Path(__file__).parents[3] / "docs" / "verification.md").read_text()
    for number, name in STEPS.items():
        assert f"| {number} | {name} |" in text


def test_verification_years_later_gives_the_same_answer() -> None:
    """The lists of then are kept beside the document; lists of later do as well."""
    w = World()
    data = w.signed(SENDER, [RECIPIENT])
    later = w.at + timedelta(days=3000)
    revoked_since = {w.key(SENDER).certificate.serial_number: w.at + timedelta(days=5)}
    trust = Trust.from_pem(
        anchors=[w.agency_ca.certificate_pem()], crls=[w.agency_ca.crl(at=later, revoked=revoked_since)]
    )
    assert accept(data, trust=trust, bindings=w.bindings).sender == SENDER


def test_a_document_read_before_is_verified_in_full_again(
    signed: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its package is remembered, and nothing else about it."""
    w = world()
    first, second = accept(signed), accept(signed)
    assert second.package is first.package
    assert second.root is not first.root
    assert refusal_of(signed, trust=w.infrastructure_trust).code is Code.CERTIFICATE_UNTRUSTED
    assert refusal_of(signed, at=w.at + timedelta(days=4000)).code is Code.CERTIFICATE_EXPIRED
    assert refusal_of(signed, bindings={}).code is Code.SIGNER_NOT_SENDER
    verified: list[object] = []
    monkeypatch.setattr(steps, "verify_signature", lambda _stated, root, _certificate: verified.append(root))
    assert [accept(signed).root, accept(signed).root] == verified


def test_a_reader_that_sees_another_sender_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    other = accept(world().signed("H48.31.06", [RECIPIENT])).package
    monkeypatch.setattr("lienthong.signing.verify.read_package", lambda _root: other)
    refusal = refusal_of(world().signed(SENDER, [RECIPIENT], subject="never seen before"))
    assert refusal.code is Code.SCHEMA_INVALID
    assert refusal.detail == "it reads in two ways"


def test_signed_properties_that_name_no_certificate_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    unnaming = re.sub(
        "<xades:SigningCertificateV2>.*</xades:SigningCertificateV2>", "", _PROPERTIES.canonical
    )
    monkeypatch.setattr("lienthong.signing.sign._PROPERTIES", _template(unnaming))
    unnamed = world().signed(SENDER, [RECIPIENT])
    monkeypatch.undo()
    refusal = refusal_of(unnamed)
    assert refusal.code is Code.SIGNATURE_INVALID
    assert "exactly once" in (refusal.detail or "")


def test_names_beside_the_certificate_are_tolerated() -> None:
    key = world().key(SENDER)
    data = (
        f"<X509SubjectName>CN=x</X509SubjectName><X509Certificate>{certificate_base64(key)}</X509Certificate>"
        "<X509IssuerSerial><X509IssuerName>CN=y</X509IssuerName><X509SerialNumber>1</X509SerialNumber></X509IssuerSerial>"
    )
    key_info = f"<KeyInfo><X509Data>{data}</X509Data></KeyInfo>"
    assert accept(forge(world().package(SENDER, [RECIPIENT]), key, key_info=key_info)).sender == SENDER


def test_many_threads_verify_with_one_trust() -> None:
    w = World()
    good = [w.signed(code, [RECIPIENT]) for code in ("H48", "H48.31", SENDER)]
    bad = [data.replace(b"H48.33.02", b"H48.33.03") for data in good]
    directory, bindings, trust = w.directory, w.bindings, w.trust

    def verdict(data: bytes) -> Verdict:
        return examine_package(data, trust=trust, at=w.at, directory=directory, bindings=bindings).verdict

    with ThreadPoolExecutor(8) as pool:
        verdicts = list(pool.map(verdict, [*good, *bad] * 20))
    assert verdicts == ([Verdict.PASSED] * 3 + [Verdict.FAILED] * 3) * 20


def test_signing_certificate_may_be_named_by_a_longer_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    w = world()
    sha512 = "http://www.w3.org/2001/04/xmlenc#sha512"
    for named, accepted in ((hashes.SHA512(), True), (hashes.SHA384(), False)):
        digest = base64.b64encode(w.key(SENDER).certificate.fingerprint(named)).decode()
        properties = _PROPERTIES.canonical.replace(DigestAlgorithm.SHA256.value, sha512).replace(
            "{certificate}", digest
        )
        monkeypatch.setattr("lienthong.signing.sign._PROPERTIES", _template(properties))
        data = w.signed(SENDER, [RECIPIENT])
        monkeypatch.undo()
        if accepted:
            assert accept(data).signer.sha256 == w.key(SENDER).certificate_sha256
        else:
            assert "another certificate" in (refusal_of(data).detail or "")
