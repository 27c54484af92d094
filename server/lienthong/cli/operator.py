"""How an operator's command reaches the hub, and how what went wrong is told.

`command` makes a coroutine that takes an `Operator` into a command with the shared options `--json`, `--state` and
`--profile`; `group` and the program itself take them too, so they may stand before or after the command's name.
Exit codes: 0 done, 2 usage, 3 refused, 4 hub unreachable.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Concatenate, NoReturn, ParamSpec, TypeVar

import grpc
import typer
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from rich.console import Console

from lienthong.api.v1 import admin_pb2_grpc, directory_pb2_grpc
from lienthong.cli import output
from lienthong.cli.arguments import judge
from lienthong.cli.state import operator_profile
from lienthong.domain.plain_text import clean
from lienthong.errors import Code, HubFault, Language, Refusal

EXIT_USAGE = 2
EXIT_REFUSED = 3
EXIT_UNREACHABLE = 4

CALL_SECONDS = 60.0  # an answer to an operator that takes longer has gone wrong
MAX_ANSWER = 256 * 1024 * 1024  # bytes: a national directory of 125,000 agencies is about 20 MB

StateOption = Annotated[
    Path | None,
    typer.Option("--state", metavar="DIR", help="State folder of `lienthong up` [env: LIENTHONG_STATE]."),
]
ProfileOption = Annotated[
    Path | None,
    typer.Option(
        "--profile", metavar="FILE", help="Operator's profile.toml [env: LIENTHONG_OPERATOR_PROFILE]."
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print JSON: one object, or one per line for lists.")
]

P = ParamSpec("P")
R = TypeVar("R", bound=Message)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the shared options say so far."""

    state: Path | None = None
    profile: Path | None = None
    as_json: bool = False

    def merged(self, state: Path | None, profile: Path | None, as_json: bool) -> Asked:
        """These options after those given further to the left."""
        if state is None and profile is None:
            state, profile = self.state, self.profile
        return Asked(state, profile, as_json or self.as_json)


def asked_of(context: typer.Context) -> Asked:
    """The options given before this command's name."""
    return context.obj if isinstance(context.obj, Asked) else Asked()


class Unreachable(Exception):
    """No hub answers; the text says where and why."""


class Answered(Refusal):
    """A refusal that came from the hub; any other is about the command itself."""


class Operator:
    """A connection to the hub's AdminService and DirectoryService."""

    def __init__(self, channel: grpc.aio.Channel, address: str, *, as_json: bool) -> None:
        self.stub = admin_pb2_grpc.AdminServiceStub(channel)  # type: ignore[no-untyped-call]
        self.directory = directory_pb2_grpc.DirectoryServiceStub(channel)  # type: ignore[no-untyped-call]
        self.channel = channel
        self.address = address
        self.as_json = as_json

    async def ask(
        self,
        method: Callable[..., Awaitable[R]],
        request: Message | Iterable[Message],
        *,
        seconds: float = CALL_SECONDS,
    ) -> R:
        """One call, of one message or a stream of them. Raises `Refusal` as the hub raised it, or `Unreachable`."""
        try:
            return await method(request, timeout=seconds, metadata=_metadata())
        except grpc.aio.AioRpcError as error:
            raise _translated(error, self.address) from error

    async def stream(self, method: Callable[..., AsyncIterator[R]], request: Message) -> AsyncIterator[R]:
        """A call with many answers; raises as `ask`."""
        try:
            async for answer in method(request, metadata=_metadata()):
                yield answer
        except grpc.aio.AioRpcError as error:
            raise _translated(error, self.address) from error

    def show(self, rows: Iterable[Message], columns: Iterable[output.Column], *, nothing: str) -> None:
        """A list: JSON lines, or a table, or for people the word that there is nothing."""
        plain = [output.plain(row) for row in rows]
        if self.as_json:
            for row in plain:
                output.print_json(row)
        elif plain:
            output.people().print(output.table(plain, columns))
        else:
            output.people().print(nothing)

    def done(self, answer: Message, text: str) -> None:
        """The outcome of an act: the resulting object as JSON, or a sentence."""
        if self.as_json:
            output.print_json(output.plain(answer))
        else:
            output.people().print(clean(text), markup=False)


def command(
    app: typer.Typer, name: str, *, examples: str = ""
) -> Callable[[Callable[Concatenate[Operator, P], Awaitable[None]]], None]:
    """Register a coroutine `(operator, arguments…)` as the command `name`; its docstring is the help.

    Arguments with a `Form` (arguments.py) are judged before a hub is looked for.
    """

    def register(function: Callable[Concatenate[Operator, P], Awaitable[None]]) -> None:
        work: Callable[..., Awaitable[None]] = function

        def run(
            context: typer.Context,
            state: StateOption,
            profile: ProfileOption,
            as_json: JsonOption,
            **arguments: object,
        ) -> None:
            async def judged() -> None:
                judge(own, arguments)
                await _with_operator(asked, lambda operator: work(operator, **arguments))

            asked = asked_of(context).merged(state, profile, as_json)
            perform(judged, asked)

        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        shared = [
            _keyword("context", typer.Context, inspect.Parameter.empty),
            _keyword("state", StateOption, None),
            _keyword("profile", ProfileOption, None),
            _keyword("as_json", JsonOption, False),
        ]
        parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own] + shared
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        app.command(name, help=inspect.getdoc(function), epilog=_epilog(examples))(run)

    return register


def group(app: typer.Typer, name: str, text: str) -> typer.Typer:
    """A group of commands that takes the shared options too."""
    made = typer.Typer(no_args_is_help=True, help=text, rich_markup_mode="markdown")

    @made.callback()
    def _options(
        context: typer.Context,
        state: StateOption = None,
        profile: ProfileOption = None,
        as_json: JsonOption = False,
    ) -> None:
        context.obj = asked_of(context).merged(state, profile, as_json)

    app.add_typer(made, name=name)
    return made


