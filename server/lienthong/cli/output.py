"""How an answer is shown: tables for people, one JSON object per line for programs."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lienthong.domain.day import VIETNAM as VIETNAM
from lienthong.domain.plain_text import clean

Row = Mapping[str, Any]
Column = tuple[str, Callable[[Row], object]]


def plain(message: Message) -> dict[str, Any]:
    """A message as JSON values under its own field names; times ISO 8601 in UTC, absent ones null, bytes base64."""
    return {field.name: _field(message, field.name, field) for field in message.DESCRIPTOR.fields}


def _field(message: Message, name: str, field: Any) -> Any:  # noqa: ANN401 - descriptors are untyped
    value = getattr(message, name)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return dict(sorted(value.items()))
    if field.is_repeated:
        return [_value(item) for item in value]
    if field.has_presence and not message.HasField(name):
        return None
    return _value(value)


def _value(value: Any) -> Any:  # noqa: ANN401 - any protobuf value
    if isinstance(value, Timestamp):
        return value.ToDatetime().isoformat(timespec="milliseconds") + "Z"
    if isinstance(value, Message):
        return plain(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return value


def print_json(value: object) -> None:
    """One line on standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def table(rows: Iterable[Row], columns: Iterable[Column], *, title: str | None = None) -> Table:
    """A table with one line per row; a column is its heading and what it takes from a row."""
    columns = list(columns)
    made = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for heading, _ in columns:
        made.add_column(heading, overflow="fold")
    for row in rows:
        made.add_row(*(_cell(take(row)) for _, take in columns))
    return made


def _cell(value: object) -> Text:
    """Literally, and cleaned: much of what is shown here was written by strangers."""
    if value is None:
        return Text()
    return Text(clean(", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)))


def field(name: str) -> Callable[[Row], object]:
    """Takes a field as it is."""
    return lambda row: row[name]


def moment(name: str) -> Callable[[Row], object]:
    """Takes a time, shown in Vietnam's zone without seconds' fractions."""
    return lambda row: local(row[name])


def local(text: str | None) -> str:
    """An ISO time as a person in Vietnam writes it."""
    if not text:
        return ""
    return datetime.fromisoformat(text).astimezone(VIETNAM).strftime("%Y-%m-%d %H:%M:%S")


def age(text: str | None, now: datetime) -> str:
    """How long ago an ISO time was: `40s`, `12m`, `3h05`, `2d`."""
    if not text:
        return ""
    seconds = max(0, int((now - datetime.fromisoformat(text)).total_seconds()))
    if seconds < 60:
        return f"{seconds}s"
    if seconds < 3600:
        return f"{seconds // 60}m"
    if seconds < 86_400:
        return f"{seconds // 3600}h{seconds % 3600 // 60:02d}"
    return f"{seconds // 86_400}d"


def people() -> Console:
    """Where tables go: standard output, 200 columns wide where it is no terminal."""
    console = Console(file=sys.stdout, highlight=False)
    return console if console.is_terminal else Console(file=sys.stdout, highlight=False, width=200)


def details(row: Row, columns: Iterable[Column]) -> Table:
    """One row as a list of name and value; empty values are left out."""
    made = Table(box=None, show_header=False, pad_edge=False)
    made.add_column(style="bold")
    made.add_column(overflow="fold")
    for heading, take in columns:
        text = _cell(take(row))
        if text.plain:
            made.add_row(heading, text)
    return made
