"""`lienthong documents late`, `documents unfetched`, `figures`: who is late, now and over a month."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import typer

from lienthong.api.v1 import receipts_pb2, receipts_pb2_grpc
from lienthong.cli import output
from lienthong.cli.arguments import CODE, MONTH
from lienthong.cli.operator import Operator, command

_PAGE = 500
MOST_DAYS = 36_500

OVERDUE_COLUMNS: list[output.Column] = [
    ("DUE", lambda row: output.local(row["delivery"]["receipt_due_at"])),
    ("RECEIVED", lambda row: output.local(row["delivery"]["handed_over_at"])),
    ("STATE", lambda row: row["delivery"]["state"]),
    ("RECIPIENT", lambda row: row["delivery"]["recipient"]),
    ("NAME", lambda row: row["delivery"]["recipient_name"]),
    ("FROM", lambda row: row["document"]["sender"]),
    (
        "NUMBER",
        lambda row: "/".join(
            filter(None, (row["document"]["code_number"], row["document"]["code_notation"]))
        ),
    ),
    ("DOCUMENT", lambda row: row["document"]["document_id"]),
]

FIGURE_COLUMNS: list[output.Column] = [
    ("AGENCY", output.field("agency")),
    ("NAME", output.field("name")),
    ("SENT", output.field("sent")),
    ("RECEIVED", output.field("received")),
    ("ON TIME", output.field("on_time")),
    ("LATE", output.field("late")),
    ("WAITING", output.field("waiting")),
    ("WITHDRAWN", output.field("withdrawn")),
    ("ON TIME %", lambda row: _share(row["on_time"], row["on_time"] + row["late"])),
]

SenderOption = Annotated[str, typer.Option(metavar="CODE", help="Sent by this agency."), CODE]
RecipientOption = Annotated[str, typer.Option(metavar="CODE", help="Sent to this agency."), CODE]
LimitOption = Annotated[int, typer.Option(min=1, help="At most this many.")]


def register_lists(documents: typer.Typer) -> None:
    """Add the lists to the group `documents`."""

    @command(
        documents, "late", examples="lienthong documents late\nlienthong documents late --recipient H48.31"
    )
    async def _late(
        operator: Operator,
        sender: SenderOption = "",
        recipient: RecipientOption = "",
        days: Annotated[
            int, typer.Option(min=0, max=MOST_DAYS, help="Due in so many past days; 0: ever.")
        ] = 30,
        limit: LimitOption = 500,
    ) -> None:
        """List documents that were not received within the day they came, those due first on top."""
        since = None if days == 0 else datetime.now(output.VIETNAM) - timedelta(days=days)
        request = receipts_pb2.ListOverdueRequest(
            kind="late", sender=sender, recipient=recipient, since=since
        )
        await _show(operator, request, limit, nothing="Nobody is late.")

    @command(
        documents,
        "unfetched",
        examples="lienthong documents unfetched\nlienthong documents unfetched --recipient H48.31",
    )
    async def _unfetched(
        operator: Operator,
        sender: SenderOption = "",
        recipient: RecipientOption = "",
        limit: LimitOption = 500,
    ) -> None:
        """List documents that lie in an inbox and are not received yet, due or not."""
        request = receipts_pb2.ListOverdueRequest(kind="unfetched", sender=sender, recipient=recipient)
        await _show(operator, request, limit, nothing="Every inbox is empty.")


def register(app: typer.Typer) -> None:
    """Add `figures` to the program."""

    @command(app, "figures", examples="lienthong figures\nlienthong figures --month 2026-03 --json")
    async def _figures(
        operator: Operator,
        month: Annotated[str, typer.Option(metavar="YYYY-MM", help="Default: this month."), MONTH] = "",
    ) -> None:
        """Show what each agency sent and received in a month, and how much of it within the day."""
        wanted = month or datetime.now(output.VIETNAM).strftime("%Y-%m")
        request = receipts_pb2.GetFiguresRequest(month=wanted)
        answer = await operator.ask(_stub(operator).GetFigures, request)
        operator.show(answer.figures, FIGURE_COLUMNS, nothing=f"Nothing was sent or received in {wanted}.")


async def _show(
    operator: Operator, request: receipts_pb2.ListOverdueRequest, limit: int, *, nothing: str
) -> None:
    """Page by page until `limit`."""
    found: list[receipts_pb2.OverdueItem] = []
    while len(found) < limit:
        request.page_size = min(_PAGE, limit - len(found))
        answer = await operator.ask(_stub(operator).ListOverdue, request)
        found.extend(answer.items)
        if not answer.next_page_token:
            break
        request.page_token = answer.next_page_token
    operator.show(found, OVERDUE_COLUMNS, nothing=nothing)


def _stub(operator: Operator) -> receipts_pb2_grpc.ReceiptServiceStub:
    return receipts_pb2_grpc.ReceiptServiceStub(operator.channel)  # type: ignore[no-untyped-call]


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if whole else ""
