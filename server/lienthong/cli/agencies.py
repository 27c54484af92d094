"""`lienthong agencies` and `lienthong certificates`: who takes part, and whose certificate counts for whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from lienthong.api.v1 import admin_pb2, common_pb2, directory_pb2
from lienthong.cli import output, plans, reforms
from lienthong.cli.arguments import CERTIFICATE, CODE, DAY, FILLED, SHA256, one_of
from lienthong.cli.operator import Operator, command, group, warn
from lienthong.domain.agency import Agency, AgencyStatus, DatedChange, Directory, Environment
from lienthong.domain.directory_csv import read_csv, write_csv
from lienthong.domain.directory_file import check_code, read_agencies, write_agencies
from lienthong.domain.lifecycle import Reform
from lienthong.errors import Code, Refusal
from lienthong.hub.rows import CertificatePurpose
from lienthong.rpc.mapping import agency as to_message

BATCH = 1_000  # agencies per part of an import: well under the hub's bound of 1 MiB per message
IMPORT_SECONDS = 600.0
SHOWN = 200  # agencies of a list, unless more are asked for


def _to_come(row: Mapping[str, Any]) -> str:
    """What a day to come brings; what a `--dry-run` for that day would change shows here."""
    begins = [f"begins {row['valid_from']}"] if row["status"] == "planned" else []
    changes = [f"{change['on']}: {plans.told(change)}" for change in row["changes"]]
    ends = [f"until {row['valid_to']}"] if row["valid_to"] and row["status"] != "closed" else []
    return "; ".join([*begins, *changes, *ends])


AGENCY_COLUMNS: list[output.Column] = [
    ("CODE", output.field("code")),
    ("NAME", output.field("name")),
    ("TIER", output.field("tier")),
    ("PARENT", output.field("parent")),
    ("STATUS", output.field("status")),
    ("OTHER CODES", output.field("aliases")),
    ("SUCCESSORS", output.field("successors")),
    ("TO COME", _to_come),
]

CERTIFICATE_COLUMNS: list[output.Column] = [
    ("AGENCY", lambda row: row["agency"] or "(operator)"),
    ("PURPOSE", output.field("purpose")),
    ("SHA-256", output.field("sha256")),
    ("SUBJECT", output.field("subject")),
    ("VALID TO", output.moment("not_after")),
    ("REVOKED", lambda row: " ".join(filter(None, (output.local(row["revoked_at"]), row["revoke_reason"])))),
]

PURPOSE = one_of(CertificatePurpose.SIGNATURE, CertificatePurpose.TRANSPORT)


ReasonOption = Annotated[
    str, typer.Option("--reason", help="Why: kept in the event log.", prompt=False), FILLED
]
CodeArgument = Annotated[str, typer.Argument(metavar="CODE", help="Agency code, old or new form."), CODE]


def register(app: typer.Typer) -> None:
    """Add the two groups to the program."""
    _agencies(group(app, "agencies", "The directory: list, add, close, import, export."))
    _certificates(group(app, "certificates", "Certificates bound to agencies: list, bind, revoke."))


def _agencies(app: typer.Typer) -> None:
    @command(
        app,
        "list",
        examples="lienthong agencies list binh son\nlienthong agencies list --tier commune --json",
    )
    async def _list(
        operator: Operator,
        text: Annotated[list[str] | None, typer.Argument(help="Part of a code, or words of a name.")] = None,
        tier: Annotated[str, typer.Option(help="Only this tier, as the directory names it.")] = "",
        test: Annotated[bool, typer.Option("--test", help="Test agencies too.")] = False,
        on: Annotated[str, typer.Option(help="As the directory stands that day.", metavar="DATE"), DAY] = "",
        limit: Annotated[
            int | None,
            typer.Option(min=0, help="At most so many, 0 for all. By default 200, with --json all."),
        ] = None,
    ) -> None:
        """List agencies as they stand today, or on another day."""
        most = (0 if operator.as_json else SHOWN) if limit is None else limit
        request = admin_pb2.ListAgenciesRequest(
            text=" ".join(text or ()), tier=tier, include_test=test, on=on, page_size=most
        )
        found: list[common_pb2.Agency] = []
        while True:
            answer = await operator.ask(operator.stub.ListAgencies, request)
            found += answer.agencies
            request.page_token = answer.next_page_token
            if not answer.next_page_token or 0 < most <= len(found):
                break
        shown = found[: most or None]
        operator.show(shown, AGENCY_COLUMNS, nothing="No agency matches.")
        if answer.next_page_token or len(shown) < len(found):
            warn(f"There are more than these {len(shown)}: narrow the search, or give --limit 0.")

    @command(
        app,
        "add",
        examples="lienthong agencies add H48.31.05 --name 'UBND xã Bình Minh' --tier commune --parent H48.31"
        " --alias 000.05.31.H48 --reason 'QĐ 12/2020'",
    )
    async def _add(
        operator: Operator,
        code: CodeArgument,
        name: Annotated[str, typer.Option(help="Full name."), FILLED],
        tier: Annotated[str, typer.Option(help="Tier, as the directory names it."), FILLED],
        reason: ReasonOption,
        parent: Annotated[str, typer.Option(help="Code of the agency above; none: a root."), CODE] = "",
        alias: Annotated[
            list[str] | None, typer.Option(help="Another code of it; may be repeated."), CODE
        ] = None,
        valid_from: Annotated[str, typer.Option(help="yyyy-MM-dd", metavar="DATE"), DAY] = "",
        test: Annotated[bool, typer.Option("--test", help="A test agency, hidden from pickers.")] = False,
    ) -> None:
        """Add an agency, or replace the one of this code.

        Its keys come next: `lienthong init` makes development ones; `certificates bind` takes the agency's own.
        """
        agency = Agency(
            code=check_code(code),
            name=name,
            tier=tier,
            parent=check_code(parent) if parent else None,
            aliases=tuple(check_code(other) for other in alias or ()),
            valid_from=_date(valid_from),
            environment=Environment.TEST if test else Environment.PRODUCTION,
        )
        request = admin_pb2.PutAgenciesRequest(agencies=[to_message(agency)], reason=reason)
        answer = await operator.ask(operator.stub.PutAgencies, request)
        operator.done(answer, f"{code} is in the directory (version {answer.version}).")

    reforms.register(app, AGENCY_COLUMNS)

    @command(
        app,
        "import",
        examples="lienthong agencies import quang-ngai.yaml --reason 'QĐ 12/2020'\n"
        "lienthong agencies import two-tier.csv --on 2025-07-01 --reason 'NQ 1677/NQ-UBTVQH15'",
    )
    async def _import(
        operator: Operator,
        file: Annotated[
            Path,
            typer.Argument(metavar="FILE", help="Directory file, YAML or CSV.", exists=True, dir_okay=False),
        ],
        reason: ReasonOption = "import of a directory file",
        on: Annotated[
            str,
            typer.Option(help="The directory becomes what the file says on that day.", metavar="DATE"),
            DAY,
        ] = "",
    ) -> None:
        """Add or replace every agency of a file, all or none.

        The file may be a part of the directory; nothing is removed.
        """
        agencies: Sequence[Agency] = read_file(file)
        if on:
            present, _ = await everything(operator)
            day = _date(on) or reforms.today()
            agencies = Reform(Directory.of(present), reforms.today()).follow(agencies, on=day)
            if not agencies:
                operator.done(admin_pb2.ImportAgenciesResponse(), "The directory is to be so already.")
                return
        answer = await operator.ask(
            operator.stub.ImportAgencies, _parts(agencies, reason), seconds=IMPORT_SECONDS
        )
        operator.done(answer, f"{len(agencies)} agencies imported (directory version {answer.version}).")

    @command(
        app,
        "export",
        examples="lienthong agencies export > directory.yaml\nlienthong agencies export --csv > directory.csv",
    )
    async def _export(
        operator: Operator,
        as_csv: Annotated[bool, typer.Option("--csv", help="A table instead of YAML.")] = False,
    ) -> None:
        """Print the whole directory with all its days as a directory file, or with --json one agency per line."""
        agencies, _ = await everything(operator)
        if operator.as_json:
            operator.show([to_message(agency) for agency in agencies], AGENCY_COLUMNS, nothing="")
        else:
            typer.echo(write_csv(agencies) if as_csv else write_agencies(agencies), nl=False)


def _parts(agencies: Sequence[Agency], reason: str) -> Iterator[admin_pb2.ImportAgenciesRequest]:
    for start in range(0, len(agencies), BATCH):
        part = [to_message(agency) for agency in agencies[start : start + BATCH]]
        yield admin_pb2.ImportAgenciesRequest(agencies=part, reason=reason)


async def everything(operator: Operator) -> tuple[list[Agency], int]:
    """The directory as it is written, with its version."""
    agencies: list[Agency] = []
    version = 0
    request = directory_pb2.SyncAgenciesRequest()
    async for part in operator.stream(operator.directory.SyncAgencies, request):
        agencies.extend(map(from_message, part.agencies))
        version = part.version
    return agencies, version


def read_file(file: Path) -> tuple[Agency, ...]:
    """The agencies of a directory file; its name says whether it is a table."""
    try:
        text = file.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refusal(
            Code.ARGUMENT_INVALID,
            field="file",
            detail=f"{file}: not UTF-8; in a spreadsheet save it as CSV UTF-8",
        ) from error
    return read_csv(text) if file.suffix.lower() in (".csv", ".tsv", ".txt") else read_agencies(text)


def _certificates(app: typer.Typer) -> None:
    @command(app, "list", examples="lienthong certificates list\nlienthong certificates list H48.31")
    async def _list(
        operator: Operator,
        agency: Annotated[str, typer.Argument(metavar="CODE", help="Only this agency's."), CODE] = "",
    ) -> None:
        """List bound certificates."""
        request = admin_pb2.ListCertificatesRequest(agency=agency)
        answer = await operator.ask(operator.stub.ListCertificates, request)
        operator.show(answer.certificates, CERTIFICATE_COLUMNS, nothing="No certificate is bound.")

    @command(
        app,
        "bind",
        examples="lienthong certificates bind signing.pem --agency H48.31 --purpose signature\n"
        "lienthong certificates bind admin.pem --operator",
    )
    async def _bind(
        operator: Operator,
        file: Annotated[
            Path,
            typer.Argument(metavar="PEM", help="The certificate.", exists=True, dir_okay=False),
            CERTIFICATE,
        ],
        agency: Annotated[str, typer.Option(metavar="CODE", help="Whose it is."), CODE] = "",
        purpose: Annotated[
            str, typer.Option(help="signature: signs documents; transport: opens connections."), PURPOSE
        ] = "signature",
        is_operator: Annotated[bool, typer.Option("--operator", help="An operator's connection.")] = False,
    ) -> None:
        """Bind a certificate to an agency: from now on it may sign for it, or connect as it."""
        if is_operator == bool(agency):
            raise Refusal(
                Code.ARGUMENT_INVALID, field="agency", detail="give either --agency CODE or --operator"
            )
        request = admin_pb2.BindCertificateRequest(
            pem=file.read_bytes(),
            agency=agency,
            purpose="transport" if is_operator else purpose,
            role="operator" if is_operator else "agency",
        )
        answer = await operator.ask(operator.stub.BindCertificate, request)
        bound = answer.certificate
        operator.done(
            bound, f"{bound.subject} ({bound.sha256}) is bound to {bound.agency or 'the operators'}."
        )

    @command(app, "revoke", examples="lienthong certificates revoke 3f9a… --reason 'token lost'")
    async def _revoke(
        operator: Operator,
        sha256: Annotated[
            str, typer.Argument(metavar="SHA256", help="Of the DER, as `certificates list` shows it."), SHA256
        ],
        reason: ReasonOption,
    ) -> None:
        """Revoke a binding here and now, whatever its authority's revocation list says."""
        request = admin_pb2.RevokeCertificateRequest(sha256=sha256.lower().replace(":", ""), reason=reason)
        answer = await operator.ask(operator.stub.RevokeCertificate, request)
        operator.done(answer.certificate, f"{answer.certificate.subject} is revoked.")


def from_message(message: common_pb2.Agency) -> Agency:
    """An agency as the hub gave it."""
    return Agency(
        code=message.code,
        name=message.name,
        tier=message.tier,
        parent=message.parent or None,
        aliases=tuple(message.aliases),
        status=AgencyStatus(message.status),
        successors=tuple(message.successors),
        valid_from=_date(message.valid_from),
        valid_to=_date(message.valid_to),
        environment=Environment(message.environment),
        changes=tuple(map(_change, message.changes)),
    )


def _change(message: common_pb2.AgencyChange) -> DatedChange:
    return DatedChange(
        on=date.fromisoformat(message.on),
        name=message.name or None,
        tier=message.tier or None,
        parent=message.parent or None,
        root=message.root,
        status=AgencyStatus(message.status) if message.status else None,
    )


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise Refusal(Code.ARGUMENT_INVALID, field="date", detail=f"{text!r} is not yyyy-MM-dd") from error
