"""How does the program start and end? Global options anywhere, one boundary for errors, the exit codes.

Exit codes (a contract): 0 done; 2 wrong usage (options, profile, files); 3 refused, or a verification failed;
4 the hub cannot be reached, or cannot serve just now. 1 is a fault of this program. With --json every failure is one
object on stdout.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from lienthong.errors import Code, Language, Refusal
from lienthong_client.cli import shapes
from lienthong_client.cli.output import Output
from lienthong_client.cli.session import Session
from lienthong_client.cli.words import Words, default_language
from lienthong_client.errors import Misuse, Unreachable

USAGE, REFUSED, UNREACHABLE, FAULT = 2, 3, 4, 1

_LISTS = frozenset({"--to", "--attach", "--content", "--remove", "--for"})
_FLAGS = frozenset({"--json"})
_VALUES = frozenset({"--profile", "--lang"})


def fold(text: str) -> str:
    """Help text with each paragraph on one line: the terminal, not the source, decides where it breaks."""
    return "\n\n".join(paragraph.replace("\n", " ") for paragraph in text.strip("\n").split("\n\n"))


def hoist(args: Sequence[str]) -> list[str]:
    """Move the global options to the front, wherever they stand before `--`."""
    front: list[str] = []
    rest: list[str] = []
    waiting = list(args)
    while waiting:
        arg = waiting.pop(0)
        if arg == "--":
            rest += [arg, *waiting]
            break
        if arg in _FLAGS or (arg.partition("=")[0] in _VALUES and "=" in arg):
            front.append(arg)
        elif arg in _VALUES and waiting:
            front += [arg, waiting.pop(0)]
        else:
            rest.append(arg)
    return front + rest


def spread(args: Sequence[str], options: frozenset[str]) -> list[str]:
    """`--to A B --x` -> `--to A --to B --x`: lists may follow an option without repeating it."""
    spread_out: list[str] = []
    current: str | None = None
    for arg in args:
        if arg.startswith("-"):
            current = arg if arg in options else None
            spread_out.append(arg)
        elif current is not None and spread_out[-1] != current:
            spread_out += [current, arg]
        else:
            spread_out.append(arg)
    return spread_out


class ProgramFault(Refusal):
    """A mistake in this program, or of the machine it runs on (a full disk)."""

    def __init__(self, error: Exception) -> None:
        super().__init__(Code.INTERNAL, detail=f"{type(error).__name__}: {error}")

    def message(self, language: Language) -> str:
        """What failed, in Python's words."""
        return f"{Words(language)('fault')}: {self.detail}"

    def remedy(self, language: Language) -> str:
        """How to find the place."""
        return Words(language)("report_fault")


class ListCommand(TyperCommand):
    """A command whose lists take several values behind one option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer's own, private type
        """Spread the lists, then parse as usual."""
        return super().parse_args(ctx, spread(args, _LISTS))


class Program(TyperGroup):
    """The command group with the boundary around it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401
        """Global options may stand anywhere."""
        return super().parse_args(ctx, hoist(args))

    def main(self, args: Sequence[str] | None = None, *more: Any, **extra: Any) -> Any:  # noqa: ANN401
        """As typer's; a usage error answers in JSON when --json was given."""
        given = list(sys.argv[1:] if args is None else args)
        if "--json" not in given or not extra.get("standalone_mode", True):
            return super().main(given, *more, **extra)
        try:
            code = super().main(given, *more, **{**extra, "standalone_mode": False})
        except typer.TyperException as error:
            problem = Refusal(Code.ARGUMENT_INVALID, detail=error.format_message() or "a command is missing")
            print(json.dumps(shapes.error(problem, default_language()), ensure_ascii=False))
            sys.exit(getattr(error, "exit_code", USAGE))
        except typer.Abort:
            sys.exit(1)
        sys.exit(code if isinstance(code, int) else 0)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401
        """Run the command; whatever it raises becomes an answer and an exit code, never a traceback."""
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort, typer.TyperException, KeyboardInterrupt, EOFError):
            raise
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader left: nothing to say
            raise typer.Exit(0) from None
        except Exception as error:  # the boundary
            if os.environ.get("LIENTHONG_TRACEBACK"):
                raise
            raise typer.Exit(_tell(error, _output(ctx.obj))) from None


def _output(session: object) -> Output:
    if isinstance(session, Session):
        return session.output
    return Output(as_json=False, words=Words(default_language()))


def _tell(error: Exception, output: Output) -> int:
    """Say what went wrong; the exit code."""
    problem, code = _classify(error)
    if output.as_json:
        output.json(shapes.error(problem, output.words.language))
    else:
        tell_people(problem, output)
    return code


def _classify(error: Exception) -> tuple[Refusal | Unreachable, int]:
    if isinstance(error, Misuse):
        return error, USAGE
    if isinstance(error, Refusal):
        return error, UNREACHABLE if error.code is Code.UNAVAILABLE else REFUSED
    if isinstance(error, Unreachable):
        return error, UNREACHABLE
    if isinstance(error, OSError) and error.filename is not None:
        return Misuse(Code.ARGUMENT_INVALID, field=str(error.filename), detail=error.strerror), USAGE
    return ProgramFault(error), FAULT


def tell_people(problem: Refusal | Unreachable, output: Output) -> None:
    """An error as three lines on standard error: what, where, and what to do."""
    words = output.words
    language = words.language
    output.note(f"{words('error')}: {problem.message(language)} [{problem.code}]", style="bold red")
    if isinstance(problem, Refusal) and problem.field:
        output.note(f"  {words('field')}: {problem.field}")
    output.note(f"  {words('remedy')}: {problem.remedy(language)}")
