"""Is a file what its name and its declared type say? A program named .pdf is a lie; a sloppy .doc is not.

Bytes decide. Only what the first bytes prove counts: text, HTML and everything without a signature of its own may
bear any name. Office suites write old and new formats under each other's extensions, pictures likewise: that is
tolerated, because the programs that open them look at the bytes too.
"""

from __future__ import annotations

from typing import Final

from lienthong.errors import Code, Refusal

HEAD: Final = 2_048  #: bytes of a file that are looked at
RULE: Final = "attachment-types"

_MAGIC: Final = (
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "office"),
    (b"{\\rtf", "rtf"),
    (b"\x89PNG\r\n", "picture"),
    (b"\xff\xd8\xff", "picture"),
    (b"GIF8", "picture"),
    (b"II*\x00", "picture"),
    (b"MM\x00*", "picture"),
    (b"\x7fELF", "program"),
    (b"\xca\xfe\xba\xbe", "program"),
    (b"\xcf\xfa\xed\xfe", "program"),
    (b"\xfe\xed\xfa\xce", "program"),
    (b"L\x00\x00\x00\x01\x14\x02\x00", "program"),  # a Windows shortcut
    (b"Rar!\x1a\x07", "archive"),
    (b"7z\xbc\xaf\x27\x1c", "archive"),
    (b"\x1f\x8b", "archive"),
)
_OFFICE: Final = frozenset({"office", "zip", "rtf"})
#: extension -> the kinds its bytes may prove; what proves nothing passes
_ADMITTED: Final[dict[str, frozenset[str]]] = {
    "pdf": frozenset({"pdf"}),
    **dict.fromkeys(
        ("doc", "docx", "docm", "dot", "dotx", "xls", "xlsx", "xlsm", "xlsb", "ppt", "pptx", "rtf",
         "odt", "ods", "odp"),
        _OFFICE,
    ),
    **dict.fromkeys(("png", "jpg", "jpeg", "gif", "tif", "tiff", "bmp"), frozenset({"picture"})),
    **dict.fromkeys(("zip", "rar", "7z", "gz"), frozenset({"zip", "archive"})),
    **dict.fromkeys(("txt", "csv", "xml", "edxml", "html", "htm", "json", "yaml"), frozenset[str]()),
}  # fmt: skip
_DECLARED: Final = (("application/pdf", "pdf"), ("image/", "png"), ("text/", "txt"))


def check_type(name: str, media_type: str | None, head: bytes, path: str) -> None:
    """Refuse a file whose first bytes prove another kind than its name (or, for a program, its type) says.

    Raises:
        Refusal: ATTACHMENT_MISMATCH.
    """
    proven = _kind(head)
    if proven is None:
        return
    admitted = _ADMITTED.get(_extension(name))
    if admitted is None and proven == "program":
        admitted = next(
            (_ADMITTED[ext] for start, ext in _DECLARED if (media_type or "").startswith(start)), None
        )
    if admitted is not None and proven not in admitted:
        detail = f"{path}: {name[:80]} is {'a program' if proven == 'program' else f'{proven} by its bytes'}"
        raise Refusal(Code.ATTACHMENT_MISMATCH, field=path, detail=detail, rule=RULE)


def _kind(head: bytes) -> str | None:
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head.startswith(b"MZ") and _is_windows_program(head):
        return "program"
    if head.startswith(b"#!/"):
        return "program"
    return "pdf" if b"%PDF-" in head[:1024] else None  # PDF readers look that far


def _is_windows_program(head: bytes) -> bool:
    """A text may begin with MZ; a program has its new header where the old one says, or the old one's own text."""
    start = int.from_bytes(head[60:64], "little")
    return b"DOS mode" in head or head[start : start + 2] in (b"PE", b"NE") or start >= HEAD


def _extension(name: str) -> str:
    return name.rpartition(".")[2].strip().lower() if "." in name else ""
