"""Which arguments can be judged before the hub is asked? A `Form` beside an argument's help says what it must be.

    on: Annotated[str, typer.Option(metavar="DATE"), DAY] = ""

What was not given is not judged, and a list is judged one by one. A wrong argument is ARGUMENT_INVALID with the
option's name, exit code 2, whether a hub runs or not; what only the hub knows (is there such an agency?) is its to say.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from cryptography import x509

from lienthong.domain.day import read_day, read_month
from lienthong.domain.delivery import DeliveryState
from lienthong.domain.directory_file import check_code
from lienthong.domain.groups import check_expression, check_name, is_group
from lienthong.errors import Code, Refusal

LONGEST = 500  # characters of a reason, as the hub takes it
MAX_PEM = 65_536  # bytes of a certificate, likewise

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class Form:
    """What an argument must be: `check` raises ValueError or `Refusal` with what is wrong with it."""

    check: Callable[[Any], object]


def judge(parameters: Iterable[inspect.Parameter], arguments: Mapping[str, object]) -> None:
    """Raises `Refusal` ARGUMENT_INVALID for the first argument that is not of its form."""
    for parameter in parameters:
        given = arguments[parameter.name]
        if given == parameter.default or given is None:
            continue
        for form in (note for note in get_args(parameter.annotation) if isinstance(note, Form)):
            for value in given if isinstance(given, list) else [given]:
                try:
                    form.check(value)
                except (Refusal, ValueError) as error:
                    detail = error.detail if isinstance(error, Refusal) else str(error)
                    raise Refusal(Code.ARGUMENT_INVALID, field=parameter.name, detail=detail) from error


def one_of(*values: str) -> Form:
    """One of `values`."""

    def check(text: str) -> None:
        if text not in values:
            raise ValueError(f"{text!r} is not one of {', '.join(values)}")

    return Form(check)


_STATES = one_of(*(state.value for state in DeliveryState))


def _state(text: str) -> None:
    _STATES.check(text.upper())


def _certificate(path: Path) -> None:
    if not 0 < path.stat().st_size <= MAX_PEM:
        raise ValueError(f"{path}: 1 to {MAX_PEM} bytes")
    try:
        x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path}: not a PEM certificate") from error


def _filled(text: str) -> None:
    if not text.strip():
        raise ValueError("is empty")
    if len(text) > LONGEST:
        raise ValueError(f"is longer than {LONGEST} characters")


def _code(text: str) -> None:
    check_code(text.strip())


def _name(text: str) -> None:
    check_name(text.removeprefix("@"))


def _recipient(text: str) -> None:
    if is_group(text):
        check_expression(text)
    else:
        _code(text)


def _sha256(text: str) -> None:
    if _SHA256.fullmatch(text.replace(":", "")) is None:
        raise ValueError(f"{text!r} is not a SHA-256 in hex")


def _new_file(path: Path) -> None:
    if path.is_dir():
        raise ValueError(f"{path} is a folder")
    if not path.absolute().parent.is_dir():
        raise ValueError(f"{path.absolute().parent} is no folder")


FILLED = Form(_filled)  #: a reason, a name, an id: not blank
CODE = Form(_code)  #: an agency's code, old or new form
NAME = Form(_name)  #: of a list of recipients, with or without @
RECIPIENT = Form(_recipient)  #: a code or a group expression
DAY = Form(read_day)
MONTH = Form(read_month)
SHA256 = Form(_sha256)  #: colons between the bytes are allowed
NEW_FILE = Form(_new_file)  #: where a file is to be written
STATE = Form(_state)  #: of a delivery, in any case of letters
CERTIFICATE = Form(_certificate)  #: a PEM file
