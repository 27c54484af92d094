"""Is every value as short as the receivers' columns?

Lengths are those of two deployed validators where they agree, the longer one where they differ. Real files exceed
them, so a value over its length is a warning; only what no column could hold (ten times the length, at least 1,000
characters) blocks.
Source: QCVN 102:2016/BTTTT as deployed; Quyết định 20/2020/QĐ-TTg (codes up to 35 characters).
"""

from __future__ import annotations

from collections.abc import Iterator

from lienthong.domain.document import Document, Organization, StaffInfo
from lienthong.edxml.rules.finding import About, Case, Finding

RULE = "lengths"
ABOUT = About(
    vi="Giá trị không dài quá cột dữ liệu của bên nhận",
    field="every value",
    blocks="over ten times the length",
    clause="QCVN 102:2016 as deployed; QĐ 20/2020 (codes)",
    good="Subject of 500 characters",
    bad="Subject of 501 characters",
)

_HEADER = "MessageHeader"
_STAFF = {"Department": 250, "Staff": 100, "Email": 100, "Mobile": 100}


def check(case: Case) -> Iterator[Finding]:
    """A warning, or blocking beyond reason, for each value over its length."""
    for field, value, longest in _values(case):
        if value is None or len(value) <= longest:
            continue
        yield Finding(
            rule=RULE,
            field=field,
            detail_vi=f"{field} dài {len(value)} ký tự, tối đa {longest}",
            detail_en=f"{field} has {len(value)} characters, at most {longest}",
            blocking=len(value) > max(10 * longest, 1_000),
        )


def _values(case: Case) -> Iterator[tuple[str, str | None, int]]:
    package = case.package
    yield from _organization(f"{_HEADER}/From", package.sender)
    if not isinstance(package, Document):
        yield f"{_HEADER}/Description", package.description, 500
        yield from _staff(f"{_HEADER}/StaffInfo", package.staff)
        return
    for number, recipient in enumerate(package.recipients, 1):
        yield from _organization(f"{_HEADER}/To[{number}]", recipient)
    yield f"{_HEADER}/DocumentId", package.document_id, 200
    yield f"{_HEADER}/Code/CodeNumber", package.code_number, 11
    yield f"{_HEADER}/Code/CodeNotation", package.code_notation, 30
    yield f"{_HEADER}/PromulgationInfo/Place", package.promulgation_place, 50
    yield f"{_HEADER}/DocumentType/TypeName", package.document_type.type_name, 100
    yield f"{_HEADER}/Subject", package.subject, 500
    yield f"{_HEADER}/Content", package.content, 500
    yield f"{_HEADER}/SignerInfo/Competence", package.signer.competence, 100
    yield f"{_HEADER}/SignerInfo/Position", package.signer.position, 100
    yield f"{_HEADER}/SignerInfo/FullName", package.signer.full_name, 50
    yield f"{_HEADER}/OtherInfo/SphereOfPromulgation", package.other.sphere_of_promulgation, 100
    yield f"{_HEADER}/OtherInfo/TyperNotation", package.other.typer_notation, 10
    for number, appendix in enumerate(package.other.appendixes, 1):
        yield f"{_HEADER}/OtherInfo/Appendixes/Appendix[{number}]", appendix, 250
    for number, place in enumerate(package.to_places, 1):
        yield f"{_HEADER}/ToPlaces/Place[{number}]", place, 150
    for number, entry in enumerate(package.manifest, 1):
        yield f"edXMLManifest/Reference[{number}]/AttachmentName", entry.attachment_name, 200
    yield from _staff("TraceHeaderList/Bussiness/StaffInfo", package.business.staff)


def _organization(path: str, value: Organization) -> Iterator[tuple[str, str | None, int]]:
    yield f"{path}/OrganId", value.organ_id, 35
    yield f"{path}/OrganizationInCharge", value.organization_in_charge, 200
    yield f"{path}/OrganName", value.organ_name, 200
    yield f"{path}/OrganAdd", value.organ_add, 250
    yield f"{path}/Email", value.email, 100
    yield f"{path}/Telephone", value.telephone, 50
    yield f"{path}/Fax", value.fax, 50
    yield f"{path}/Website", value.website, 100


def _staff(path: str, value: StaffInfo | None) -> Iterator[tuple[str, str | None, int]]:
    if value is None:
        return
    for (name, longest), text in zip(
        _STAFF.items(), (value.department, value.staff, value.email, value.mobile), strict=True
    ):
        yield f"{path}/{name}", text, longest
