"""Can a document's text do anything on an operator's terminal but be read?"""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from lienthong.cli import output
from lienthong.cli.operator import Asked, fail
from lienthong.errors import Code, Refusal

#: clears the screen, in two ways; turns the reading direction; is taken for a style; ends one
HOSTILE = "\x1b[2J\x9b2J\N{RIGHT-TO-LEFT OVERRIDE}[red]a[/] \\[b]x"
HARMLESS = "\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}2J\N{REPLACEMENT CHARACTER}[red]a[/] \\[b]x"


def printed(thing: object) -> str:
    out = io.StringIO()
    Console(file=out, width=200, force_terminal=True, color_system=None, highlight=False).print(thing)
    return out.getvalue()


def test_a_table_shows_a_hostile_subject_literally() -> None:
    columns: list[output.Column] = [("SUBJECT", output.field("subject"))]
    row = {"subject": HOSTILE}
    for made in (output.table([row], columns), output.details(row, columns)):
        text = printed(made)
        assert HARMLESS in text
        assert "\x9b" not in text
        assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in text


def test_a_refusal_of_a_hostile_document_is_told_literally(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Exception, match="3"):
        fail(Refusal(Code.RULE_VIOLATED, field=HOSTILE, detail=HOSTILE), Asked(), 3)
    told = capsys.readouterr().err
    assert told.count(HARMLESS) == 2
    assert "\x1b[2J" not in told
