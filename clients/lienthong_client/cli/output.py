"""How do answers reach the reader? JSON for programs, colour for a terminal, plain lines for a pipe.

Text that came from outside passes `clean` before it reaches a terminal: escape sequences and bidi overrides in a
subject must not rewrite what the clerk sees.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any, TextIO

from cryptography import x509
from cryptography.x509.oid import NameOID
from rich.console import Console, RenderableType
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table
from rich.text import Text

from lienthong.domain.plain_text import clean as clean
from lienthong_client.cli.words import Words

VIETNAM = timezone(timedelta(hours=7))
_PLAIN_WIDTH = 10_000  # columns: a pipe has no edge to wrap at
_WORTH_A_BAR = 1024 * 1024  # bytes

STYLES = {
    "PASSED": "green",
    "FAILED": "bold red",
    "INDETERMINATE": "yellow",
    "ACCEPTED": "cyan",
    "IN_TRANSIT": "cyan",
    "CONSIGNED": "blue",
    "HANDED_OVER": "green",
    "REFUSED": "bold red",
    "WITHDRAWN": "yellow",
    "EXPIRED": "bold red",
    "QUARANTINED": "bold red",
    "DEAD": "bold red",
}


def local_time(at: datetime | None) -> str:
    """A time as the office's clock shows it (+07:00); empty for None."""
    return f"{at.astimezone(VIETNAM):%Y-%m-%d %H:%M:%S}" if at is not None else ""


class Output:
    """One run's way of answering."""

    def __init__(self, *, as_json: bool, words: Words) -> None:
        self.as_json = as_json
        self.words = words
        self._out = _console(sys.stdout)
        self._err = _console(sys.stderr)

    @property
    def is_terminal(self) -> bool:
        """Whether people watch standard output."""
        return self._out.is_terminal

    def json(self, value: Mapping[str, Any]) -> None:
        """One JSON object on a line of its own, written at once."""
        sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
        sys.stdout.flush()

    def show(self, *lines: RenderableType) -> None:
        """Lines on standard output; a plain string is one line, taken literally and cleaned, never markup."""
        for line in lines:
            plain = isinstance(line, str)
            self._out.print(Text(clean(line)) if isinstance(line, str) else line, soft_wrap=plain)

    def note(self, text: str, style: str = "") -> None:
        """A line on standard error: what people should know and programs need not read."""
        self._err.print(Text(clean(text), style=style), soft_wrap=True)

    def tabbed(self, cells: Sequence[str]) -> None:
        """One line for a pipe, cells parted by tabs, written at once."""
        sys.stdout.write("\t".join(clean(cell) for cell in cells) + "\n")
        sys.stdout.flush()

    def facts(self, facts: Mapping[str, str]) -> None:
        """Name and value, aligned; empty values are left out."""
        shown = {name: value for name, value in facts.items() if value}
        width = max((len(name) for name in shown), default=0)
        for name, value in shown.items():
            line = Text(f"  {name:<{width}}  ", style="dim")
            self.show(line.append(Text(clean(value), style="not dim")))

    def rows(self, headings: Sequence[str], rows: Sequence[Sequence[str]], *, flexible: int) -> None:
        """A table on a terminal, tab-separated lines in a pipe. Column `flexible` may wrap, the others may not."""
        if not self.is_terminal:
            for row in rows:
                self.tabbed(row)
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for number, heading in enumerate(headings):
            table.add_column(heading, no_wrap=number != flexible, overflow="fold")
        for row in rows:
            table.add_row(*(Text(clean(cell)) for cell in row))
        self.show(table)

    @contextmanager
    def progress(self, key: str) -> Iterator[Callable[[int, int], None]]:
        """A callback (done, total) that draws a bar on standard error, for long transfers on a terminal only."""
        if self.as_json or not self._err.is_terminal:
            yield lambda done, total: None
            return
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        bar = Progress(*columns, console=self._err, transient=True)
        task = bar.add_task(self.words(key), total=None)

        def on_progress(done: int, total: int) -> None:
            if total >= _WORTH_A_BAR:
                bar.start()  # once; a short transfer never touches the terminal
                bar.update(task, completed=done, total=total)

        try:
            yield on_progress
        finally:
            bar.stop()


def holder_of(certificate: x509.Certificate) -> str:
    """Whose a certificate is, as people say it: its common name, else the whole subject."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return clean(str(names[0].value) if names else certificate.subject.rfc4514_string())


def styled(text: str, state: str) -> Text:
    """`text` in the colour of a state or verdict."""
    return Text(text, style=STYLES.get(state, ""))


def _console(file: TextIO) -> Console:
    console = Console(file=file, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console = Console(
            file=file, highlight=False, markup=False, emoji=False, width=_PLAIN_WIDTH, no_color=True
        )
    return console
