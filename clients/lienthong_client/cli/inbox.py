"""`inbox`: what waits, and with --follow what comes."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from lienthong.errors import Refusal
from lienthong_client.cli import shapes
from lienthong_client.cli.output import Output, clean, local_time
from lienthong_client.cli.session import session_of
from lienthong_client.client import AgencyClient
from lienthong_client.errors import Unreachable
from lienthong_client.results import DocumentSummary, InboxItem
from lienthong_client.results_business import Notice

EPILOG = """[b]Examples[/b]

  lienthong-agency inbox

  lienthong-agency inbox --follow --json | while read -r line; do … ; done

In a pipe each delivery is one line: delivery, time, sender, number, priority, subject, parted by tabs. Behind them
stand documents that were recalled or replaced, or that something is asked about, with what became of them as a seventh
part (--json: "notice"): they are not to be fetched. `ack DELIVERY` takes one that was seen off the list.
"""


def inbox(
    context: typer.Context,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Stay, and show each delivery the moment it comes.")
    ] = False,
) -> None:
    """Show the deliveries that wait for this agency, oldest first."""
    session = session_of(context)
    output = session.output
    if follow:
        session.run(lambda client: _follow(client, output))
        return

    async def work(client: AgencyClient) -> tuple[list[InboxItem], list[Notice]]:
        return await client.inbox(), await client.notices()

    items, notices = session.run(work)
    for item in items:
        _show(item, output)
    for notice in notices:
        _show_notice(notice, output)
    if not output.as_json:
        words = output.words
        output.note(words("inbox_count", count=len(items)) if items else words("inbox_empty"), style="dim")
        if notices:
            output.note(words("notice_count", count=len(notices)), style="yellow")


async def _follow(client: AgencyClient, output: Output) -> None:
    def interrupted(reason: Unreachable | Refusal, seconds: float) -> None:
        message = reason.message(output.words.language)
        output.note(output.words("interrupted", reason=message, seconds=seconds), style="yellow")

    if not output.as_json:
        output.note(output.words("following"), style="dim")
    async for item in client.watch_inbox(on_interrupted=interrupted):
        _show(item, output)


def _show(item: InboxItem, output: Output) -> None:
    if output.as_json:
        output.json(shapes.inbox_item(item))
        return
    document = item.document
    number, sender = number_of(document), sender_of(document)
    priority = output.words.priority(document.priority)
    cells = (item.delivery_id, local_time(item.consigned_at), sender, number, priority, document.subject)
    if not output.is_terminal:
        output.tabbed(cells)
        return
    head = Text(clean(item.delivery_id), style="bold").append(
        f"  {local_time(item.consigned_at)}", style="not bold dim"
    )
    if priority:
        head.append(f"  {priority}", style="bold red")
    output.show(head, f"  {clean(sender)}", f"  {clean(number)}  {clean(document.subject)}")


def _show_notice(notice: Notice, output: Output) -> None:
    if output.as_json:
        output.json(shapes.notice(notice))
        return
    document, asked = notice.document, notice.request
    sender, number = sender_of(document), number_of(document)
    key = f"notice_{asked.kind}_{asked.state}"
    by = f"{number_of(notice.by)} ({notice.by.document_id})"
    what = output.words(key, document=document.document_id, by=by)
    told = ": ".join(part for part in (what, asked.reason) if part)
    if notice.onward:
        copies = ", ".join(f"{number_of(copy)} ({copy.document_id})" for copy in notice.onward)
        told += "; " + output.words("notice_onward", copies=copies)
    delivery_id = notice.delivery.delivery_id
    if not output.is_terminal:
        priority = output.words.priority(document.priority)
        at = local_time(asked.asked_at)
        output.tabbed((delivery_id, at, sender, number, priority, document.subject, told))
        return
    head = Text(clean(delivery_id), style="dim").append(f"  {local_time(asked.asked_at)}")
    output.show(head, f"  {clean(sender)}", f"  {clean(number)}  {clean(document.subject)}")
    output.show(Text(f"  {clean(told)}", style="yellow"))


def sender_of(document: DocumentSummary) -> str:
    """Name and code."""
    return f"{document.sender_name} ({document.sender})" if document.sender_name else document.sender


def number_of(document: DocumentSummary) -> str:
    """`212/UBND-VX`; what it is where it has none."""
    return f"{document.code_number}/{document.code_notation}" if document.code_number else document.kind
