"""How is a long list of the directory answered in pages?

Each page names the row it ended with; the next goes on after it.

What is added or removed between two pages is seen or not, as if the list had been read in one go a little earlier or
later; no row that stays is left out or told twice.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import TypeVar

from lienthong.rpc import arguments

PAGE = 1_000  # rows

Row = TypeVar("Row")


def page(
    rows: Sequence[Row], key: Callable[[Row], str], *, size: int, token: str, ordered: bool = True
) -> tuple[Sequence[Row], str]:
    """The rows after the one named by `token`, and the token of the next page; "" after the last.

    `ordered`: the rows stand in the order of their keys, so that a row that has gone meanwhile does no harm.
    """
    start = 0
    if token and ordered:
        start = bisect_right(rows, token, key=key)
    elif token:
        place = next((n for n, row in enumerate(rows) if key(row) == token), None)
        if place is None:
            raise arguments.invalid("page_token", "begin anew")
        start = place + 1
    end = start + arguments.count(size, default=PAGE, most=PAGE)
    return rows[start:end], key(rows[end - 1]) if end < len(rows) else ""
