"""Which signatures do the PDFs of a document carry? Reported beside the verification, never part of its verdict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from lienthong.edxml.attachments import read_attachments
from lienthong.edxml.reader import parse
from lienthong.errors import Refusal
from lienthong.signing.pdf import PdfReport, examine_pdf, examine_pdfs
from lienthong.signing.trust import Trust

ATTACHMENTS = "attachments"  #: folder of the files in what `fetch` writes


def examine_saved(paths: Iterable[Path], *, trust: Trust, at: datetime) -> tuple[PdfReport, ...]:
    """Reports on those of the files that are PDFs, whatever their size. Raises OSError."""
    reports = []
    for path in paths:
        with path.open("rb") as file:
            report = examine_pdf(path.name, file, trust=trust, at=at)
        if report is not None:
            reports.append(report)
    return tuple(reports)


def examine_carried(
    place: Path, documents: Sequence[bytes], *, trust: Trust, at: datetime
) -> tuple[PdfReport, ...]:
    """Reports on the PDFs of what `verify` looks at: the files beside a document in a folder, else those within it."""
    if place.is_dir():
        files = sorted(
            path for path in place.rglob(f"{ATTACHMENTS}/*") if path.is_file() and not path.is_symlink()
        )
        return examine_saved((path for path in files if not path.name.startswith(".")), trust=trust, at=at)
    reports: list[PdfReport] = []
    for document in documents:
        try:
            reports += examine_pdfs(read_attachments(parse(document)), trust=trust, at=at)
        except Refusal:
            continue  # the document's own steps say what is wrong with it
    return tuple(reports)
