"""Which arguments can be judged before the hub is asked? Callbacks for options and arguments, one for each form.

    month: Annotated[str, typer.Option(metavar="YYYY-MM", callback=MONTH)] = ""

What was not given is not judged, and a list is judged one by one. A wrong argument is `Misuse` with the option's name:
exit code 2, whether a hub answers or not. What only the hub knows (is there such an agency?) is its to say.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from lienthong.domain.day import read_month
from lienthong.domain.directory_file import check_code
from lienthong.domain.groups import check_expression, check_name, is_group
from lienthong.domain.status import read_code
from lienthong.errors import Code, Refusal
from lienthong_client.compose import find_priority, find_type, read_number
from lienthong_client.errors import Misuse

MOST_DAYS = 36_500

_Callback = Callable[[typer.CallbackParam, Any], Any]


def form(check: Callable[[Any], object]) -> _Callback:
    """A callback out of a check that raises ValueError or `Refusal` with what is wrong."""

    def judge(parameter: typer.CallbackParam, given: Any) -> Any:  # noqa: ANN401 - whatever the option holds
        if given is None or (given == "" and not parameter.required):
            return given
        name = parameter.opts[0].lstrip("-")
        for value in given if isinstance(given, (list, tuple)) else [given]:
            try:
                check(value)
            except ValueError as error:
                raise Misuse(Code.ARGUMENT_INVALID, field=name, detail=str(error)) from error
            except Refusal as refusal:
                raise Misuse(refusal.code, field=name, detail=refusal.detail) from refusal
        return given

    return judge


def split(codes: list[str] | None) -> list[str]:
    """Codes given one by one or parted by commas."""
    return [part.strip() for each in codes or () for part in each.split(",") if part.strip()]


def _filled(text: str) -> None:
    if not text.strip():
        raise ValueError("is empty")


def _code(text: str) -> None:
    check_code(text.strip())


def _codes(text: str) -> None:
    _filled(text.replace(",", " "))
    for code in split([text]):
        _code(code)


def _recipients(text: str) -> None:
    _filled(text.replace(",", " "))
    for recipient in split([text]):
        if is_group(recipient):
            check_expression(recipient)
        else:
            _code(recipient)


def _status(text: str) -> None:
    try:
        read_code(text)
    except Refusal as refusal:
        raise Misuse(refusal.code, detail=f"{text!r} is not 01 to 06, 15 or 16") from refusal


def _new_file(path: Path) -> None:
    if not path.absolute().parent.is_dir():
        raise ValueError(f"{path.absolute().parent} is no folder")


FILLED = form(_filled)  #: a reason, a subject, an id: not blank
CODE = form(_code)  #: an agency's code in any form
CODES = form(_codes)  #: some, parted by commas
RECIPIENTS = form(_recipients)  #: codes and group expressions, parted by commas
NAME = form(lambda text: check_name(text.removeprefix("@")))  #: of a list of recipients
MONTH = form(read_month)
NEW_FILE = form(_new_file)  #: where a file is to be written
NUMBER = form(read_number)  #: number and notation
PRIORITY = form(find_priority)
TYPE = form(find_type)
STATUS = form(_status)  #: of the axis: 01 to 06, 13, 15, 16
