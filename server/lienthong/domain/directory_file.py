"""How a directory is written in a file: YAML text to agencies and back, with errors that name the entry.

    agencies:
      - {code: H48, name: UBND tỉnh Quảng Ngãi, tier: province, aliases: [000.00.00.H48]}
      - {code: H48.31, name: UBND huyện Bình Sơn, tier: district, parent: H48, valid_to: 2025-06-30,
         status: closed, successors: [H48.31.05]}
      - {code: H48.31.05, name: UBND xã Bình Thạnh, tier: commune, parent: H48.31,
         changes: [{on: 2025-07-01, parent: H48}]}   # `root: true` instead of a parent: it stands under nobody

Every scalar is read as the text that stands there: a code such as `48` stays text, a date is yyyy-MM-dd.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import yaml

from lienthong.domain.agency import Agency, AgencyStatus, DatedChange, Directory, Environment
from lienthong.domain.plain_yaml import read_yaml
from lienthong.errors import Code, Refusal

_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

#: Codes name folders, queues and URIs: letters, digits and single dots, 35 characters (QĐ 20/2020 art. 4);
#: lower case and hyphens occur in sandboxes of the national axis.
CODE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?=[A-Za-z0-9])){0,34}")

_FIELDS = frozenset(
    {
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
    }
)
_CHANGE_FIELDS = frozenset({"on", "name", "tier", "parent", "root", "status"})
#: PLANNED is only ever an answer for a day
_STATUSES = [status.value for status in AgencyStatus if status is not AgencyStatus.PLANNED]
_NOTHING = frozenset({"", "~", "null"})


def read_agencies(text: str) -> tuple[Agency, ...]:
    """The agencies a file lists, each well-formed in itself; parents may be elsewhere (a partial file).

    Raises `Refusal` ARGUMENT_INVALID with the entry's position and code in `field`.
    """
    try:
        content = read_yaml(text)
    except yaml.YAMLError as error:
        raise Refusal(Code.ARGUMENT_INVALID, field="directory", detail=f"not YAML: {_at(error)}") from error
    if not isinstance(content, dict) or set(content) != {"agencies"}:
        raise Refusal(
            Code.ARGUMENT_INVALID, field="directory", detail="the file must hold one key: `agencies:`, a list"
        )
    return read_entries(content["agencies"])


def read_entries(entries: object) -> tuple[Agency, ...]:
    """The agencies of a list of mappings, as files of any form hold them."""
    if not isinstance(entries, list) or not entries:
        raise Refusal(Code.ARGUMENT_INVALID, field="agencies", detail="must be a list with an entry or more")
    agencies = tuple(_agency(number, entry) for number, entry in enumerate(entries, start=1))
    _check_codes(agencies)
    return agencies


def read_directory(text: str) -> Directory:
    """A whole directory: as `read_agencies`, and every parent and successor is in the file."""
    directory = Directory.of(read_agencies(text))
    for agency in directory:
        for successor in agency.successors:
            if directory.find(successor) is None:
                raise Refusal(
                    Code.ARGUMENT_INVALID,
                    field="successors",
                    detail=f"{agency.code}: unknown successor {successor}",
                )
    return directory


def write_agencies(agencies: Iterable[Agency]) -> str:
    """YAML text that `read_agencies` reads back to equal values."""
    content = {"agencies": [_entry(agency) for agency in agencies]}
    text: str = yaml.dump(content, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=110)
    return text


def read_changes(values: object) -> tuple[DatedChange, ...]:
    """Dated changes out of a list of mappings as files and the store keep them; `Refusal` ARGUMENT_INVALID."""
    return _changes(1, {"changes": values or ""})


def write_changes(changes: Iterable[DatedChange]) -> list[dict[str, str]]:
    """Mappings of text that `read_changes` reads back to equal values."""
    return [
        {key: "true" if value is True else str(value) for key, value in _change_entry(change).items()}
        for change in changes
    ]


def check_code(code: str) -> str:
    """The code, if it is safe as a name of folders and queues; raises `Refusal` ARGUMENT_INVALID."""
    if CODE.fullmatch(code) is None:
        raise Refusal(Code.ARGUMENT_INVALID, field="code", detail=f"{code!r} is not an agency code")
    return code


def _agency(number: int, entry: object) -> Agency:
    if not isinstance(entry, dict):
        raise _wrong(number, None, "", "must be a mapping with code, name and tier")
    code = entry.get("code")
    if unknown := sorted(entry.keys() - _FIELDS):
        raise _wrong(number, code, unknown[0], f"unknown field; known are {', '.join(sorted(_FIELDS))}")
    return Agency(
        code=_code(number, entry, "code"),
        name=_text(number, entry, "name"),
        tier=_text(number, entry, "tier"),
        parent=None if _absent(entry, "parent") else _code(number, entry, "parent"),
        aliases=_codes(number, entry, "aliases"),
        status=AgencyStatus(_choice(number, entry, "status", _STATUSES)),
        successors=_codes(number, entry, "successors"),
        valid_from=_date(number, entry, "valid_from"),
        valid_to=_date(number, entry, "valid_to"),
        environment=Environment(_choice(number, entry, "environment", [e.value for e in Environment])),
        changes=_changes(number, entry),
    )


def _changes(number: int, entry: Mapping[str, Any]) -> tuple[DatedChange, ...]:
    if _absent(entry, "changes"):
        return ()
    values, code = entry["changes"], entry.get("code")
    if not isinstance(values, list) or not all(
        isinstance(v, dict) and set(v) <= _CHANGE_FIELDS for v in values
    ):
        known = ", ".join(sorted(_CHANGE_FIELDS))
        raise _wrong(number, code, "changes", f"must be a list of mappings with {known}")
    return tuple(_change(number, value, code) for value in values)


def _change(number: int, value: Mapping[str, Any], code: object) -> DatedChange:
    day = _date(number, value, "on")
    if day is None:
        raise _wrong(number, code, "changes", "each needs its day: `on`")
    return DatedChange(
        on=day,
        name=None if _absent(value, "name") else _text(number, value, "name"),
        tier=None if _absent(value, "tier") else _text(number, value, "tier"),
        parent=None if _absent(value, "parent") else _code(number, value, "parent"),
        root=_choice(number, value, "root", ["false", "true"]) == "true",
        status=None
        if _absent(value, "status")
        else AgencyStatus(_choice(number, value, "status", _STATUSES)),
    )


def _absent(entry: Mapping[str, Any], field: str) -> bool:
    value = entry.get(field, "")
    return isinstance(value, str) and value.strip() in _NOTHING


def _text(number: int, entry: Mapping[str, Any], field: str) -> str:
    value = entry.get(field)
    if not isinstance(value, str) or not value.strip():
        raise _wrong(number, entry.get("code"), field, "is missing")
    return value.strip()


def _code(number: int, entry: Mapping[str, Any], field: str) -> str:
    value = _text(number, entry, field)
    if CODE.fullmatch(value) is None:
        raise _wrong(number, entry.get("code"), field, f"{value!r} is not an agency code")
    return value


def _codes(number: int, entry: Mapping[str, Any], field: str) -> tuple[str, ...]:
    if _absent(entry, field):
        return ()
    values = entry[field]
    if not isinstance(values, list) or not all(isinstance(v, str) and CODE.fullmatch(v) for v in values):
        raise _wrong(number, entry.get("code"), field, "must be a list of agency codes")
    return tuple(values)


def _choice(number: int, entry: Mapping[str, Any], field: str, allowed: list[str]) -> str:
    if _absent(entry, field):
        return allowed[0]
    value = entry[field]
    if value not in allowed:
        raise _wrong(number, entry.get("code"), field, f"{value!r} is none of {', '.join(allowed)}")
    return str(value)


def _date(number: int, entry: Mapping[str, Any], field: str) -> date | None:
    if _absent(entry, field):
        return None
    try:
        return date.fromisoformat(entry[field])
    except (TypeError, ValueError):
        raise _wrong(number, entry.get("code"), field, f"{entry[field]!r} is not a date yyyy-MM-dd") from None


def _check_codes(agencies: tuple[Agency, ...]) -> None:
    owner: dict[str, int] = {}
    for number, agency in enumerate(agencies, start=1):
        for code in (agency.code, *agency.aliases):
            first = owner.setdefault(code, number)
            if first != number:
                raise _wrong(number, agency.code, "code", f"{code} stands in entry {first} already")


def _wrong(number: int, code: object, field: str, detail: str) -> Refusal:
    name = f" ({code})" if isinstance(code, str) and code else ""
    path = f"agencies[{number}].{field}" if field else f"agencies[{number}]"
    return Refusal(Code.ARGUMENT_INVALID, field=path, detail=f"entry {number}{name}: {field} {detail}")


def _at(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "unreadable"
    return f"{problem}, line {mark.line + 1}" if mark is not None else str(problem)


def _entry(agency: Agency) -> dict[str, Any]:
    entry: dict[str, Any] = {"code": agency.code, "name": agency.name, "tier": agency.tier}
    if agency.parent is not None:
        entry["parent"] = agency.parent
    if agency.aliases:
        entry["aliases"] = list(agency.aliases)
    if agency.status is not AgencyStatus.ACTIVE:
        entry["status"] = agency.status.value
    if agency.successors:
        entry["successors"] = list(agency.successors)
    if agency.valid_from is not None:
        entry["valid_from"] = agency.valid_from
    if agency.valid_to is not None:
        entry["valid_to"] = agency.valid_to
    if agency.environment is not Environment.PRODUCTION:
        entry["environment"] = agency.environment.value
    if agency.changes:
        entry["changes"] = [_change_entry(change) for change in agency.changes]
    return entry


def _change_entry(change: DatedChange) -> dict[str, Any]:
    entry: dict[str, Any] = {"on": change.on}
    for field in ("name", "tier", "parent"):
        if (value := getattr(change, field)) is not None:
            entry[field] = value
    if change.root:
        entry["root"] = True
    if change.status is not None:
        entry["status"] = change.status.value
    return entry
