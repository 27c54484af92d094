"""`lienthong queues`, `documents`, `evidence`, `reconcile`, `events`: where documents are and what happened to them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from lienthong.api.v1 import admin_pb2
from lienthong.cli import output, receipts
from lienthong.cli.archive import Archive
from lienthong.cli.arguments import CODE, FILLED, STATE
from lienthong.cli.history import HISTORY_COLUMNS, history
from lienthong.cli.operator import EXIT_UNREACHABLE, Operator, command, group, warn
from lienthong.errors import Code, Refusal

WATCH_SECONDS = 2.0

EVENT_COLUMNS: list[output.Column] = [
    ("AT", output.moment("at")),
    ("EVENT", output.field("kind")),
    ("BY", output.field("actor")),
    ("CONCERNING", output.field("subject")),
    ("DETAIL", lambda row: ", ".join(f"{key}={value}" for key, value in row["detail"].items())),
]

FILE_COLUMNS: list[output.Column] = [
    ("FILE", output.field("name")),
    ("BYTES", output.field("size")),
    ("WHERE", lambda row: "beside the package" if row["external"] else "in the package"),
    ("SIGNED BY", lambda row: row["problem"] or ", ".join(_signed(one) for one in row["signatures"])),
]

DOCUMENT_COLUMNS: list[output.Column] = [
    ("DOCUMENT", output.field("document_id")),
    ("ACCEPTED", output.moment("accepted_at")),
    ("FROM", output.field("sender")),
    ("NUMBER", lambda row: "/".join(filter(None, (row["code_number"], row["code_notation"])))),
    ("SUBJECT", output.field("subject")),
    ("LANE", output.field("lane")),
]

SUMMARY_COLUMNS: list[output.Column] = [
    *DOCUMENT_COLUMNS,
    ("EDXML ID", output.field("edxml_document_id")),
    ("KIND", output.field("kind")),
    ("SHA-256", output.field("sha256")),
    ("BYTES", output.field("size")),
]

DELIVERY_COLUMNS: list[output.Column] = [
    ("RECIPIENT", output.field("recipient")),
    ("NAME", output.field("recipient_name")),
    ("STATE", output.field("state")),
    ("STATUS", output.field("status")),
    ("SINCE", output.moment("updated_at")),
    ("WAY", lambda row: " > ".join(hop["node"] for hop in row["hops"])),
    ("WHY", lambda row: (row["error"] or {}).get("code")),
]

DocumentArgument = Annotated[
    str,
    typer.Argument(metavar="DOCUMENT", help="The hub's id, the edXML DocumentId, or the SHA-256."),
    FILLED,
]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    _queues(group(app, "queues", "The nodes' transit queues."))
    _documents(group(app, "documents", "Documents: find, show."))
    _evidence(group(app, "evidence", "Signed evidence, for keeping and for offline verification."))
    _acts(app)


def _queues(app: typer.Typer) -> None:
    @command(app, "list", examples="lienthong queues list\nlienthong queues list --all --watch")
    async def _list(
        operator: Operator,
        everything: Annotated[bool, typer.Option("--all", help="Empty queues too.")] = False,
        watch: Annotated[bool, typer.Option("--watch", help="Look again every two seconds.")] = False,
    ) -> None:
        """List queues with what waits in them, who consumes them and how old the oldest document is.

        While the broker does not answer: what the hub knows from its store, and exit code 4.
        """
        request = admin_pb2.ListQueuesRequest(all=everything)
        answer = await operator.ask(operator.stub.ListQueues, request)
        if operator.as_json:
            operator.show(answer.queues, [], nothing="")
            if answer.publishing_blocked:
                warn(BLOCKED)
        elif watch:
            with Live(_queue_view(answer), auto_refresh=False) as live:
                while True:
                    await asyncio.sleep(WATCH_SECONDS)
                    answer = await operator.ask(operator.stub.ListQueues, request)
                    live.update(_queue_view(answer), refresh=True)
        else:
            output.people().print(_queue_view(answer))
        if answer.HasField("broker"):
            warn(f"{answer.broker.code}: {AWAY}")
            raise typer.Exit(EXIT_UNREACHABLE)


BLOCKED = "The broker holds publishers back: memory or disk alarm."
AWAY = (
    "the broker does not answer: ready, in work and consumers are not to be had; documents and oldest are what the "
    "store knows. Is RabbitMQ running? Nothing is lost meanwhile: what was accepted is published when it is back."
)


def _queue_view(answer: admin_pb2.ListQueuesResponse) -> Group:
    now = datetime.now(UTC)
    columns: list[output.Column] = [
        ("NODE", output.field("node")),
        ("NAME", output.field("node_name")),
        ("TIER", output.field("tier")),
        ("LANE", output.field("lane")),
        ("READY", output.field("ready")),
        ("IN WORK", output.field("unacked")),
        ("CONSUMERS", output.field("consumers")),
        ("DOCUMENTS", output.field("documents")),
        ("OLDEST", lambda row: output.age(row["oldest"], now)),
    ]
    rows = [output.plain(queue) for queue in answer.queues]
    parts: list[Table | Text] = [output.table(rows, columns)] if rows else [Text("All queues are empty.")]
    if answer.HasField("broker"):
        parts.insert(0, Text("The broker does not answer: this is what the store knows.", style="red"))
    return Group(*([Text(BLOCKED, style="red")] if answer.publishing_blocked else []), *parts)


def _documents(app: typer.Typer) -> None:
    @command(
        app,
        "find",
        examples="lienthong documents find 'phòng chống dịch' --since 2020-02-01\n"
        "lienthong documents find --recipient H48.31 --delivery-state QUARANTINED --json",
    )
    async def _find(
        operator: Operator,
        text: Annotated[list[str] | None, typer.Argument(help="Part of the subject or the number.")] = None,
        sender: Annotated[str, typer.Option(metavar="CODE", help="Sent by this agency."), CODE] = "",
        recipient: Annotated[str, typer.Option(metavar="CODE", help="Sent to this agency."), CODE] = "",
        delivery_state: Annotated[
            str, typer.Option(metavar="STATE", help="With a delivery in this state."), STATE
        ] = "",
        since: Annotated[
            str, typer.Option(metavar="DATE", help="Accepted from this day (or ISO time) on.")
        ] = "",
        until: Annotated[
            str, typer.Option(metavar="DATE", help="Accepted up to this day (or ISO time).")
        ] = "",
        limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 50,
        before: Annotated[
            str, typer.Option(metavar="DOCUMENT", help="Page on: older than this one."), FILLED
        ] = "",
    ) -> None:
        """Find documents, newest first; every given condition must hold."""
        first, last = moment(since, time.min), moment(until, time.max)
        if first and last and first > last:
            raise Refusal(Code.ARGUMENT_INVALID, field="since", detail=f"{since} is after {until}")
        request = admin_pb2.FindDocumentsRequest(
            text=" ".join(text or ()),
            sender=sender,
            recipient=recipient,
            state=delivery_state.upper(),
            since=first,
            until=last,
            limit=limit,
            before_id=before,
        )
        answer = await operator.ask(operator.stub.FindDocuments, request)
        operator.show(answer.documents, DOCUMENT_COLUMNS, nothing="No document matches.")

    receipts.register_lists(app)

    @command(app, "show", examples="lienthong documents show 0197…")
    async def _show(operator: Operator, document: DocumentArgument) -> None:
        """Show a document's deliveries, hops and events."""
        request = admin_pb2.GetDocumentRequest(document=document)
        answer = output.plain(await operator.ask(operator.stub.GetDocument, request))
        if operator.as_json:
            output.print_json(answer)
            return
        console = output.people()
        console.print(output.details(answer["document"], SUMMARY_COLUMNS))
        said = history(answer["deliveries"])
        tables = (
            (answer["deliveries"], DELIVERY_COLUMNS),
            *([(said, HISTORY_COLUMNS)] if said else []),
            (answer["files"], FILE_COLUMNS),
            (answer["events"], EVENT_COLUMNS),
        )
        for rows, columns in tables:
            console.print()
            console.print(output.table(rows, columns))


