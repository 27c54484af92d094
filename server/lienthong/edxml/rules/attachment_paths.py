"""Does no file's name climb out of the folder it is saved to, or show as another name?

Receivers in the field save under the name as it stands: `../`, an absolute path or a drive letter would write
elsewhere. Control characters and, in the manifest, overrides of the writing direction hide the true extension.
Answers ATTACHMENT_MISMATCH. Source: QCVN 102:2016/BTTTT (AttachmentName); CWE-22; Unicode TR 36, 2.5.
"""

from __future__ import annotations

from collections.abc import Iterator

from lienthong.edxml.attachments import PATHS as RULE
from lienthong.edxml.rules.finding import About, Case, Finding, mismatches

ABOUT = About(
    vi="Tên tệp không thoát khỏi thư mục lưu, không che giấu tên thật",
    field="edXMLManifest/Reference/AttachmentName, AttachmentEncoded/Attachment/AttachmentName",
    blocks="yes",
    clause="QCVN 102:2016 (AttachmentName); CWE-22",
    good="báo cáo.pdf",
    bad="../../etc/passwd; C:\\a.pdf; a name with U+202E",
)


def check(case: Case) -> Iterator[Finding]:
    """Blocking for each; the answer to a submission is the finding's own code."""
    return mismatches(case, RULE)
