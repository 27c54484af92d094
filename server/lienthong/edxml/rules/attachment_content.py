"""Can each file be opened, and does it stay within bounds?

Strict base64, of the file or of a zip with one entry around it, whole and undamaged (ATTACHMENT_MISMATCH). A zip of
several entries, encrypted, with a climbing name, or that unpacks to too much is refused as a bomb (ATTACHMENT_BOMB).
Source: QCVN 102:2016/BTTTT (ContentTransferEncoded); CWE-409.
"""

from __future__ import annotations

from collections.abc import Iterator

from lienthong.edxml.attachments import CONTENT as RULE
from lienthong.edxml.rules.finding import About, Case, Finding, mismatches

ABOUT = About(
    vi="Nội dung tệp mở được, không hỏng, không phải bom nén",
    field="AttachmentEncoded/Attachment",
    blocks="yes",
    clause="QCVN 102:2016 (ContentTransferEncoded); CWE-409",
    good="base64 of a zip with one entry",
    bad="cut base64; a zip of two entries; 30 MB of zeros in 30 KB",
)


def check(case: Case) -> Iterator[Finding]:
    """Blocking for each; the answer to a submission is the finding's own code."""
    return mismatches(case, RULE)
