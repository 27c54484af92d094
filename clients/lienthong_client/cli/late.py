"""`late`: what was not received within the day, or is not fetched yet; as its recipient or as its sender."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer

from lienthong_client.cli import shapes
from lienthong_client.cli.arguments import MOST_DAYS
from lienthong_client.cli.output import Output, local_time
from lienthong_client.cli.session import session_of
from lienthong_client.results import Overdue

EPILOG = """[b]Examples[/b]

  lienthong-agency late

  lienthong-agency late --as sender --days 90 --json

  lienthong-agency late --unfetched

An electronic document is received within the day it comes (Nghị định 30/2020, article 21.2); after 17:00 and on days
off it counts for the next working day. In a pipe each delivery is one line: delivery, due, received, state, other
side, number, subject, parted by tabs.
"""


class Side(StrEnum):
    """Whose view."""

    SENDER = "sender"
    RECIPIENT = "recipient"


def late(
    context: typer.Context,
    side: Annotated[
        Side, typer.Option("--as", help="Documents this agency received, or those it sent.")
    ] = Side.RECIPIENT,
    unfetched: Annotated[
        bool, typer.Option("--unfetched", help="Those in the inbox still, due or not.")
    ] = False,
    days: Annotated[
        int, typer.Option(min=0, max=MOST_DAYS, metavar="DAYS", help="Due in so many past days; 0: ever.")
    ] = 30,
) -> None:
    """Show documents that were not received within the day, those due first on top."""
    session = session_of(context)
    since = None if unfetched or days == 0 else datetime.now(UTC) - timedelta(days=days)
    found = session.run(lambda client: client.overdue(side=side.value, unfetched=unfetched, since=since))
    output = session.output
    if output.as_json:
        for item in found:
            output.json(shapes.overdue(item))
        return
    headings = [
        output.words(key) for key in ("delivery", "due", "received", "status", "with", "number", "subject")
    ]
    output.rows(headings, [_row(item, side, output) for item in found], flexible=6)
    output.note(output.words("late_count", count=len(found)), style="dim")


def _row(item: Overdue, side: Side, output: Output) -> tuple[str, ...]:
    document, delivery = item.document, item.delivery
    name, code = (
        (delivery.recipient_name, delivery.recipient)
        if side is Side.SENDER
        else (document.sender_name, document.sender)
    )
    return (
        delivery.delivery_id,
        local_time(delivery.receipt_due_at),
        local_time(delivery.handed_over_at),
        output.words.state(delivery.state),
        f"{name} ({code})" if name else code,
        "/".join(part for part in (document.code_number, document.code_notation) if part),
        document.subject,
    )
