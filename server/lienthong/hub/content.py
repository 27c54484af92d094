"""How do files too big for a package come to the hub and go to their recipients?

An agency sends the bytes first, resumably, then a signed package whose manifest names their SHA-256. Acceptance asks
`sort`: every named content must be here whole, sent by this agency itself or received by it in a document. Only
recipients in whose inbox such a document stands may read it.

Content kept for another agency saves nobody an upload: to be let off, an agency would only have to know a digest, and
could then send itself a file it never had. So the bytes come once from each agency and are kept once for all.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta

import structlog

from lienthong.domain.document import Document, Package
from lienthong.edxml.filetypes import HEAD, check_type
from lienthong.errors import Code, HubFault, Refusal
from lienthong.hub.content_port import Contents, DocumentContent
from lienthong.hub.files import FileReport, PackageFiles
from lienthong.hub.identity import Caller
from lienthong.hub.inbox import Inbox
from lienthong.hub.ports import Clock, Store
from lienthong.hub.rows import DocumentRow

log = structlog.get_logger(__name__)

_SWEEP_EVERY = 3600.0  # seconds
_GIB = 1 << 30
#: not in names of an archive, whatever the system that unpacks it: separators, and what hides the true name
_FORBIDDEN = re.compile(r'[\\/:*?"<>|\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]')
_LONGEST_NAME = 60  # characters, at most 240 bytes of UTF-8; the extension is at the end


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentLimits:
    """What external content may take."""

    max_size: int = 10 * _GIB  #: bytes of one file
    max_pending: int = 50 * _GIB  #: bytes per agency that no accepted document names yet
    abandoned_after: float = (
        7 * 86_400
    )  #: seconds after which an upload that did not go on, or was not named, goes


DEFAULT_CONTENT_LIMITS = ContentLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentState:
    """How far an agency's upload is."""

    offset: int  #: bytes that need not come again
    complete: bool  #: the agency may name the content in a package


