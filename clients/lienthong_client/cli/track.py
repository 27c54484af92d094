"""`track`: where a document is, delivery by delivery, hop by hop."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text
from rich.tree import Tree

from lienthong_client.cli import shapes
from lienthong_client.cli.arguments import FILLED
from lienthong_client.cli.history import history
from lienthong_client.cli.output import Output, clean, local_time, styled
from lienthong_client.cli.session import session_of
from lienthong_client.results import Delivery, Hop, Tracking

EPILOG = """[b]Examples[/b]

  lienthong-agency track 0192f3c2-…

  lienthong-agency track "H48.31,2026/11/22,12/UBND-VP" --json

DOCUMENT is the hub's id, edXML's DocumentId or the SHA-256. Times are Viet Nam's (+07:00).
"""


def track(
    context: typer.Context,
    document: Annotated[
        str, typer.Argument(metavar="DOCUMENT", callback=FILLED, help="Document id, DocumentId or SHA-256.")
    ],
) -> None:
    """Show where each delivery of a document is and which nodes verified it."""
    session = session_of(context)
    found = session.run(lambda client: client.track(document))
    if session.output.as_json:
        session.output.json(shapes.tracking(found))
    else:
        _tell(found, session.output)


def _tell(found: Tracking, output: Output) -> None:
    document = found.document
    number = f"{document.code_number}/{document.code_notation}  " if document.code_number else ""
    tree = Tree(Text(f"{clean(number)}{clean(document.subject)}", style="bold"), guide_style="dim")
    tree.add(Text(f"{document.document_id}  {local_time(document.accepted_at)}", style="dim"))
    for delivery in found.deliveries:
        branch = tree.add(_headline(delivery, output))
        for hop in delivery.hops:
            branch.add(_hop(hop, output))
        for line in history(delivery, output):
            branch.add(line)
        if delivery.error is not None:
            branch.add(styled(f"{clean(delivery.error.message)} [{clean(delivery.error.code)}]", "FAILED"))
        elif not delivery.hops:
            branch.add(Text(output.words("no_hops"), style="dim"))
    output.show(tree)


def _headline(delivery: Delivery, output: Output) -> Text:
    words = output.words
    line = Text(
        f"{clean(delivery.recipient_name)} ({clean(delivery.recipient)})"
        if delivery.recipient_name
        else clean(delivery.recipient)
    )
    line.append("  ").append(styled(words.state(delivery.state), delivery.state))
    since = delivery.handed_over_at or delivery.consigned_at or delivery.updated_at
    line.append(f"  {local_time(since)}", style="dim")
    if delivery.status:
        line.append(f"  {words.status(delivery.status)}", style="magenta")
    return line


def _hop(hop: Hop, output: Output) -> Text:
    line = Text(f"{hop.sequence}. {local_time(hop.received_at)}  ").append(
        styled(output.words.state(hop.verdict), hop.verdict)
    )
    name = f"{clean(hop.node_name)} ({clean(hop.node)})" if hop.node_name else clean(hop.node)
    return line.append(f"  {name}  ").append(output.words.tier(clean(hop.tier)), style="dim")
