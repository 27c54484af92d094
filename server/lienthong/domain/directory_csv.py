"""How a directory is written in a table (CSV): the same agencies as in a directory file, one per row.

    code,name,tier,parent,aliases,status,successors,valid_from,valid_to,environment,changes
    H48.31.05,UBND xã Bình Thạnh,commune,H48.31,000.05.31.H48,active,,,,production,

Codes of a list are parted by spaces, `changes` is JSON. Spreadsheets' habits are taken in: a byte order mark, `;` or
tab for the comma, columns in any order or missing. The national axis' `code102` is another of the agency's codes.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from typing import Any

from lienthong.domain.agency import Agency
from lienthong.domain.directory_file import read_entries, write_changes
from lienthong.errors import Code, Refusal

COLUMNS = (
    "code",
    "name",
    "tier",
    "parent",
    "aliases",
    "status",
    "successors",
    "valid_from",
    "valid_to",
    "environment",
    "changes",
)
_LISTS = ("aliases", "successors")
_AXIS = "code102"
_DELIMITERS = ",;\t"
_FORMULA = ("=", "+", "-", "@")


def read_csv(text: str) -> tuple[Agency, ...]:
    """The agencies of a table. Raises `Refusal` ARGUMENT_INVALID with the entry's position, as `read_agencies`."""
    lines = text.removeprefix("\ufeff")
    head = lines.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=head.count)
    try:
        rows = list(csv.DictReader(io.StringIO(lines, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise Refusal(Code.ARGUMENT_INVALID, field="directory", detail=f"not a table: {error}") from error
    names = [name.strip().lower() for name in head.strip().split(delimiter)]
    if "code" not in [name.strip('"') for name in names]:
        raise Refusal(
            Code.ARGUMENT_INVALID, field="directory", detail=f"the first row must name columns of {COLUMNS}"
        )
    return read_entries(
        [_entry(number, row) for number, row in enumerate(rows, start=1) if any(row.values())]
    )


def write_csv(agencies: Iterable[Agency]) -> str:
    """A table that `read_csv` reads back to equal values. Spreadsheets are kept from taking text for formulas."""
    out = io.StringIO(newline="")
    table = csv.writer(out, lineterminator="\n")
    table.writerow(COLUMNS)
    for agency in agencies:
        table.writerow([_cell(agency, column) for column in COLUMNS])
    return out.getvalue()


def _entry(number: int, row: dict[str | None, Any]) -> dict[str, Any]:
    if None in row:
        raise Refusal(Code.ARGUMENT_INVALID, field=f"agencies[{number}]", detail="more cells than columns")
    entry: dict[str, Any] = {}
    for name, value in row.items():
        column, text = str(name).strip().lower(), (value or "").strip()
        if not text:
            continue
        if column in _LISTS:
            entry[column] = [*entry.get(column, ()), *text.replace(",", " ").split()]
        elif column == _AXIS:
            entry["aliases"] = [*entry.get("aliases", ()), text]
        elif column == "changes":
            entry[column] = _changes(number, text)
        else:
            entry[column] = text.removeprefix("'") if text[:2] in {f"'{sign}" for sign in _FORMULA} else text
    if entry.get("aliases"):
        entry["aliases"] = [alias for alias in dict.fromkeys(entry["aliases"]) if alias != entry.get("code")]
    return entry


def _changes(number: int, text: str) -> object:
    try:
        return json.loads(text)
    except ValueError as error:
        raise Refusal(
            Code.ARGUMENT_INVALID, field=f"agencies[{number}].changes", detail="not JSON"
        ) from error


def _cell(agency: Agency, column: str) -> str:
    value = getattr(agency, column)
    if column == "changes":
        return json.dumps(write_changes(value), ensure_ascii=False) if value else ""
    if isinstance(value, tuple):
        return " ".join(value)
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
