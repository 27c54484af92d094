"""`lienthong agencies close|lock|unlock|merge|split|move|groups`: the life of agencies, now or from a day on."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated

import typer

from lienthong.api.v1 import admin_pb2, directory_pb2
from lienthong.cli import output, plans
from lienthong.cli.arguments import CODE, DAY, FILLED, NAME, RECIPIENT
from lienthong.cli.operator import Operator, command, group
from lienthong.domain.day import day_of
from lienthong.errors import Code, Refusal

ReasonOption = Annotated[
    str, typer.Option("--reason", help="Why: kept in the event log.", prompt=False), FILLED
]
CodeArgument = Annotated[str, typer.Argument(metavar="CODE", help="Agency code, old or new form."), CODE]
CodesArgument = Annotated[
    list[str], typer.Argument(metavar="CODE…", help="Agency codes, old or new form."), CODE
]
OnOption = Annotated[
    str, typer.Option("--on", metavar="DATE", help="First day it holds, yyyy-MM-dd; else at once."), DAY
]
DryOption = Annotated[bool, typer.Option("--dry-run", help="Tell what would change, change nothing.")]

GROUP_COLUMNS: list[output.Column] = [
    ("NAME", lambda row: f"@{row['name']}"),
    ("KEPT BY", lambda row: row["owner"] or "(operators)"),
    ("MEMBERS", output.field("members")),
]

MEMBER_COLUMNS: list[output.Column] = [
    ("CODE", output.field("code")),
    ("NAME", output.field("name")),
    ("TIER", output.field("tier")),
]


def today() -> date:
    """The day in Vietnam."""
    return day_of(datetime.now(UTC))


def register(app: typer.Typer, columns: list[output.Column]) -> None:
    """Add the commands."""
    _endings(app, columns)
    _moves(app, columns)
    plans.register(app, columns)
    _groups(group(app, "groups", "Lists of recipients that every agency may use as @NAME."))


async def _reform(
    operator: Operator, columns: list[output.Column], request: admin_pb2.ReformAgenciesRequest, done: str
) -> None:
    answer = await operator.ask(operator.stub.ReformAgencies, request)
    if request.dry_run or operator.as_json:
        operator.show(answer.agencies, columns, nothing="Nothing would change.")
    else:
        when = f" from {request.on} on" if request.on else ""
        operator.done(answer, f"{done}{when} (directory version {answer.version}).")


def _endings(app: typer.Typer, columns: list[output.Column]) -> None:
    @command(
        app,
        "close",
        examples="lienthong agencies close H48.31 --successor H48.31.05 --on 2025-07-01 --reason 'NQ 1677'",
    )
    async def _close(
        operator: Operator,
        code: CodeArgument,
        reason: ReasonOption,
        successor: Annotated[
            list[str] | None, typer.Option(help="Who follows; may be repeated."), CODE
        ] = None,
        on: OnOption = "",
        dry_run: DryOption = False,
    ) -> None:
        """Close an agency: who writes to it is told its successors. Its code is never used again."""
        request = admin_pb2.ReformAgenciesRequest(
            kind="close", codes=[code], into=successor or (), on=on, reason=reason, dry_run=dry_run
        )
        followed = ", ".join(successor or ()) or "nobody"
        await _reform(operator, columns, request, f"{code} is closed; it is followed by {followed}")

    @command(
        app,
        "lock",
        examples="lienthong agencies lock H48.31.05 --until 2026-04-01 --reason 'chuyển hệ thống'",
    )
    async def _lock(
        operator: Operator,
        code: CodeArgument,
        reason: ReasonOption,
        on: OnOption = "",
        until: Annotated[str, typer.Option(metavar="DATE", help="First day it is open again."), DAY] = "",
        dry_run: DryOption = False,
    ) -> None:
        """Let an agency take no new documents; those on their way still arrive."""
        request = admin_pb2.ReformAgenciesRequest(
            kind="lock", codes=[code], on=on, until=until, reason=reason, dry_run=dry_run
        )
        await _reform(operator, columns, request, f"{code} is locked")

    @command(app, "unlock", examples="lienthong agencies unlock H48.31.05 --reason 'xong'")
    async def _unlock(
        operator: Operator,
        code: CodeArgument,
        reason: ReasonOption,
        on: OnOption = "",
        dry_run: DryOption = False,
    ) -> None:
        """Let an agency take documents again."""
        request = admin_pb2.ReformAgenciesRequest(
            kind="unlock", codes=[code], on=on, reason=reason, dry_run=dry_run
        )
        await _reform(operator, columns, request, f"{code} is open")


def _moves(app: typer.Typer, columns: list[output.Column]) -> None:
    @command(
        app,
        "merge",
        examples="lienthong agencies merge H48.31.05 H48.31.06 --into H48.107 --on 2025-07-01 --reason 'NQ 1677'",
    )
    async def _merge(
        operator: Operator,
        codes: CodesArgument,
        into: Annotated[
            str, typer.Option(metavar="CODE", help="Who takes their place; must be there."), CODE
        ],
        reason: ReasonOption,
        on: OnOption = "",
        dry_run: DryOption = False,
    ) -> None:
        """Close agencies into one; what stood under them stands under it."""
        request = admin_pb2.ReformAgenciesRequest(
            kind="merge", codes=codes, into=[into], on=on, reason=reason, dry_run=dry_run
        )
        await _reform(operator, columns, request, f"{', '.join(codes)} merged into {into}")

    @command(
        app,
        "split",
        examples="lienthong agencies split H48.31 --into H48.106 --into H48.107 --on 2025-07-01 --reason 'NQ 1677'",
    )
    async def _split(
        operator: Operator,
        code: CodeArgument,
        into: Annotated[list[str], typer.Option(metavar="CODE", help="A successor; repeat for each."), CODE],
        reason: ReasonOption,
        on: OnOption = "",
        dry_run: DryOption = False,
    ) -> None:
        """Close an agency into several; what stands under it must be moved before."""
        request = admin_pb2.ReformAgenciesRequest(
            kind="split", codes=[code], into=into, on=on, reason=reason, dry_run=dry_run
        )
        await _reform(operator, columns, request, f"{code} split into {', '.join(into)}")

    @command(
        app,
        "move",
        examples="lienthong agencies move H48.31.05 H48.31.06 --parent H48 --on 2025-07-01 --reason 'hai cấp'\n"
        "lienthong agencies move H48.31 --root --on 2025-07-01 --reason 'NQ 1677'",
    )
    async def _move(
        operator: Operator,
        codes: CodesArgument,
        reason: ReasonOption,
        parent: Annotated[
            str, typer.Option(metavar="CODE", help="The agency they stand under then."), CODE
        ] = "",
        root: Annotated[bool, typer.Option("--root", help="They stand under nobody then.")] = False,
        on: OnOption = "",
        dry_run: DryOption = False,
    ) -> None:
        """Give agencies another parent; documents on their way take the new road from wherever they are."""
        if root == bool(parent):
            raise Refusal(Code.ARGUMENT_INVALID, field="parent", detail="give either --parent CODE or --root")
        request = admin_pb2.ReformAgenciesRequest(
            kind="move",
            codes=codes,
            into=[parent] if parent else (),
            root=root,
            on=on,
            reason=reason,
            dry_run=dry_run,
        )
        done = f"moved under {parent}" if parent else "made roots"
        await _reform(operator, columns, request, f"{', '.join(codes)} {done}")


def _groups(app: typer.Typer) -> None:
    @command(app, "list", examples="lienthong agencies groups list")
    async def _list(operator: Operator) -> None:
        """List the operators' groups."""
        answer = await operator.ask(operator.directory.ListGroups, directory_pb2.ListGroupsRequest())
        operator.show(answer.groups, GROUP_COLUMNS, nothing="No list is kept.")

    @command(
        app,
        "put",
        examples="lienthong agencies groups put ven-bien @communes:H48.31 H48.42\n"
        "lienthong agencies groups put so-nganh @tier:department:H48",
    )
    async def _put(
        operator: Operator,
        name: Annotated[
            str, typer.Argument(metavar="NAME", help="Lower-case letters, digits, - and _."), NAME
        ],
        members: Annotated[
            list[str], typer.Argument(metavar="MEMBER…", help="Codes and @groups."), RECIPIENT
        ],
    ) -> None:
        """Keep a list under a name."""
        request = directory_pb2.PutGroupRequest(name=name.removeprefix("@"), members=members)
        answer = await operator.ask(operator.directory.PutGroup, request)
        operator.done(answer.group, f"@{answer.group.name}: {len(answer.group.members)} members.")

    @command(app, "show", examples="lienthong agencies groups show @communes:H48.31")
    async def _show(
        operator: Operator,
        expression: Annotated[
            str, typer.Argument(metavar="@GROUP", help="A list or an expression."), RECIPIENT
        ],
    ) -> None:
        """Tell which agencies a group names today."""
        request = directory_pb2.ResolveGroupRequest(expression=expression)
        answer = await operator.ask(operator.directory.ResolveGroup, request)
        operator.show(answer.agencies, MEMBER_COLUMNS, nothing="Nobody.")

    @command(app, "delete", examples="lienthong agencies groups delete ven-bien")
    async def _delete(
        operator: Operator, name: Annotated[str, typer.Argument(metavar="NAME", help="The list."), NAME]
    ) -> None:
        """Give up a list."""
        request = directory_pb2.DeleteGroupRequest(name=name.removeprefix("@"))
        answer = await operator.ask(operator.directory.DeleteGroup, request)
        operator.done(answer, f"@{name.removeprefix('@')} is no more.")