def _signed(signature: dict[str, Any]) -> str:
    state = "trusted" if signature["trusted"] else "intact" if signature["intact"] else "BROKEN"
    return f"{signature['signer']} ({state})"


def _evidence(app: typer.Typer) -> None:
    @command(
        app,
        "export",
        examples="lienthong evidence export 0197… evidence.zip\nlienthong evidence export 0197… folder",
    )
    async def _export(
        operator: Operator,
        document: DocumentArgument,
        out: Annotated[Path, typer.Argument(metavar="OUT", help="A new folder, or a file NAME.zip.")],
        without_content: Annotated[
            bool,
            typer.Option(
                "--without-content",
                help="Leave out the files that travel beside the package; they cannot be verified then.",
            ),
        ] = False,
    ) -> None:
        """Write the document, all its signed evidence and its files; `lienthong-agency verify` checks it offline."""
        request = admin_pb2.ExportEvidenceRequest(document=document, without_content=without_content)
        with Archive.to(out) as archive:
            async for piece in operator.stream(operator.stub.ExportEvidence, request):
                archive.write(piece.name, piece.chunk)
        files = archive.names
        if operator.as_json:
            output.print_json({"document": document, "out": str(out), "files": files})
        else:
            output.people().print(f"{len(files)} files in {out}", markup=False)


def _acts(app: typer.Typer) -> None:
    @command(app, "reconcile", examples="lienthong reconcile\nlienthong reconcile --all")
    async def _reconcile(
        operator: Operator,
        everything: Annotated[
            bool, typer.Option("--all", help="Do not wait for the usual age: everything undelivered.")
        ] = False,
    ) -> None:
        """Publish again what was accepted and is not arriving. Harmless to repeat."""
        request = admin_pb2.ReconcileRequest(all=everything)
        answer = await operator.ask(operator.stub.Reconcile, request)
        operator.done(answer, f"{answer.published} documents were published again.")

    @command(app, "events", examples="lienthong events\nlienthong events --document 0197… --json")
    async def _events(
        operator: Operator,
        document: Annotated[
            str, typer.Option(metavar="DOCUMENT", help="Only of this document."), FILLED
        ] = "",
        limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 100,
    ) -> None:
        """Show the event log: the newest first, or for a document from its beginning."""
        request = admin_pb2.ListEventsRequest(document=document, limit=limit)
        answer = await operator.ask(operator.stub.ListEvents, request)
        columns: Sequence[output.Column] = [*EVENT_COLUMNS, ("DOCUMENT", output.field("document_id"))]
        operator.show(answer.events, columns, nothing="No events.")


def moment(text: str, end: time) -> datetime | None:
    """A day or an ISO time, in Vietnam's zone where it names none; None for an empty text."""
    if not text:
        return None
    try:
        if len(text) == 10:
            return datetime.combine(datetime.fromisoformat(text), end, output.VIETNAM)
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refusal(
            Code.ARGUMENT_INVALID, field="date", detail=f"{text!r} is not yyyy-MM-dd or ISO"
        ) from error
    return found if found.tzinfo is not None else found.replace(tzinfo=output.VIETNAM)
