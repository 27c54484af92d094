"""`lienthong agencies plans`: what is to happen to agencies on days to come, and taking it back in time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from lienthong.api.v1 import admin_pb2
from lienthong.cli import output
from lienthong.cli.arguments import CODE, DAY, FILLED
from lienthong.cli.operator import Answered, Operator, command, group
from lienthong.errors import Code, Refusal

MOST_NAMED = 20  # codes told in a sentence


def _what(row: Mapping[str, Any]) -> str:
    if row["kind"] == "begin":
        return "begins"
    if row["kind"] == "end":
        followed = ", ".join(row["successors"])
        return f"closes, followed by {followed}" if followed else "closes"
    return told(row["change"])


def told(change: Mapping[str, Any]) -> str:
    """What is otherwise from the day of a change on."""
    words = [f"{name} {change[name]}" for name in ("name", "tier", "parent", "status") if change[name]]
    return ", ".join([*words, "under nobody"] if change["root"] else words)


PLAN_COLUMNS: list[output.Column] = [
    ("FROM", output.field("on")),
    ("CODE", output.field("code")),
    ("NAME NOW", output.field("name")),
    ("WHAT", _what),
]


def register(app: typer.Typer, columns: list[output.Column]) -> None:
    """Add the group to `agencies`."""
    plans = group(app, "plans", "What is planned for days to come: list, withdraw.")

    @command(
        plans, "list", examples="lienthong agencies plans list\nlienthong agencies plans list --on 2025-07-01"
    )
    async def _list(
        operator: Operator,
        code: Annotated[str, typer.Argument(metavar="CODE", help="Only this agency's."), CODE] = "",
        on: Annotated[str, typer.Option(metavar="DATE", help="Only this day's, yyyy-MM-dd."), DAY] = "",
    ) -> None:
        """List what is planned: agencies that begin, change or close on a day to come."""
        operator.show(await _plans(operator, code, on), PLAN_COLUMNS, nothing="Nothing is planned.")

    @command(
        plans,
        "withdraw",
        examples="lienthong agencies plans withdraw H48.31.05 --on 2025-07-01 --reason 'hoãn'\n"
        "lienthong agencies plans withdraw --all --on 2025-07-01 --reason 'hoãn'",
    )
    async def _withdraw(
        operator: Operator,
        on: Annotated[
            str, typer.Option("--on", metavar="DATE", help="The day of the plan, yyyy-MM-dd."), DAY
        ],
        reason: Annotated[str, typer.Option("--reason", help="Why: kept in the event log."), FILLED],
        codes: Annotated[
            list[str] | None, typer.Argument(metavar="CODE…", help="Agency codes."), CODE
        ] = None,
        everybody: Annotated[bool, typer.Option("--all", help="Everything planned for that day.")] = False,
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="Tell what would change, change nothing.")
        ] = False,
    ) -> None:
        """Take back, before its day, what was planned for it: changes, closures and beginnings."""
        if everybody == bool(codes):
            raise Refusal(Code.ARGUMENT_INVALID, field="codes", detail="give either codes or --all")
        named = codes or sorted({plan.code for plan in await _plans(operator, "", on)})
        if not named:
            raise Answered(Code.NOT_FOUND, field="on", detail=f"nothing is planned for {on}")
        request = admin_pb2.ReformAgenciesRequest(
            kind="withdraw", codes=named, on=on, reason=reason, dry_run=dry_run
        )
        answer = await operator.ask(operator.stub.ReformAgencies, request)
        if dry_run or operator.as_json:
            operator.show(answer.agencies, columns, nothing="Nothing would change.")
            return
        told = ", ".join(named[:MOST_NAMED]) + (" …" if len(named) > MOST_NAMED else "")
        operator.done(answer, f"Withdrawn for {on}: {told} (directory version {answer.version}).")


async def _plans(operator: Operator, code: str, on: str) -> list[admin_pb2.Plan]:
    """All pages."""
    found: list[admin_pb2.Plan] = []
    request = admin_pb2.ListPlansRequest(code=code, on=on)
    while True:
        answer = await operator.ask(operator.stub.ListPlans, request)
        found += answer.plans
        if not answer.next_page_token:
            return found
        request.page_token = answer.next_page_token
