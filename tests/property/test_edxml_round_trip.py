"""Is every package that can be stated read back as it was written, and left alone by the repair?"""

from __future__ import annotations

import dataclasses
import unicodedata
from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from lienthong.domain.document import (
    Attachment,
    Business,
    BusinessType,
    Document,
    DocumentType,
    ExternalContent,
    ManifestEntry,
    Organization,
    OtherInfo,
    Package,
    Priority,
    Receiver,
    Replacement,
    ResponseFor,
    SignerInfo,
    StaffInfo,
    StatusPackage,
    TraceHeader,
)
from lienthong.edxml.attachments import check_attachments, read_attachments
from lienthong.edxml.bounds import Limits
from lienthong.edxml.filetypes import check_type
from lienthong.edxml.reader import parse, read, read_package
from lienthong.edxml.repair import repair
from lienthong.edxml.schema import check_schema
from lienthong.edxml.writer import write
from lienthong.errors import Refusal

ALPHABET = st.one_of(
    st.sampled_from(list("aăâbđeêghioôơuưyĐÐẠỗ <>&\"'/,.;-\n\r\t\u0301")),
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"),
)


def normalised(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()


texts = (
    st.text(ALPHABET, min_size=1, max_size=12)
    .map(normalised)
    .filter(lambda text: text == normalised(text) != "")
)
optional = st.none() | texts
numbers = st.none() | st.integers(-999_999_999, 999_999_999)
flags = st.none() | st.booleans()
days = st.dates(date(1000, 1, 1), date(9999, 12, 31))
moments = st.datetimes(datetime(1000, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda value: value.replace(microsecond=0)
)


def lists(items: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(items, max_size=3).map(tuple)


organizations = st.builds(
    Organization,
    organ_id=texts,
    organization_in_charge=optional,
    organ_name=optional,
    organ_add=optional,
    email=optional,
    telephone=optional,
    fax=optional,
    website=optional,
)
answers = st.builds(
    ResponseFor, organ_id=optional, code=optional, promulgation_date=optional, document_id=optional
).filter(lambda value: value != ResponseFor())
staff = st.none() | st.builds(
    StaffInfo,
    department=optional,
    staff=optional,
    email=optional,
    mobile=optional,
    department_id=optional,
    staff_id=optional,
).filter(lambda value: value != StaffInfo())
businesses = st.builds(
    Business,
    type=st.sampled_from(BusinessType),
    reason=optional,
    document_id=optional,
    paper=st.booleans(),
    document_info_changed=flags,
    receivers_changed=flags,
    receivers=lists(st.builds(Receiver, organ_id=texts, added=st.booleans())),
    replacements=lists(st.builds(Replacement, document_id=texts, organ_ids=lists(texts))),
    staff=staff,
)
others = st.builds(
    OtherInfo,
    priority=st.none() | st.sampled_from(Priority),
    sphere_of_promulgation=optional,
    typer_notation=optional,
    promulgation_amount=numbers,
    page_amount=numbers,
    direction=flags,
    appendixes=lists(texts),
    reply_fors=optional,
    reference_codes=optional,
)
external = st.builds(
    ExternalContent,
    sha256=st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
    size=st.integers(1, 10**15 - 1),
    media_type=st.sampled_from(["application/pdf", "image/svg+xml", "application/vnd.ms-excel"]),
)
documents = st.builds(
    Document,
    sender=organizations,
    recipients=st.lists(organizations, min_size=1, max_size=3).map(tuple),
    document_id=texts,
    code_number=texts,
    code_notation=texts,
    promulgation_place=st.just("") | texts,
    promulgation_date=days,
    document_type=st.builds(
        DocumentType, type=st.integers(-5, 99), type_name=st.just("") | texts, type_detail=numbers
    ),
    subject=texts,
    content=st.just("") | texts,
    signer=st.builds(SignerInfo, full_name=st.just("") | texts, competence=optional, position=optional),
    due_date=st.none() | days,
    other=others,
    response_for=lists(answers),
    steering_type=numbers,
    to_places=lists(texts),
    task_codes=lists(texts),
    application_type=optional,
    traces=lists(st.builds(TraceHeader, organ_id=texts, timestamp=moments)),
    business=businesses,
    manifest=lists(
        st.builds(
            ManifestEntry,
            content_id=texts,
            attachment_name=texts,
            content_type=optional,
            description=optional,
            external=st.none() | external,
        )
    ),
)
statuses = st.builds(
    StatusPackage,
    sender=organizations,
    response_for=answers,
    status_code=st.from_regex(r"[0-9]{2,3}", fullmatch=True).filter(str.isascii),
    timestamp=moments,
    description=optional,
    staff=staff,
)
packages: st.SearchStrategy[Package] = documents | statuses


@given(packages)
def test_what_is_written_is_read_back(package: Package) -> None:
    assert read(write(package)) == package


@given(packages)
def test_what_is_written_needs_no_repair_to_read_the_same(package: Package) -> None:
    once = repair(write(package))
    assert read(once) == package
    assert repair(once) == once


@given(documents.filter(lambda d: min(d.other.page_amount or 0, d.other.promulgation_amount or 0) >= 0))
def test_what_is_written_follows_the_schemas(package: Document) -> None:
    root = parse(write(package))
    check_schema(root, "edxml/strict")
    check_schema(root, "edxml/lenient")


@given(statuses)
def test_a_written_status_follows_the_schemas(package: StatusPackage) -> None:
    root = parse(write(package))
    check_schema(root, "edxml/status")
    check_schema(root, "edxml/lenient")


EXTENSIONS = st.sampled_from(["pdf", "doc", "docx", "zip", "PDF", "", "tiếng việt", "signed.pdf"])
stems = st.from_regex(r"[a-z0-9 ]{1,8}[a-z]", fullmatch=True)
names = st.builds(lambda stem, extension: f"{stem}.{extension}".strip("."), stems, EXTENSIONS)
contents = st.binary(max_size=200) | st.sampled_from([b"%PDF-1.4", b"PK\x03\x04", b"PK\x05\x06" + bytes(18)])


def is_honest(file: tuple[str, bytes]) -> bool:
    """Whether the name does not contradict the bytes: those are refused, see test_filetypes.py."""
    try:
        check_type(file[0], None, file[1], "")
    except Refusal:
        return False
    return True


@given(documents, st.lists(st.tuples(names.map(normalised), contents).filter(is_honest), max_size=4))
def test_every_file_comes_back_whatever_it_holds(package: Document, files: list[tuple[str, bytes]]) -> None:
    attachments = [
        Attachment(content_id=f"cid:{n}", attachment_name=name, content=content)
        for n, (name, content) in enumerate(files)
    ]
    manifest = tuple(
        ManifestEntry(content_id=a.content_id, attachment_name=a.attachment_name) for a in attachments
    )
    root = parse(write(dataclasses.replace(package, manifest=manifest), attachments))
    limits = Limits(max_ratio=10_000)
    check_attachments(root, read_package(root), limits)
    assert [(a.attachment_name, a.content) for a in read_attachments(root, limits)] == files
