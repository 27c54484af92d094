"""Does a package that sends a document carry a file?

New, update and replacement packages are expected to; a recall carries none. Whether the files are those of the
manifest is checked in `attachments.py`.
Source: practice of the national axis (QCVN 102:2016/BTTTT, edXMLManifest).
"""

from __future__ import annotations

from collections.abc import Iterator

from lienthong.domain.document import BusinessType, Document
from lienthong.edxml.reader import attachment_blocks
from lienthong.edxml.rules.finding import About, Case, Finding

RULE = "attachment-present"
ABOUT = About(
    vi="Văn bản có tệp đính kèm",
    field="AttachmentEncoded",
    blocks="no",
    clause="QCVN 102:2016 (edXMLManifest)",
    good="one signed PDF",
    bad="no file",
)


def check(case: Case) -> Iterator[Finding]:
    """A warning when there is no attachment."""
    package = case.package
    if not isinstance(package, Document) or package.business.type is BusinessType.RECALL:
        return
    if not attachment_blocks(case.root) and all(entry.external is None for entry in package.manifest):
        yield Finding(
            rule=RULE,
            field="AttachmentEncoded",
            detail_vi="Gói tin không có tệp đính kèm",
            detail_en="the package carries no file",
            blocking=False,
        )
