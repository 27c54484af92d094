"""`lienthong dead-letters` and `lienthong quarantine`: what is held for a person to decide on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lienthong.api.v1 import admin_pb2
from lienthong.cli import output
from lienthong.cli.agencies import ReasonOption
from lienthong.cli.arguments import FILLED, NEW_FILE
from lienthong.cli.documents import EVENT_COLUMNS
from lienthong.cli.operator import Operator, command, group

COLUMNS: list[output.Column] = [
    ("ID", output.field("id")),
    ("SINCE", output.moment("at")),
    ("NODE", output.field("node")),
    ("LANE", output.field("lane")),
    ("DOCUMENT", output.field("document_id")),
    ("WHY", output.field("code")),
    ("DETAIL", output.field("detail")),
    ("RESOLVED", lambda row: " ".join(filter(None, (row["resolution"], output.local(row["resolved_at"]))))),
]

DETAIL_COLUMNS: list[output.Column] = [
    *COLUMNS,
    ("MEANING", output.field("message")),
    ("REMEDY", output.field("remedy")),
    ("REASON", output.field("reason")),
    ("BY", output.field("resolved_by")),
]

CLAIMED_COLUMNS: list[output.Column] = [
    ("SUBJECT", output.field("subject")),
    ("SENDER", output.field("sender")),
]

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="As the list shows it."), FILLED]


def register(app: typer.Typer) -> None:
    """Add the two groups to the program."""
    dead = group(
        app, "dead-letters", "Transit messages no relay could process: list, show, requeue, discard."
    )
    _reading(dead, "dead_letter", "No dead letters.")
    _act(
        dead,
        "requeue",
        "requeued",
        "Put the very message back into its node's queue, once the cause is mended.",
    )
    _act(
        dead,
        "discard",
        "discarded",
        "Give the message up: its deliveries end as REFUSED, and the sender gets the signed failure.",
    )
    quarantine = group(
        app, "quarantine", "Documents that failed verification on the way: list, show, release, reject."
    )
    _reading(quarantine, "quarantine", "Nothing is in quarantine.")
    _act(
        quarantine,
        "release",
        "released",
        "Publish the stored original again; the held copy is never sent on.",
    )
    _act(
        quarantine,
        "reject",
        "rejected",
        "Refuse the document to the recipients behind the node that held it.",
    )


def _reading(app: typer.Typer, kind: str, nothing: str) -> None:
    @command(
        app, "list", examples=f"lienthong {_name(kind)} list\nlienthong {_name(kind)} list --resolved --json"
    )
    async def _list(
        operator: Operator,
        resolved: Annotated[bool, typer.Option("--resolved", help="Decided ones too.")] = False,
        limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 100,
    ) -> None:
        """List what is held."""
        request = admin_pb2.ListHeldRequest(kind=kind, include_resolved=resolved, limit=limit)
        answer = await operator.ask(operator.stub.ListHeld, request)
        operator.show(answer.held, COLUMNS, nothing=nothing)

    @command(app, "show", examples=f"lienthong {_name(kind)} show 0197…")
    async def _show(
        operator: Operator,
        held: IdArgument,
        message: Annotated[
            Path | None,
            typer.Option("--message", metavar="FILE", help="Save the exact transit message here."),
            NEW_FILE,
        ] = None,
    ) -> None:
        """Show one held message: why it is held, which document it names, what happened to that document."""
        answer = await operator.ask(operator.stub.GetHeld, admin_pb2.GetHeldRequest(id=held))
        if message is not None:
            message.write_bytes(answer.transit_message)
        row = output.plain(answer)
        row["transit_message_bytes"] = len(answer.transit_message)
        del row["transit_message"]
        if operator.as_json:
            output.print_json(row)
            return
        console = output.people()
        console.print(output.details(row["held"], DETAIL_COLUMNS))
        if row["document"] is not None:
            console.print(output.details(row["document"], CLAIMED_COLUMNS))
        console.print(output.table(row["events"], EVENT_COLUMNS))


def _act(app: typer.Typer, name: str, resolution: str, text: str) -> None:
    async def _resolve(operator: Operator, held: IdArgument, reason: ReasonOption) -> None:
        request = admin_pb2.ResolveHeldRequest(id=held, resolution=resolution, reason=reason)
        answer = await operator.ask(operator.stub.ResolveHeld, request)
        operator.done(answer.held, f"{answer.held.id}: {answer.held.resolution}.")

    _resolve.__doc__ = text
    kind = "dead-letters" if resolution in ("requeued", "discarded") else "quarantine"
    command(app, name, examples=f"lienthong {kind} {name} 0197… --reason 'node back in service'")(_resolve)


def _name(kind: str) -> str:
    return "dead-letters" if kind == "dead_letter" else kind
