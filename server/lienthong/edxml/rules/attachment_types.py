"""Is each file what its name says, as far as its first bytes prove?

A program named .pdf is a lie. What proves nothing (text, HTML) may bear any name; office formats may bear each other's.
Answers ATTACHMENT_MISMATCH, also for content beside the package.
Source: QCVN 102:2016/BTTTT (AttachmentName, ContentType).
"""

from __future__ import annotations

from collections.abc import Iterator

from lienthong.edxml.attachments import TYPES as RULE
from lienthong.edxml.rules.finding import About, Case, Finding, mismatches

ABOUT = About(
    vi="Tệp đúng loại như tên gọi, theo các byte đầu tiên",
    field="AttachmentEncoded/Attachment",
    blocks="yes",
    clause="QCVN 102:2016 (AttachmentName)",
    good="a.pdf that begins with %PDF-",
    bad="a.pdf that begins as a Windows program",
)


def check(case: Case) -> Iterator[Finding]:
    """Blocking for each; the answer to a submission is the finding's own code."""
    return mismatches(case, RULE)
