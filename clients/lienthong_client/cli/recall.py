"""`recall`: ask for a document back; withdrawn at once where nobody has it yet."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from lienthong.domain.evidence import EvidenceKind
from lienthong.domain.request import RequestState
from lienthong_client.cli import shapes, shapes_business
from lienthong_client.cli.arguments import CODES, FILLED, split
from lienthong_client.cli.output import Output, clean, local_time, styled
from lienthong_client.cli.session import session_of
from lienthong_client.client import AgencyClient
from lienthong_client.results_business import Recalled

EPILOG = """[b]Examples[/b]

  lienthong-agency recall DOCUMENT --reason "Ban hành sai thẩm quyền"

  lienthong-agency recall DOCUMENT --reason "Gửi nhầm" --to H48.31.05 H48.31.06

Each recipient gets the reason. `evidence DOCUMENT` holds the hub's signed proof of what was stopped, and where; what
was read already is decided by the recipient's clerk (status 15 or 16): follow it with `watch` or `track`.
"""


def recall(
    context: typer.Context,
    document: Annotated[
        str, typer.Argument(metavar="DOCUMENT", callback=FILLED, help="Document id, DocumentId or SHA-256.")
    ],
    reason: Annotated[str, typer.Option(callback=FILLED, help="Why; the recipients read it.")],
    to: Annotated[
        list[str] | None, typer.Option(metavar="CODE…", callback=CODES, help="Only from these recipients.")
    ] = None,
) -> None:
    """Take a document back: stop it where it is, or ask the recipient's clerk."""
    session = session_of(context)
    codes = split(to)

    async def work(client: AgencyClient) -> tuple[list[Recalled], set[str | None]]:
        results = await client.recall(document, reason, to=codes)
        proof = await client.evidence(document) if results else None
        inbox = EvidenceKind.CONTENT_HANDOVER_FAILURE
        return results, {item.recipient for item in (proof.items if proof else ()) if item.kind is inbox}

    results, from_inbox = session.run(work)
    output = session.output
    for result in results:
        if output.as_json:
            line = shapes_business.recalled(result)
            if result.refusal is not None:
                line |= shapes.error(result.refusal, output.words.language)
            output.json(line)
        else:
            output.show(_line(result, result.recipient in from_inbox, output))
            for warning in result.warnings:
                output.show(Text(f"    ! {clean(warning.message)}", style="yellow"))
    if not results and not output.as_json:
        output.note(output.words("recall_none"), style="yellow")
    for result in results:
        if result.refusal is not None:
            raise result.refusal


def _line(result: Recalled, from_inbox: bool, output: Output) -> Text:
    words, delivery = output.words, result.delivery
    line = Text(f"  {clean(result.recipient)}  ")
    if result.refusal is not None:
        return line.append(styled(clean(result.refusal.message(words.language)), "FAILED"))
    state = result.request.state if result.request else RequestState.MOOT
    at = local_time(delivery.handed_over_at or delivery.updated_at)
    if state is RequestState.WITHDRAWN:
        key = "recall_inbox" if from_inbox else "recall_withdrawn"
        return line.append(styled(words(key, node=clean(delivery.node or ""), at=at), "PASSED"))
    if state is RequestState.ASKED:
        return line.append(styled(words("recall_asked", at=at), "INDETERMINATE"))
    if state in {RequestState.AGREED, RequestState.DECLINED}:
        return line.append(words(f"request_{state}"))
    return line.append(words("recall_pending" if state is RequestState.PENDING else "recall_moot"))
