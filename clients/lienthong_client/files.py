"""How a stranger's file names become files on our disk: never outside the folder, never over another file."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path

from lienthong.domain.document import Attachment
from lienthong.domain.evidence import EvidenceKind
from lienthong.errors import Code
from lienthong_client.errors import Misuse
from lienthong_client.results import EvidenceItem, Received

_MAX_NAME = 200  # bytes of UTF-8; common file systems allow 255
_FORBIDDEN = frozenset('<>:"|?*')  # not allowed on Windows shares
_RESERVED = frozenset(
    {"CON", "PRN", "AUX", "NUL"} | {f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10)}
)
_KIND_ORDER = {kind: number for number, kind in enumerate(EvidenceKind)}


def safe_name(name: str, fallback: str = "attachment") -> str:
    """The last path part of `name` with everything dangerous or invisible taken out; `fallback` if nothing is left.

    Separators of both kinds split; control and format characters (bidi overrides hide extensions) are dropped.
    """
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    kept = "".join(
        "_" if char in _FORBIDDEN else char for char in last if unicodedata.category(char)[0] not in "C"
    )
    kept = kept.strip().lstrip(".").rstrip(". ") or fallback
    if kept.partition(".")[0].upper() in _RESERVED:
        kept = f"_{kept}"
    return _shorten(kept)


def save_files(folder: Path, attachments: Iterable[Attachment]) -> list[Path]:
    """Write attachments under `folder` (made if missing); returns the paths in order. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    return [save(folder, safe_name(file.attachment_name), file.content) for file in attachments]


def save_evidence(folder: Path, items: Iterable[EvidenceItem]) -> list[Path]:
    """Write signed records under `folder`, numbered in the order of the story. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    ordered = sorted(items, key=lambda item: _KIND_ORDER[item.kind])  # stable: hops keep the way's order
    paths = []
    for number, item in enumerate(ordered):
        whose = item.node or item.recipient
        name = f"{number:02}-{item.kind}" + (f"-{whose}" if whose else "")
        paths.append(save(folder, safe_name(f"{name}.xml"), item.xml))
    return paths


def save_received(
    folder: Path, received: Received, attachments: Iterable[Attachment]
) -> dict[str, str | list[str]]:
    """document.edxml (the exact signed bytes), attachments/ and evidence/ under `folder`; the paths.

    Raises `Misuse` when another document lies there, OSError.
    """
    document = folder / "document.edxml"
    if document.exists() and document.read_bytes() != received.data:
        raise Misuse(
            Code.ARGUMENT_INVALID, field=str(document), detail="holds another document; choose another folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    document.write_bytes(received.data)
    files = list(attachments)
    saved = save_files(folder / "attachments", files) if files else []
    records = save_evidence(folder / "evidence", received.evidence)
    return {
        "document": str(document),
        "attachments": [str(path) for path in saved],
        "evidence": [str(path) for path in records],
    }


def save(folder: Path, name: str, content: bytes) -> Path:
    """Write a new file. The same bytes already there are left; other bytes there move us to `name (2)`."""
    for candidate in names_like(name):
        path = folder / candidate
        try:
            with path.open("xb") as file:  # exclusive: neither overwrites nor follows a link
                file.write(content)
        except FileExistsError:
            if path.is_file() and not path.is_symlink() and path.read_bytes() == content:
                return path
            continue
        return path
    raise AssertionError("unreachable: names never run out")


def names_like(name: str) -> Iterator[str]:
    """`name`, then `name (2)`, `name (3)` …, each before the extension; never ends."""
    yield name
    stem, dot, extension = name.rpartition(".")
    if not dot:
        stem, extension = name, ""
    for number in count(2):
        yield f"{stem} ({number}){dot}{extension}"


def _shorten(name: str) -> str:
    if len(name.encode()) <= _MAX_NAME:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension.encode()) > 20:
        stem, dot, extension = name, "", ""
    room = _MAX_NAME - len(dot + extension)
    return stem.encode()[:room].decode(errors="ignore") + dot + extension
