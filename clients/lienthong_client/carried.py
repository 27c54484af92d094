"""Which files on our disk are those a package carries or names? By their bytes: a name alone proves nothing.

Two uses: to find what must be uploaded before a package is submitted (`find_named`), and to judge, years later, the
files that lie beside a document in a folder or a zip (`compare_carried`). Big files are read a piece at a time.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from lienthong.domain.document import Package
from lienthong.domain.evidence import Verdict
from lienthong.domain.ids import sha256_hex
from lienthong.edxml.attachments import read_attachments
from lienthong.edxml.bounds import Limits
from lienthong.edxml.reader import parse, read_package
from lienthong.errors import Refusal
from lienthong_client.content import BigFile, external_entries
from lienthong_client.files import safe_name
from lienthong_client.pdfs import ATTACHMENTS

_PIECE = 1 << 20  # bytes read at once
_NUMBER = re.compile(r"^[0-9]{3}-")  # before the names in an operator's export
_DAMAGED = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError)  # of a zip
_LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedFile:
    """A file of a document, and the one that lies beside the document."""

    document: str  #: the document's own file name
    name: str  #: as the sender wrote it
    file: str | None  #: what lies there; None when it is missing
    sha256: str  #: what the sender signed for
    size: int
    beside: bool  #: travels beside its package; else it is in the package too
    verdict: Verdict  #: PASSED: these bytes; FAILED: others under the name; INDETERMINATE: not there


@dataclass(frozen=True, slots=True)
class _Lying:
    """Something in an attachments folder. `size` of a zip's entry is what the zip says: never trusted."""

    name: str
    size: int
    open: Callable[[], IO[bytes]]

    def is_(self, sha256: str, size: int) -> bool:
        if self.size != size:
            return False
        digest, left = hashlib.sha256(), size
        try:
            with self.open() as file:
                while left >= 0 and (piece := file.read(_PIECE)):
                    left -= len(piece)
                    digest.update(piece)
        except _DAMAGED:
            return False
        return left == 0 and digest.hexdigest() == sha256

    def is_named(self, name: str) -> bool:
        return _NUMBER.sub("", PurePosixPath(self.name).name) == safe_name(name)


def find_named(package: Package, places: Iterable[Path]) -> list[BigFile]:
    """The external content a package names, as far as it lies at `places`: files, or folders and all below them.

    Only files of the right length are read. Raises OSError.
    """
    lying = [path for place in places for path in _below(place)]
    found = []
    for entry in external_entries(package):
        content = entry.external
        if content is None:
            continue
        for path in lying:
            if path.stat().st_size == content.size:
                file = BigFile.read(path, entry.attachment_name)
                if file.sha256 == content.sha256:
                    found.append(file)
                    break
    return found


def _below(place: Path) -> Iterator[Path]:
    if place.is_dir():
        yield from sorted(path for path in place.rglob("*") if path.is_file() and not path.is_symlink())
    else:
        yield place


def compare_carried(place: Path, documents: Sequence[tuple[str, bytes]]) -> tuple[CarriedFile, ...]:
    """What lies in `attachments/` beside each document in a folder or zip, against what its sender signed for.

    A file within its package may be missing outside; one that travels beside it may not. Nothing is told of a document
    given alone: it is asked about itself. Raises OSError.
    """
    if not (place.is_dir() or zipfile.is_zipfile(place)):
        return ()
    return tuple(
        carried
        for name, data in documents
        for carried in _examine(name, data, _lying(place, PurePosixPath(name).parent / ATTACHMENTS))
    )


def _examine(document: str, data: bytes, lying: list[_Lying]) -> Iterator[CarriedFile]:
    free = list(lying)
    for name, sha256, size, beside in _signed_for(data):
        there = next((each for each in free if each.is_(sha256, size)), None)
        verdict = Verdict.PASSED
        if there is None:
            there = next((each for each in free if each.is_named(name)), None)
            verdict = Verdict.INDETERMINATE if there is None else Verdict.FAILED
        if there is not None:
            free.remove(there)
        elif not beside:
            continue
        yield CarriedFile(
            document=document,
            name=name,
            file=there.name if there else None,
            sha256=sha256,
            size=size,
            beside=beside,
            verdict=verdict,
        )


def _signed_for(data: bytes) -> Iterator[tuple[str, str, int, bool]]:
    """(name, SHA-256, bytes, beside) of every file; those within as far as they can be opened."""
    with suppress(Refusal):  # the document's own steps say what is wrong with it
        root = parse(data, _LIMITS)
        package = read_package(root)
        for entry in external_entries(package):
            if entry.external is not None:
                yield entry.attachment_name, entry.external.sha256, entry.external.size, True
        for file in read_attachments(root, _LIMITS):
            yield file.attachment_name, sha256_hex(file.content), len(file.content), False


def _lying(place: Path, folder: PurePosixPath) -> list[_Lying]:
    if place.is_dir():
        return [
            _Lying((folder / path.name).as_posix(), path.stat().st_size, _opener(path))
            for path in _visible(place / folder)
        ]
    with zipfile.ZipFile(place) as archive:
        entries = [
            e for e in archive.infolist() if PurePosixPath(e.filename).parent == folder and not e.is_dir()
        ]
    return [_Lying(entry.filename, entry.file_size, _entry_opener(place, entry)) for entry in entries]


def _visible(folder: Path) -> list[Path]:
    """Its files; what begins with a dot is a download that has not ended."""
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and not path.is_symlink() and not path.name.startswith(".")
    )


def _opener(path: Path) -> Callable[[], IO[bytes]]:
    return lambda: path.open("rb")


def _entry_opener(place: Path, entry: zipfile.ZipInfo) -> Callable[[], IO[bytes]]:
    return lambda: zipfile.ZipFile(place).open(entry)
