"""How is a notice told in a sentence? `inbox` and the agent's files say the same."""

from __future__ import annotations

from lienthong_client.cli.words import Words
from lienthong_client.results import DocumentSummary
from lienthong_client.results_business import Notice


def told(notice: Notice, words: Words) -> str:
    """What became of the document, why, and which of our documents passed it on."""
    asked = notice.request
    by = f"{number_of(notice.by)} ({notice.by.document_id})"
    what = words(f"notice_{asked.kind}_{asked.state}", document=notice.document.document_id, by=by)
    said = ": ".join(part for part in (what, asked.reason) if part)
    if notice.onward:
        copies = ", ".join(f"{number_of(copy)} ({copy.document_id})" for copy in notice.onward)
        said += "; " + words("notice_onward", copies=copies)
    return said


def sender_of(document: DocumentSummary) -> str:
    """Name and code."""
    return f"{document.sender_name} ({document.sender})" if document.sender_name else document.sender


def number_of(document: DocumentSummary) -> str:
    """`212/UBND-VX`; what it is where it has none."""
    return f"{document.code_number}/{document.code_notation}" if document.code_number else document.kind
