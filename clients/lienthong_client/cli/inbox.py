"""`inbox`: what waits, and with --follow what comes."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from lienthong.errors import Refusal
from lienthong_client.cli import shapes
from lienthong_client.cli.notices import number_of, sender_of, told
from lienthong_client.cli.output import Output, clean, local_time
from lienthong_client.cli.session import session_of
from lienthong_client.client import AgencyClient
from lienthong_client.errors import Unreachable
from lienthong_client.results import InboxItem
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
    what = told(notice, output.words)
    delivery_id = notice.delivery.delivery_id
    if not output.is_terminal:
        priority = output.words.priority(document.priority)
        at = local_time(asked.asked_at)
        output.tabbed((delivery_id, at, sender, number, priority, document.subject, what))
        return
    head = Text(clean(delivery_id), style="dim").append(f"  {local_time(asked.asked_at)}")
    output.show(head, f"  {clean(sender)}", f"  {clean(number)}  {clean(document.subject)}")
    output.show(Text(f"  {clean(what)}", style="yellow"))
