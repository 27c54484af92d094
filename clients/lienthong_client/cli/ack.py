"""`ack`: the signed receipt that ends a delivery. The document is fetched and verified first, always: a receipt for
bytes one has not verified is worth nothing.
"""

from __future__ import annotations

from typing import Annotated

import typer

from lienthong.errors import Code, Refusal
from lienthong_client.cli import shapes
from lienthong_client.cli.arguments import FILLED
from lienthong_client.cli.output import Output, local_time, styled
from lienthong_client.cli.session import session_of
from lienthong_client.client import AgencyClient
from lienthong_client.results import Acknowledged, Received

EPILOG = """[b]Example[/b]

  lienthong-agency ack 0192f3c2-…

The document is fetched and verified again, then its SHA-256 is signed as ContentHandover. Repeating it is safe. A
document that was recalled or replaced gets no receipt: it goes off the list of inbox, as seen.
"""


def ack(
    context: typer.Context,
    delivery: Annotated[
        str,
        typer.Argument(
            metavar="DELIVERY", callback=FILLED, help="A delivery's or document's id, from inbox."
        ),
    ],
) -> None:
    """Acknowledge a delivery with a signed receipt, after verifying the document."""
    session = session_of(context)
    output = session.output

    async def work(client: AgencyClient) -> tuple[Received, Acknowledged] | Refusal:
        try:
            received = await client.fetch(delivery, on_progress=on_progress)
        except Refusal as refusal:
            if refusal.code not in (Code.DOCUMENT_RECALLED, Code.DOCUMENT_SUPERSEDED):
                raise
            await client.acknowledge_notice(delivery)
            return refusal
        return received, await client.acknowledge(received)

    with output.progress("fetching") as on_progress:
        ended = session.run(work)
    if isinstance(ended, Refusal):
        _tell_seen(delivery, ended, output)
        return
    received, done = ended
    if output.as_json:
        output.json(
            {
                "delivery_id": done.delivery_id,
                "document_id": received.document_id,
                "sha256": received.sha256,
                "state": done.state.value,
                "handed_over_at": shapes.moment(done.handed_over_at),
            }
        )
        return
    words = output.words
    output.show(styled(f"{words('acknowledged')}, {local_time(done.handed_over_at)}", "PASSED"))
    output.facts({words("document"): received.document_id, "SHA-256": received.sha256})


def _tell_seen(delivery: str, ended: Refusal, output: Output) -> None:
    if output.as_json:
        output.json({"delivery_id": delivery, "seen": ended.code.value, "reason": ended.detail})
        return
    what = ended.message(output.words.language)
    output.show(output.words("notice_seen", what=what))
