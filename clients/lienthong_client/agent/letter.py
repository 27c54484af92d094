"""What does the small YAML beside a PDF say? A letter: whom it is for, what it is about, which files belong to it.

    to: [H48.11, H48.36.02]
    subject: Mời họp giao ban tháng 3
    code: 12/UBND-VP          # number and notation out of the office's register
    type: GM                  # and priority, content, due, promulgated, place, signer, position, competence
    files: [thu-moi.pdf, phu-luc.xlsx]      # when absent: the files of the same name
    not_secret: true          # declares, signed, that words like "mật" in it are no state secret

Read with PyYAML's base loader: text, lists and mappings only, so that `12/3` stays text and nothing is ever built.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import yaml

from lienthong.errors import Code
from lienthong_client.compose import Draft, DraftError, File, find_priority
from lienthong_client.content import BigFile
from lienthong_client.profile import SenderDefaults

LONGEST = 65_536  # bytes
_TEXTS = ("subject", "code", "type", "priority", "content", "place", "signer", "position", "competence")
_DATES = ("due", "promulgated")
_LISTS = ("to", "files")
_FLAGS = ("not_secret",)


@dataclass(frozen=True, slots=True)
class Letter:
    """A YAML file that was read. `files` is None when it names none."""

    values: dict[str, Any]

    @property
    def files(self) -> tuple[str, ...] | None:
        """The names of the files that belong to it, in NFC."""
        named: tuple[str, ...] | None = self.values.get("files")
        return named

    @property
    def recipients(self) -> tuple[str, ...]:
        """The codes under `to`."""
        codes: tuple[str, ...] = self.values["to"]
        return codes

    def draft(self, files: Sequence[File | BigFile], defaults: SenderDefaults) -> Draft:
        """The draft `AgencyClient.compose` takes; what the letter leaves open comes from the profile."""
        values = {key: value for key, value in self.values.items() if key not in ("files", "priority")}
        for key in ("place", "signer", "position", "competence"):
            values.setdefault(key, getattr(defaults, key))
        return Draft(**values, priority=find_priority(self.values.get("priority", "normal")), files=files)


def read_letter(data: bytes) -> Letter:
    """Raises `DraftError` with the key that is wrong."""
    if len(data) > LONGEST:
        raise _wrong("", f"dài quá / is longer than {LONGEST} byte")
    try:
        table = yaml.load(data.decode("utf-8-sig"), Loader=yaml.BaseLoader)  # noqa: S506 - builds text only
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise _wrong("", f"không phải YAML hợp lệ / is not YAML: {_place(error)}") from error
    if not isinstance(table, dict):
        raise _wrong("", "không có dạng / is not a mapping such as `subject: Mời họp`")
    values = {key: _value(key, value) for key, value in table.items() if value not in ("", None)}
    for key in ("to", "subject"):
        if not values.get(key):
            raise _wrong(key, "còn thiếu / missing")
    find_priority(values.get("priority", "normal"))
    return Letter(values)


def _value(key: Any, value: Any) -> Any:  # noqa: ANN401 - whatever YAML holds
    if key in _LISTS:
        return _list(key, value)
    if key not in _TEXTS + _DATES + _FLAGS:
        raise _wrong(
            str(key), f"không có mục này / unknown; known are {', '.join(_LISTS + _TEXTS + _DATES + _FLAGS)}"
        )
    if not isinstance(value, str):
        raise _wrong(key, "phải là chuỗi ký tự / must be text")
    if key in _FLAGS:
        if value not in ("true", "false"):
            raise _wrong(key, f"{value!r} không phải / is not true or false")
        return value == "true"
    if key in _TEXTS:
        return value
    try:
        return date.fromisoformat(value.strip())
    except ValueError:
        raise _wrong(key, f"{value!r} không phải ngày dạng / is not a date such as 2026-03-31") from None


def _list(key: str, value: Any) -> tuple[str, ...]:  # noqa: ANN401
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise _wrong(key, "phải là danh sách chuỗi / must be a list of texts")
    if key == "to":
        return tuple(code.strip() for item in items for code in item.split(",") if code.strip())
    names = tuple(unicodedata.normalize("NFC", item) for item in items)
    for name in names:
        if not name or name.startswith(".") or "/" in name or "\\" in name or "\0" in name:
            raise _wrong(
                key, f"{name!r} không phải tên tệp trong / is not the plain name of a file in outbox/"
            )
    if len(set(names)) < len(names):
        raise _wrong(key, "nêu một tệp hai lần / names a file twice")
    return names


def _place(error: Exception) -> str:
    """The line of a mistake, and what it is, on one line."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"dòng / line {error.problem_mark.line + 1}: {error.problem or error.context}"
    return str(error).partition("\n")[0]


def _wrong(key: str, detail: str) -> DraftError:
    return DraftError(Code.ARGUMENT_INVALID, field=key or "yaml", detail=detail)