class ContentDesk:
    """Takes content in, gives it out, and says whether a package's content is here."""

    def __init__(
        self,
        *,
        store: Store,
        contents: Contents,
        files: PackageFiles,
        inbox: Inbox,
        clock: Clock,
        limits: ContentLimits = DEFAULT_CONTENT_LIMITS,
    ) -> None:
        self._store = store
        self._contents = contents
        self.files = files  #: what a document's files are, and who signed the PDFs
        self._inbox = inbox
        self._clock = clock
        self._limits = limits

    # --- in ---------------------------------------------------------------------------------------------

    async def state(self, caller: Caller, sha256: str, size: int) -> ContentState:
        """What the hub has of this agency's content. XML_TOO_LARGE, ARGUMENT_INVALID for impossible sizes."""
        agency = caller.require_agency()
        self._check_size(size)
        if await self._has(agency, sha256, size):
            return ContentState(offset=size, complete=True)
        return ContentState(offset=await self._contents.uploaded(agency, sha256), complete=False)

    async def upload(
        self, caller: Caller, sha256: str, size: int, offset: int, pieces: AsyncIterator[bytes]
    ) -> ContentState:
        """Take `pieces` from `offset` on. What came stays when they end too early, for the next call to go on.

        Raises:
            Refusal: ARGUMENT_INVALID (offset is not the upload's end, more bytes than `size`, another digest),
                UNAVAILABLE while another connection sends the same, RATE_LIMITED over the agency's share.
        """
        agency = caller.require_agency()
        self._check_size(size)
        if await self._has(agency, sha256, size):
            return ContentState(offset=size, complete=True)
        await self._check_share(agency, sha256, size)
        length = await self._contents.append(agency, sha256, offset, _at_most(size - offset, pieces))
        if length < size:
            return ContentState(offset=length, complete=False)
        if await self._contents.finish(agency, sha256) != size:
            raise Refusal(Code.ARGUMENT_INVALID, field="size", detail="more bytes came than were announced")
        await self._store.hold_content(agency, sha256, size, self._clock())
        if await self._contents.size(sha256) != size:  # collected between the two, because nobody held it
            raise Refusal(Code.UNAVAILABLE, field="sha256", detail="send it again")
        return ContentState(offset=size, complete=True)

    def _check_size(self, size: int) -> None:
        if size < 1:
            raise Refusal(Code.ARGUMENT_INVALID, field="size", detail="at least 1 byte")
        if size > self._limits.max_size:
            raise Refusal(
                Code.XML_TOO_LARGE, field="size", detail=f"at most {self._limits.max_size} bytes a file"
            )

    async def _has(self, agency: str, sha256: str, size: int) -> bool:
        claimed = await self._store.claim_contents(agency, [sha256], self._clock())
        return claimed.get(sha256) == size and await self._contents.size(sha256) == size

    async def _check_share(self, agency: str, sha256: str, size: int) -> None:
        begun = await self._contents.unfinished(agency) - await self._contents.uploaded(agency, sha256)
        pending = begun + await self._store.unnamed_content(agency)
        if pending + size > self._limits.max_pending:
            detail = f"{pending} bytes wait to be named in a document, at most {self._limits.max_pending}"
            raise Refusal(Code.RATE_LIMITED, field="size", detail=detail)

    # --- named ------------------------------------------------------------------------------------------

    async def sort(
        self, agency: str, package: Package
    ) -> tuple[tuple[DocumentContent, ...], tuple[Refusal, ...]]:
        """What the package names and is here; ATTACHMENT_MISMATCH for each that is not, or lies about its type."""
        named = named_contents(package)
        if not named:
            return (), ()
        digests = sorted({content.sha256 for content in named})
        claimed = await self._store.claim_contents(agency, digests, self._clock())
        here, missing = [], []
        for content in named:
            path = f"edXMLManifest/Reference[{_place(package, content.content_id)}]"
            try:
                await self._check(content, claimed.get(content.sha256), path)
            except Refusal as refusal:
                missing.append(refusal)
            else:
                here.append(content)
        return tuple(here), tuple(missing)

    async def _check(self, content: DocumentContent, size: int | None, path: str) -> None:
        where = f"{path}/ExternalContent"
        if size is None or await self._contents.size(content.sha256) != size:
            detail = f"{where}: {content.name[:80]} ({content.sha256}) has not been uploaded: send it first"
            raise Refusal(Code.ATTACHMENT_MISMATCH, field=where, detail=detail)
        if size != content.size:
            detail = f"{where}: {content.name[:80]} has {size} bytes, not {content.size}"
            raise Refusal(Code.ATTACHMENT_MISMATCH, field=f"{where}/@length", detail=detail)
        check_type(content.name, content.media_type, await self._head(content.sha256), path)

    async def _head(self, sha256: str) -> bytes:
        async with aclosing(_generator(self._contents.stream(sha256, chunk=HEAD))) as pieces:
            return await anext(pieces, b"")

    async def reports(self, document: DocumentRow) -> list[FileReport]:
        """Every file of a document, for operators."""
        return await self.files.reports(document, await self._store.contents(document.id))

    async def export(self, caller: Caller, reference: str) -> AsyncIterator[tuple[str, bytes]]:
        """The external content of a document as (file name, chunk), for an operator's archive. Constant memory."""
        caller.require_operator()
        document = await self._store.document(reference)
        named = [] if document is None else await self._store.contents(document.id)
        for position, content in enumerate(named, start=1):
            name = f"attachments/{position:03d}-{_FORBIDDEN.sub('_', content.name)[-_LONGEST_NAME:]}"
            async with aclosing(_generator(self._contents.stream(content.sha256))) as pieces:
                async for piece in pieces:
                    yield name, piece

    # --- out --------------------------------------------------------------------------------------------

    async def download(
        self, caller: Caller, reference: str, sha256: str, *, offset: int
    ) -> tuple[DocumentContent, AsyncIterator[bytes]]:
        """Content of a document in the caller's inbox (by delivery or document id), from `offset`.

        NOT_FOUND where the document does not name it, STATE_ILLEGAL before it arrived or after it was withdrawn.
        """
        # under the same rules as the document itself
        item, _ = await self._inbox.fetch(caller, reference, offset=0)
        named = await self._store.contents(item.document.id)
        content = next((content for content in named if content.sha256 == sha256), None)
        if content is None:
            raise Refusal(Code.NOT_FOUND, field="sha256", detail=sha256[:64])
        if not 0 <= offset <= content.size:
            raise Refusal(Code.ARGUMENT_INVALID, field="offset", detail=f"0 to {content.size}")
        return content, self._contents.stream(sha256, offset=offset)

    # --- away -------------------------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event, *, every: float = _SWEEP_EVERY) -> None:
        """Collect what was abandoned every `every` seconds until `stop`. Many hubs may do it at once."""
        while not stop.is_set():
            try:
                await self.collect()
            except HubFault as fault:
                log.warning("content.not_collected", reason=str(fault))
            try:
                await asyncio.wait_for(stop.wait(), every)
            except TimeoutError:
                continue

    async def collect(self) -> tuple[int, int]:
        """Drop uploads that did not go on and content nobody named in time; how many of each."""
        before = self._clock() - timedelta(seconds=self._limits.abandoned_after)
        uploads = await self._contents.collect(before)
        forgotten = 0
        while digests := await self._store.forget_contents(before):
            for sha256 in digests:
                if not await self._store.content_known(sha256):  # somebody may have sent it again meanwhile
                    await self._contents.delete(sha256)
                    forgotten += 1
        if uploads or forgotten:
            log.info("content.collected", uploads=uploads, contents=forgotten)
        return uploads, forgotten


def named_contents(package: Package) -> tuple[DocumentContent, ...]:
    """The external content a package names, in the order of its manifest."""
    if not isinstance(package, Document):
        return ()
    return tuple(
        DocumentContent(
            content_id=entry.content_id,
            name=entry.attachment_name,
            sha256=entry.external.sha256,
            size=entry.external.size,
            media_type=entry.external.media_type,
        )
        for entry in package.manifest
        if entry.external is not None
    )


def _place(package: Package, content_id: str) -> int:
    manifest = package.manifest if isinstance(package, Document) else ()
    return next(place for place, entry in enumerate(manifest, 1) if entry.content_id == content_id)


async def _at_most(size: int, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Pass pieces on while they stay within `size` bytes."""
    async for piece in pieces:
        size -= len(piece)
        if size < 0:
            raise Refusal(Code.ARGUMENT_INVALID, field="chunk", detail="more bytes came than were announced")
        yield piece


async def _generator(pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """An iterator of a port as something that can be closed."""
    try:
        async for piece in pieces:
            yield piece
    finally:
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()
