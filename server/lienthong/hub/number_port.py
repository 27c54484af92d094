"""What the hub asks of the store about numbers: `numbers.py` judges by it."""

from __future__ import annotations

from typing import Protocol

from lienthong.hub.rows import DocumentRow


class NumberStore(Protocol):
    """Numbers of new documents."""

    async def numbered(self, sender: str, number: str, notation: str, year: int) -> list[DocumentRow]:
        """New documents (type 0) of this sender under this number and notation, promulgated in `year`; newest first.

        At most 100: more were never refused, and the first that stands against the number is enough.
        """
        ...
