"""Does a survey tell every step that can be judged, and nothing more than a verification would refuse?"""

from __future__ import annotations

from datetime import timedelta

import pytest

from lienthong.domain.evidence import Verdict
from lienthong.edxml.bounds import Limits
from lienthong.errors import Code
from lienthong.signing.authority import Authority
from lienthong.signing.survey import Survey, survey_package
from lienthong.signing.trust import Binding
from tests.pki.forge import MORE, SHA1, forge
from tests.pki.world import World, world

SENDER, RECIPIENT = "H48.31.05", "H48.33.02"


def survey(data: bytes, w: World | None = None, **options: object) -> Survey:
    w = w or world()
    known = {"trust": w.trust, "bindings": w.bindings, "directory": w.directory, "at": w.at} | options
    return survey_package(data, **known)  # type: ignore[arg-type]


def codes(found: Survey) -> list[Code]:
    return [refusal.code for refusal in found.refusals]


def outcomes(found: Survey) -> dict[int, Verdict | None]:
    return {step.number: step.outcome for step in found.report.steps}


def test_a_good_package_passes_every_step() -> None:
    found = survey(world().signed(SENDER, [RECIPIENT]))
    assert codes(found) == []
    assert found.report.verdict is Verdict.PASSED
    assert set(outcomes(found).values()) == {Verdict.PASSED}
    assert found.signer is not None
    assert found.signer.signing_time is not None


def test_everything_that_is_wrong_at_once() -> None:
    w = world()
    stranger = Authority.create("Somebody else's CA", at=w.at - timedelta(days=9))
    key = stranger.issue("a stranger", at=w.at - timedelta(days=8)).signing_key
    data = w.signed(SENDER, [RECIPIENT], key=key).replace("Chủ tịch".encode(), "Chủ tich".encode())
    found = survey(data)
    assert codes(found) == [Code.CERTIFICATE_UNTRUSTED, Code.SIGNATURE_INVALID, Code.SIGNER_NOT_SENDER]
    told = outcomes(found)
    assert [number for number, outcome in told.items() if outcome is None] == [
        7
    ]  # there is no path to look along
    assert [number for number, outcome in told.items() if outcome is Verdict.FAILED] == [6, 8, 10]
    assert found.report.verdict is Verdict.FAILED


def test_revoked_and_changed_and_bound_to_another() -> None:
    w = world()
    key = w.key(SENDER)
    data = w.signed(SENDER, [RECIPIENT]).replace("Chủ tịch".encode(), "Chủ tich".encode())
    trust = w.trust_in(w.agency_ca, revoked=[key])
    found = survey(data, trust=trust, bindings={key.certificate_sha256: Binding(agency=RECIPIENT)})
    assert codes(found) == [Code.CERTIFICATE_REVOKED, Code.SIGNATURE_INVALID, Code.SIGNER_NOT_SENDER]


@pytest.mark.parametrize(
    "options", [{"digest": SHA1}, {"method": f"{MORE}hmac-sha256"}, {"canonicalization": "urn:other"}]
)
def test_a_value_is_never_computed_with_an_algorithm_the_policy_refuses(options: dict[str, str]) -> None:
    w = world()
    data = forge(w.package(SENDER, [RECIPIENT]), w.key(SENDER), **options)  # type: ignore[arg-type]
    found = survey(data)
    assert codes(found) == [Code.SIGNATURE_ALGORITHM_REFUSED]
    assert outcomes(found)[8] is None
    assert outcomes(found)[10] is Verdict.PASSED


def test_no_certificate_is_read_out_of_a_shape_that_is_not_understood() -> None:
    w = world()
    data = forge(w.package(SENDER, [RECIPIENT]), w.key(SENDER), inside="<Object><a/></Object>")
    found = survey(data)
    assert codes(found) == [Code.SIGNATURE_COVERAGE]
    assert found.signer is None
    told = outcomes(found)
    assert {told[number] for number in (5, 6, 7, 8, 9)} == {None}
    assert (told[10], told[11]) == (Verdict.INDETERMINATE, Verdict.PASSED)


def test_what_cannot_be_read_is_told_beside_the_signature() -> None:
    w = world()
    data = w.signed(SENDER, [RECIPIENT]).replace(b"<edXML:Subject>", b"<edXML:Other>", 1)
    data = data.replace(b"</edXML:Subject>", b"</edXML:Other>", 1)
    assert codes(survey(data)) == [Code.SIGNATURE_INVALID, Code.SCHEMA_INVALID]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", Code.XML_MALFORMED),
        (b"<a", Code.XML_MALFORMED),
        (b"<a/>", Code.XML_NOT_EDXML),
        (b"<!DOCTYPE a><a/>", Code.XML_DOCTYPE_REFUSED),
    ],
)
def test_what_is_no_package_has_one_refusal(data: bytes, code: Code) -> None:
    assert codes(survey(data)) == [code]


def test_an_unsigned_package_is_told_so_and_still_read() -> None:
    found = survey(world().package(SENDER, [RECIPIENT]))
    assert codes(found) == [Code.SIGNATURE_MISSING]
    assert outcomes(found)[11] is Verdict.PASSED


def test_bounds_come_first() -> None:
    assert codes(survey(world().signed(SENDER, [RECIPIENT]), limits=Limits(max_bytes=10))) == [
        Code.XML_TOO_LARGE
    ]


def test_without_bindings_the_certificates_own_name_counts() -> None:
    data = world().signed(SENDER, [RECIPIENT], key=world().key(RECIPIENT))
    assert codes(survey(data, bindings=None)) == [Code.SIGNER_NOT_SENDER]
