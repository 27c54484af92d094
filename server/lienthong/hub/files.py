"""What files does a document have, and who signed the PDFs among them?

Signatures inside PDFs are reported to whoever asks (`lienthong-agency check`, `lienthong documents show`). They stop a
submission only where the hub's settings say so.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import IO

from lxml import etree

from lienthong.domain.document import Document, Package
from lienthong.domain.ids import sha256_hex
from lienthong.edxml.attachments import read_attachments
from lienthong.edxml.bounds import Limits
from lienthong.edxml.reader import parse, read_package
from lienthong.edxml.rules import Finding
from lienthong.hub.content_port import Contents, DocumentContent
from lienthong.hub.gate import Gate
from lienthong.hub.payloads import Payloads
from lienthong.hub.rows import DocumentRow
from lienthong.signing.pdf import PdfReport, examine_package_pdfs, examine_pdf, examine_pdfs
from lienthong.signing.trust import Trust

RULE = "pdf-signatures"
_IN_MEMORY = 8 << 20  # bytes of a file beside its package that are examined without touching the disk


class PdfPolicy(StrEnum):
    """What the signatures inside PDFs must be for a package to be accepted."""

    REPORT = "report"  # whatever they are
    INTACT = "intact"  # none is broken
    TRUSTED = "trusted"  # every PDF has one at least, and all are intact and trusted


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """One file of a document."""

    name: str
    size: int
    sha256: str
    media_type: str
    external: bool  #: travels beside the package
    pdf: PdfReport | None  #: None when it is no PDF


class PackageFiles:
    """Opens packages and looks at their files. `trust` gives the anchors as they are now."""

    def __init__(
        self,
        *,
        payloads: Payloads,
        contents: Contents,
        gate: Gate,
        trust: Callable[[], Trust],
        clock: Callable[[], datetime],
        limits: Limits,
        policy: PdfPolicy,
    ) -> None:
        self._payloads = payloads
        self._contents = contents
        self._gate = gate
        self._trust = trust
        self._clock = clock
        self._limits = limits
        self._policy = policy

    @property
    def decides(self) -> bool:
        """Whether the signatures inside PDFs can stop a submission here."""
        return self._policy is not PdfPolicy.REPORT

    async def pdfs(
        self, package: Package, root: etree._Element, beside: tuple[DocumentContent, ...]
    ) -> tuple[PdfReport, ...]:
        """The PDFs of a package and who signed them: those within it, as far as it can be opened, then `beside`."""
        if not isinstance(package, Document):
            return ()
        trust, at = self._trust(), self._clock()
        reports = await asyncio.to_thread(
            lambda: examine_package_pdfs(root, self._limits, trust=trust, at=at)
        )
        external = [await self._pdf(content, trust, at) for content in beside]
        return (*reports, *(report for report in external if report is not None))

    def judge(self, reports: Iterable[PdfReport]) -> list[Finding]:
        """What the policy says of them; what it lets pass is a warning."""
        return [finding for report in reports for finding in self._judge(report)]

    def _judge(self, report: PdfReport) -> Iterator[Finding]:
        strict = self._policy is PdfPolicy.TRUSTED
        if report.problem is not None or (strict and not report.signatures):
            yield _finding(
                f"{report.name}: {report.problem or 'chưa được ký số'}",
                f"{report.name}: {report.problem or 'carries no signature'}",
                blocking=strict,
            )
        for one in report.signatures:
            if not one.trusted:
                intact = "nguyên vẹn" if one.intact else "KHÔNG nguyên vẹn"
                yield _finding(
                    f"{report.name}: chữ ký của {one.signer} {intact}, chưa tin cậy ({one.problem})",
                    f"{report.name}: signature of {one.signer}: {one.problem}",
                    blocking=strict or (self._policy is PdfPolicy.INTACT and not one.intact),
                )

    async def reports(self, row: DocumentRow, beside: list[DocumentContent]) -> list[FileReport]:
        """Every file of a stored document: those within it, then those beside it."""
        trust, at = self._trust(), self._clock()
        async with self._gate.hold(row.size):
            data = await self._payloads.get(row.sha256)
            found = await asyncio.to_thread(lambda: list(self._within(data, trust, at)))
        for content in beside:
            found.append(
                FileReport(
                    name=content.name,
                    size=content.size,
                    sha256=content.sha256,
                    media_type=content.media_type,
                    external=True,
                    pdf=await self._pdf(content, trust, at),
                )
            )
        return found

    def _within(self, data: bytes, trust: Trust, at: datetime) -> Iterator[FileReport]:
        root = parse(data, self._limits)
        if not isinstance(read_package(root), Document):
            return
        for file in read_attachments(root, self._limits):
            yield FileReport(
                name=file.attachment_name,
                size=len(file.content),
                sha256=sha256_hex(file.content),
                media_type=file.content_type or "",
                external=False,
                pdf=next(iter(examine_pdfs([file], trust=trust, at=at)), None),
            )

    async def _pdf(self, content: DocumentContent, trust: Trust, at: datetime) -> PdfReport | None:
        """Examined from a temporary file: pyHanko seeks, and memory must not grow with the content."""
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
            async for piece in self._contents.stream(content.sha256):
                await asyncio.to_thread(file.write, piece)
            file.seek(0)
            return await asyncio.to_thread(_examine, content.name, file, trust, at)


def _examine(name: str, file: IO[bytes], trust: Trust, at: datetime) -> PdfReport | None:
    return examine_pdf(name, file, trust=trust, at=at)


def _finding(vi: str, en: str, *, blocking: bool) -> Finding:
    return Finding(rule=RULE, field="AttachmentEncoded", detail_vi=vi, detail_en=en, blocking=blocking)
