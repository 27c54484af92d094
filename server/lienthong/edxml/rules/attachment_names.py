"""Can the files be saved and opened under their names?

A name without extension opens nowhere, two files of one name overwrite each other. Names that climb out of a folder or
show as another than they are, are refused where the files are checked (ATTACHMENT_MISMATCH).
Source: QCVN 102:2016/BTTTT (edXMLManifest/Reference/AttachmentName).
"""

from __future__ import annotations

from collections.abc import Iterator

from lienthong.domain.document import Document
from lienthong.edxml.rules.finding import About, Case, Finding

RULE = "attachment-names"
ABOUT = About(
    vi="Tên tệp đính kèm có phần mở rộng và không trùng nhau",
    field="edXMLManifest/Reference/AttachmentName",
    blocks="no",
    clause="QCVN 102:2016 (AttachmentName)",
    good="212_UBND-KGVX.signed.pdf",
    bad="vanban; two files a.pdf",
)


def check(case: Case) -> Iterator[Finding]:
    """A warning for each name without extension, and each that stands before."""
    if not isinstance(case.package, Document):
        return
    seen: set[str] = set()
    for number, entry in enumerate(case.package.manifest, 1):
        field, name = f"edXMLManifest/Reference[{number}]/AttachmentName", entry.attachment_name
        stem, dot, extension = name.rpartition(".")
        if not (stem and dot and extension):
            yield Finding(
                rule=RULE,
                field=field,
                detail_vi=f"Tệp {name} không có phần mở rộng",
                detail_en=f"the file {name} has no extension",
                blocking=False,
            )
        if name.casefold() in seen:
            yield Finding(
                rule=RULE,
                field=field,
                detail_vi=f"Tên tệp {name} bị trùng",
                detail_en=f"two files have the name {name}",
                blocking=False,
            )
        seen.add(name.casefold())
