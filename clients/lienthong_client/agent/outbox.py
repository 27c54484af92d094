"""Which files in the outbox are whole and belong together?

A file is taken when it has not changed for a while by our own clock (writers' clocks and shares' times are not to be
trusted); one that looks cut off waits longer. Names that begin with a dot or end like a program's half-written file
are never looked at, so a writer that knows how writes `x.tmp` and renames it. Links and folders are left alone.
Files that an edXML says travel beside it belong to it: it waits for them as a letter does for its own, and then goes
without those that did not come, for the hub may have them.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePath

from lienthong.domain.document import Package
from lienthong.edxml.content import CONTENT
from lienthong.edxml.reader import read
from lienthong.edxml.repair import repair
from lienthong.errors import Refusal
from lienthong_client.agent.letter import LONGEST, read_letter
from lienthong_client.agent.settings import OutboxSettings
from lienthong_client.compose import DraftError
from lienthong_client.content import external_entries
from lienthong_client.files import safe_name

_HALF_WRITTEN = (".tmp", ".temp", ".part", ".partial", ".crdownload", ".download", ".filepart", ".lock", "~")
_XML = (".edxml", ".xml")
_YAML = (".yaml", ".yml")
_TAIL = 2048  # bytes
_LAST_TAG = re.compile(rb"</[^<>]+>[\s\0\x1a]*\Z")


class Kind(StrEnum):
    """What a group of files is."""

    EDXML = "edxml"  #: one edXML file
    LETTER = "letter"  #: a YAML file and those it names
    STRAY = "stray"  #: a file nothing can be made of; `Group.reason` says why


@dataclass(frozen=True, slots=True)
class Look:
    """What a file looked like: while this stays, the file did not change."""

    size: int
    mtime_ns: int
    inode: int

    @classmethod
    def at(cls, path: Path) -> Look | None:
        """None when it is gone or no plain file."""
        try:
            found = path.lstat()
        except OSError:
            return None
        if not stat.S_ISREG(found.st_mode):
            return None
        return cls(found.st_size, found.st_mtime_ns, found.st_ino)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Files to take together. `main` is the edXML, the YAML, or the stray file; it is also among `names`."""

    kind: Kind
    main: str
    names: tuple[str, ...]
    reason: str | None = None


@dataclass(slots=True)
class _Seen:
    look: Look
    since: float  #: our clock's time of the first look that found it so
    whole: bool | None = None  #: None until looked into
    beside: tuple[str, ...] | None = None  #: names of files that travel beside an edXML, once looked into


