"""Whose is a number, of the documents of a store in memory? As `lienthong.store.numbers` decides it."""

from __future__ import annotations

from collections.abc import Iterable

from lienthong.domain.request import ENDED
from lienthong.hub.numbers import refuse_taken
from lienthong.hub.rows import DocumentRow, NewDocument
from tests.fakes.store_status import Kept


def check_number(documents: Iterable[Kept], document: NewDocument) -> None:
    """Raises `Refusal` RULE_VIOLATED when another document has the number."""
    issued, number = document.promulgation_date, document.code_number
    if document.business_type != 0 or number is None or issued is None:
        return
    notation, year = document.code_notation or "", issued[:4]
    for known in documents:
        row = known.row
        named = (row.sender, row.code_number, row.code_notation, row.business_type)
        if named != (document.sender, number, notation, 0) or (row.promulgation_date or "")[:4] != year:
            continue
        again = row.edxml_document_id == document.edxml_document_id
        same = (row.subject, row.promulgation_date) == (document.subject, issued)
        alive = any(delivery.state not in ENDED for delivery in known.deliveries.values())
        if alive and not again and not same:
            raise refuse_taken(number, notation, int(year), row.edxml_document_id or row.id)


def number_taken(documents: Iterable[Kept], document: NewDocument) -> bool:
    """Whether any document stands under the number, the same one sent again included."""

    def claim(of: NewDocument | DocumentRow) -> tuple[object, ...]:
        year = (of.promulgation_date or "")[:4]
        return of.sender, of.code_number, of.code_notation, year, of.business_type

    return any(claim(known.row) == claim(document) for known in documents)
