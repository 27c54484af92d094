"""Is every file of the manifest carried, and every carried file in the manifest, one by one?

They belong together by ContentId and AttachmentName; a Reference to external content has no Attachment. A receiver
that goes by the manifest and one that goes by the attachments must find the same files. Answers ATTACHMENT_MISMATCH.
Source: QCVN 102:2016/BTTTT (edXMLManifest/Reference, AttachmentEncoded/Attachment).
"""

from __future__ import annotations

from collections.abc import Iterator

from lienthong.edxml.attachments import MANIFEST as RULE
from lienthong.edxml.rules.finding import About, Case, Finding, mismatches

ABOUT = About(
    vi="Danh mục tệp và các tệp đính kèm khớp nhau từng tệp một",
    field="edXMLManifest, AttachmentEncoded",
    blocks="yes",
    clause="QCVN 102:2016 (edXMLManifest, AttachmentEncoded)",
    good="one Reference and one Attachment, both cid:1 and a.pdf",
    bad="a Reference without its Attachment; a ContentId twice",
)


def check(case: Case) -> Iterator[Finding]:
    """Blocking for each; the answer to a submission is the finding's own code."""
    return mismatches(case, RULE)