def perform(work: Callable[[], Awaitable[None]], asked: Asked) -> None:
    """Run `work`; tell a refusal or an unreachable hub and exit with its code. Never shows a traceback."""

    async def run() -> None:
        await work()

    try:
        asyncio.run(run())
    except Answered as refusal:
        fail(refusal, asked, EXIT_UNREACHABLE if refusal.code is Code.UNAVAILABLE else EXIT_REFUSED)
    except Refusal as refusal:
        fail(refusal, asked, EXIT_USAGE)
    except Unreachable as error:
        fail(Refusal(Code.UNAVAILABLE), asked, EXIT_UNREACHABLE, say=str(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader left: nothing to say
    except OSError as error:
        if error.filename is None:
            raise
        unusable = Refusal(Code.ARGUMENT_INVALID, field=str(error.filename), detail=error.strerror)
        fail(unusable, asked, EXIT_USAGE)


def fail(refusal: Refusal, asked: Asked, status: int, *, say: str | None = None) -> NoReturn:
    """Tell what went wrong, as JSON on standard output or as text on standard error, and exit."""
    spoken = language()
    message = say or refusal.message(spoken)
    if asked.as_json:
        output.print_json({"error": {"code": refusal.code.value, "message": message, "field": refusal.field}})
    else:
        field = f" [{refusal.field}]" if refusal.field else ""
        warn(clean(f"{refusal.code.value}: {message}{field}"))
        if say is None:
            warn(refusal.remedy(spoken))
    raise typer.Exit(status)


def flattened(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    """The single errors in a group of groups."""
    found: list[BaseException] = []
    for error in group.exceptions:
        found += flattened(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


def told(fault: HubFault) -> str:
    """A fault of ours with its cause: for whoever runs the program, never for a peer."""
    cause = fault.__cause__
    cause = getattr(cause, "orig", None) or cause  # SQLAlchemy's errors are full of SQL, the driver's are not
    reason = "" if cause is None else str(cause).strip().partition("\n")[0]
    return f"{fault} ({reason})" if reason else str(fault)


def warn(text: str) -> None:
    """A line on standard error."""
    Console(file=sys.stderr, highlight=False, soft_wrap=True, markup=False).print(text)


def language() -> Language:
    """As LIENTHONG_LANG says, else Vietnamese where the account's locale is."""
    names = ("LIENTHONG_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
    wanted = next(filter(None, map(os.environ.get, names)), "")
    return "vi" if wanted.lower().startswith("vi") else "en"


@asynccontextmanager
async def connect(profile: Path, *, as_json: bool = False) -> AsyncIterator[Operator]:
    """Open the channel that a profile describes. Raises `Refusal` ARGUMENT_INVALID for an unusable profile."""
    address, credentials = _read_profile(profile)
    options = [("grpc.max_receive_message_length", MAX_ANSWER), ("grpc.enable_http_proxy", 0)]
    async with grpc.aio.secure_channel(address, credentials, options=options) as channel:
        yield Operator(channel, address, as_json=as_json)


async def _with_operator(asked: Asked, work: Callable[[Operator], Awaitable[None]]) -> None:
    profile = operator_profile(asked.profile, asked.state)
    if profile is None:
        raise Refusal(
            Code.ARGUMENT_INVALID,
            field="profile",
            detail="which hub? Give --state DIR (the folder of `lienthong up`) or --profile FILE",
        )
    async with connect(profile, as_json=asked.as_json) as operator:
        await work(operator)


def _read_profile(profile: Path) -> tuple[str, grpc.ChannelCredentials]:
    try:
        hub = tomllib.loads(profile.read_text("utf-8"))["hub"]
        address = str(hub["address"])
        ca, key, certificate = (
            (profile.parent / hub[name]).read_bytes() for name in ("ca", "key", "certificate")
        )
    except OSError as error:
        raise Refusal(
            Code.ARGUMENT_INVALID, field="profile", detail=f"{error.filename}: {error.strerror}"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Refusal(Code.ARGUMENT_INVALID, field="profile", detail=f"{profile}: not TOML") from error
    except (KeyError, TypeError) as error:
        raise Refusal(
            Code.ARGUMENT_INVALID,
            field="profile",
            detail=f"{profile}: [hub] must name address, ca, certificate, key",
        ) from error
    return address, grpc.ssl_channel_credentials(ca, key, certificate)


def _metadata() -> tuple[tuple[str, str], ...]:
    return (("accept-language", language()),)


def _translated(error: grpc.aio.AioRpcError, address: str) -> Exception:
    packed = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
    status = status_pb2.Status.FromString(packed if isinstance(packed, bytes) else b"")
    for detail in status.details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info) and info.domain == "lienthong":
            return _answered(info)
    reason = (error.details() or error.code().name).splitlines()[0]
    if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
        return Unreachable(
            f"no hub answers at {address} ({reason}). Is it running? `lienthong up` starts one"
        )
    return Answered(Code.INTERNAL, detail=f"{error.code().name}: {reason}")


def _answered(info: error_details_pb2.ErrorInfo) -> Answered:
    facts = info.metadata
    try:
        code, detail = Code(info.reason), facts.get("detail")
    except ValueError:  # a newer hub's code
        code, detail = Code.INTERNAL, f"{info.reason}: {facts.get('message_en', '')}"
    return Answered(code, field=facts.get("field"), detail=detail)


def _keyword(name: str, annotation: object, default: object) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def _epilog(examples: str) -> str | None:
    lines = [line.strip() for line in examples.strip().splitlines()]
    return "Examples:\n\n" + "\n\n".join(f"`{line}`" for line in lines) if lines else None
