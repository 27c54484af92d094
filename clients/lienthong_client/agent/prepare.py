"""How do an office's files become the bytes to submit, signed once, with what travels beside them at the hub?

edXML is signed or taken as it is when it is taken; a letter when the hub can be asked for names. Files that travel
beside the package are offered to the hub before each submission: it forgets uploads nobody submits, and it may have
been away for days. Their digests are kept in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lienthong.domain.document import BusinessType, Document, Lane, Package
from lienthong.edxml.names import DSIG
from lienthong.edxml.reader import parse, read, read_package
from lienthong.errors import Code, Refusal
from lienthong_client.agent.disk import Disk
from lienthong_client.agent.job import Job, Prepared
from lienthong_client.agent.letter import read_letter
from lienthong_client.agent.outbox import Kind, is_named
from lienthong_client.agent.settings import OutboxSettings, Sign
from lienthong_client.carried import find_named
from lienthong_client.client import AgencyClient
from lienthong_client.compose import File, find_priority, read_files
from lienthong_client.content import BigFile, external_entries

SMALL = 1 << 20  #: bytes; larger documents go by themselves, with a time limit that follows from their size


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """What can be submitted now."""

    path: Path
    data: bytes | None  #: of a small document
    names: frozenset[str]  #: it may share a stream with documents of other names; none: with no other


class Preparer:
    """Makes jobs ready."""

    def __init__(self, client: AgencyClient, disk: Disk, settings: OutboxSettings) -> None:
        self._client = client
        self._disk = disk
        self._settings = settings
        self._beside: dict[str, list[BigFile]] = {}  # of each job, once looked at

    def lane(self, job: Job) -> Lane:
        """The job's lane; edXML is signed by the way. Raises `Refusal`, OSError."""
        if (prepared := job.prepared) is not None:
            return prepared.lane
        if job.kind is Kind.LETTER:
            letter = read_letter(job.main.read_bytes())
            urgent = find_priority(letter.values.get("priority", "normal")) > 0
            return Lane.EXPRESS if urgent else Lane.NORMAL
        return self._prepare_edxml(job).lane

    async def missing(self, job: Job) -> list[str]:
        """Names of files the package says travel beside it that did not lie there."""
        return [] if job.kind is Kind.LETTER else await asyncio.to_thread(_missing, job)

    async def ready(self, job: Job) -> Ready:
        """Signed bytes on disk, and the files beside them at the hub. Raises `Refusal`, `Unreachable`, OSError."""
        if job.kind is Kind.LETTER:
            prepared = await self._ready_letter(job)
        else:
            prepared = await asyncio.to_thread(lambda: job.prepared or self._prepare_edxml(job))
            if len(job.files) > 1 and job.id not in self._beside:
                self._beside[job.id] = await asyncio.to_thread(_lying_beside, job, prepared)
        await self._client.upload_all(self._beside.get(job.id, ()))
        return await asyncio.to_thread(_ready, job, prepared)

    def forget(self, job: Job) -> None:
        """The job is decided."""
        self._beside.pop(job.id, None)

    def _prepare_edxml(self, job: Job) -> Prepared:
        limit = self._client.limits.max_bytes
        if job.main.stat().st_size > limit:
            raise Refusal(Code.XML_TOO_LARGE, detail=f"{job.main.stat().st_size} bytes, at most {limit}")
        data = job.main.read_bytes()
        must_sign = self._settings.sign is Sign.ALWAYS or (
            self._settings.sign is Sign.UNSIGNED and not _is_signed(data)
        )
        signed = self._client.sign(data) if must_sign else None
        package = read_package(parse(signed if signed is not None else data))
        return job.prepare(self._disk, signed, package.lane, _names(package))

    async def _ready_letter(self, job: Job) -> Prepared:
        prepared = await asyncio.to_thread(lambda: job.prepared)
        if prepared is None or job.id not in self._beside:
            files = await asyncio.to_thread(read_files, [job.source(file) for file in job.files[1:]])
            self._beside[job.id] = [file for file in files if isinstance(file, BigFile)]
            if prepared is None:
                prepared = await self._compose(job, files)
        return prepared

    async def _compose(self, job: Job, files: Sequence[File | BigFile]) -> Prepared:
        def settle(signed: bytes) -> Prepared:
            package = read_package(parse(signed))
            return job.prepare(self._disk, signed, package.lane, _names(package))

        letter = await asyncio.to_thread(lambda: read_letter(job.main.read_bytes()))
        signed = await self._client.compose(letter.draft(files, self._client.profile.sender))
        return await asyncio.to_thread(settle, signed)


def _names(package: Package) -> tuple[str, ...]:
    """What a new document is known by; a package about earlier ones has none, for it must come after them."""
    if isinstance(package, Document) and package.business.type is BusinessType.NEW:
        return package.document_id, f"{package.code_number}/{package.code_notation}"
    return ()


def _ready(job: Job, prepared: Prepared) -> Ready:
    path = job.folder / prepared.file
    small = path.stat().st_size <= SMALL
    names = frozenset(prepared.names) if small else frozenset()
    return Ready(path=path, data=path.read_bytes() if small else None, names=names)


def _lying_beside(job: Job, prepared: Prepared) -> list[BigFile]:
    """The files the package names, out of those taken with it. ATTACHMENT_MISMATCH where one has other bytes."""
    package = read((job.folder / prepared.file).read_bytes())
    places = {file.original: job.source(file) for file in job.files[1:]}
    found = find_named(package, places.values())
    same = {file.sha256 for file in found}
    for place, entry in enumerate(external_entries(package)):
        lies = [name for name in places if is_named(name, entry.attachment_name)]
        if lies and entry.external is not None and entry.external.sha256 not in same:
            raise Refusal(
                Code.ATTACHMENT_MISMATCH,
                field=f"Manifest/Reference[{place + 1}]/ExternalContent",
                detail=f"{lies[0]}: tệp nằm cạnh không phải tệp mà văn bản đã ký / other bytes lie beside than the "
                f"document names ({entry.external.size} bytes, SHA-256 {entry.external.sha256})",
            )
    return found


def _missing(job: Job) -> list[str]:
    prepared = job.prepared
    entries = external_entries(read((job.folder / prepared.file).read_bytes())) if prepared else ()
    lying = [file.original for file in job.files[1:]]
    return [
        entry.attachment_name
        for entry in entries
        if not any(is_named(name, entry.attachment_name) for name in lying)
    ]


def _is_signed(data: bytes) -> bool:
    """Whether there is an XML signature that signing would take out. Junk before the XML ends every signature."""
    try:
        root = parse(data)
    except Refusal:
        return False
    return next(root.iter(f"{{{DSIG}}}Signature"), None) is not None
