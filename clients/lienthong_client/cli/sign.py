"""`sign`: strict, signed edXML out of whatever the eOffice system wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lienthong.domain.ids import sha256_hex
from lienthong.errors import Code
from lienthong_client.cli.output import holder_of
from lienthong_client.cli.session import session_of
from lienthong_client.errors import Misuse

EPILOG = """[b]Example[/b]

  lienthong-agency sign draft.edxml signed.edxml

Junk before the XML, a BOM and an old Signature block are taken out; the content stays. An OUT that exists is replaced.
"""


def sign(
    context: typer.Context,
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="The edXML file to sign.", exists=True, dir_okay=False)
    ],
    target: Annotated[
        Path, typer.Argument(metavar="OUT", help="Where the signed file goes.", dir_okay=False)
    ],
) -> None:
    """Make strict edXML out of a file and sign it with the agency's key."""
    session = session_of(context)
    if target.exists() and target.samefile(source):
        raise Misuse(Code.ARGUMENT_INVALID, field="OUT", detail="is the same file as IN")
    client = session.client()
    signed = client.sign(source.read_bytes())
    target.write_bytes(signed)
    certificate = client.signing_key
    subject = certificate.certificate.subject.rfc4514_string()
    if session.output.as_json:
        session.output.json(
            {
                "file": str(target),
                "sha256": sha256_hex(signed),
                "size": len(signed),
                "signer": {"subject": subject, "certificate_sha256": certificate.certificate_sha256},
            }
        )
        return
    words = session.output.words
    session.output.show(f"{words('signed')}: {target}")
    session.output.facts(
        {
            words("signer"): holder_of(certificate.certificate),
            "SHA-256": sha256_hex(signed),
            words("size"): f"{len(signed):,} {words('bytes')}",
        }
    )