@dataclass(slots=True)
class Outbox:
    """The outbox as it was at the last `ready`."""

    folder: Path
    settings: OutboxSettings
    ignored: tuple[str, ...] = ()  #: links, folders and the like, for /health
    _seen: dict[str, _Seen] = field(default_factory=dict)

    def ready(self, now: float) -> list[Group]:
        """Look again; the groups that can be taken. `now`: seconds of a clock that never jumps."""
        self._look(now)
        groups: list[Group] = []
        spoken_for: set[str] = set()
        for name in [name for name in sorted(self._seen) if _is(name, _YAML) and self._settled(name, now)]:
            names, reason = self._letter(name)
            spoken_for.update(names)
            missing = [other for other in names if other not in self._seen]
            if reason is None and missing:
                if not self._is_old(name, now):
                    continue
                reason = f"thiếu tệp đi kèm / missing beside it: {', '.join(missing)}"
            present = [other for other in names if other in self._seen]
            if reason is None and not all(self._settled(other, now) for other in present):
                continue
            spoken_for.add(name)
            kind = Kind.LETTER if reason is None else Kind.STRAY
            groups.append(Group(kind=kind, main=name, names=(name, *present), reason=reason))
        groups += self._packages(now, spoken_for)
        return groups + list(self._strays(now, spoken_for))

    def _packages(self, now: float, spoken_for: set[str]) -> list[Group]:
        """edXML, each with what it names and nobody else does."""
        groups = []
        for name in [name for name in sorted(self._seen.keys() - spoken_for) if _is(name, _XML)]:
            if not self._settled(name, now):
                continue
            free = sorted(self._seen.keys() - spoken_for - {name})
            lying = [
                next((other for other in free if is_named(other, named)), None)
                for named in self._beside(name)
            ]
            present = [other for other in dict.fromkeys(lying) if other is not None]
            spoken_for.update(present)
            come = all(self._settled(other, now) for other in present)
            if come and (None not in lying or self._is_old(name, now)):
                groups.append(Group(kind=Kind.EDXML, main=name, names=(name, *present)))
        return groups

    def _beside(self, name: str) -> tuple[str, ...]:
        """What an edXML says travels beside it; nothing for one that cannot be read: its refusal will say why."""
        seen = self._seen[name]
        if seen.beside is None:
            try:
                data = (self.folder / name).read_bytes()
                entries = external_entries(_read(data)) if CONTENT.encode() in data else ()
            except (OSError, Refusal):
                entries = ()
            seen.beside = tuple(entry.attachment_name for entry in entries)
        return seen.beside

    def _strays(self, now: float, spoken_for: set[str]) -> Iterator[Group]:
        for name in sorted(self._seen.keys() - spoken_for):
            if not _is(name, _XML + _YAML) and self._is_old(name, now):
                stem = PurePath(name).stem
                reason = f"không có {stem}.yaml ghi nơi nhận / no {stem}.yaml says whom it is for"
                yield Group(kind=Kind.STRAY, main=name, names=(name,), reason=reason)

    def _look(self, now: float) -> None:
        found: dict[str, Look] = {}
        ignored = []
        with os.scandir(self.folder) as entries:
            names = [entry.name for entry in entries]
        for name in names:
            if name.startswith((".", "~")) or name.lower().endswith(_HALF_WRITTEN):
                continue
            look = Look.at(self.folder / name)
            if look is None:
                ignored.append(name)
            else:
                found[name] = look
        self._seen = {
            name: seen if (seen := self._seen.get(name)) and seen.look == look else _Seen(look, now)
            for name, look in found.items()
        }
        self.ignored = tuple(sorted(ignored))

    def _settled(self, name: str, now: float) -> bool:
        seen = self._seen[name]
        age = now - seen.since
        if age < self.settings.settle:
            return False
        if seen.whole is None:
            seen.whole = _looks_whole(self.folder / name, seen.look.size)
        return seen.whole or age >= self.settings.hesitate

    def _is_old(self, name: str, now: float) -> bool:
        return now - self._seen[name].since >= self.settings.patience

    def _letter(self, name: str) -> tuple[tuple[str, ...], str | None]:
        """The files a YAML speaks for, and what is wrong with it."""
        by_name = {unicodedata.normalize("NFC", other): other for other in self._seen}
        stem = _stem(name)
        same_stem = tuple(
            other for other in sorted(self._seen) if _stem(other) == stem and not _is(other, _YAML)
        )
        try:
            with (self.folder / name).open("rb") as file:
                letter = read_letter(file.read(LONGEST + 1))
        except DraftError as error:
            return same_stem, ": ".join(part for part in (name, error.field, error.detail) if part)
        except OSError as error:
            return same_stem, f"{name}: {error.strerror}"
        if letter.files is None:
            return same_stem or (f"{PurePath(name).stem}.pdf",), None
        return tuple(by_name.get(other, other) for other in letter.files), None


def is_named(lying: str, name: str) -> bool:
    """Whether the file `lying` in a folder is the one a document calls `name`, which no folder may allow."""
    return _composed(lying) in (_composed(name), _composed(safe_name(name, "")))


def _read(data: bytes) -> Package:
    try:
        return read(data)
    except Refusal:
        return read(repair(data))


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _is(name: str, endings: tuple[str, ...]) -> bool:
    return name.lower().endswith(endings)


def _stem(name: str) -> str:
    return unicodedata.normalize("NFC", PurePath(name).stem).casefold()


def _looks_whole(path: Path, size: int) -> bool:
    """A cheap look at the end; a file that cannot be read looks whole, and taking it will say why not."""
    if not _is(path.name, (*_XML, ".pdf")):
        return True
    try:
        with path.open("rb") as file:
            file.seek(max(0, size - _TAIL))
            tail = file.read(_TAIL)
    except OSError:
        return True
    return b"%%EOF" in tail if _is(path.name, (".pdf",)) else _LAST_TAG.search(tail) is not None
