"""How does a statement name any number of recipients without being built anew each time?

Building a statement costs more than running it, and a list that SQLAlchemy expands is worked out at every execution.
So a statement that names recipients is built once for each power of two of them, and kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from lienthong.store.tables import Key


def room(number: int) -> int:
    """The power of two that holds so many names."""
    return 1 << max(0, number - 1).bit_length()


def among(column: sa.ColumnElement[Any], size: int) -> sa.ColumnElement[bool]:
    """The column is one of the names that `spread` gives for a room of `size`."""
    return column.in_([sa.bindparam(f"r{place}", type_=Key) for place in range(size)])


def spread(names: Sequence[str]) -> dict[str, str]:
    """The parameters of `among`; the last name is repeated, which a list of alternatives does not mind."""
    last = len(names) - 1
    return {f"r{place}": names[min(place, last)] if names else "" for place in range(room(len(names)))}
