"""Can a document's text do anything on an operator's terminal but be read?"""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from lienthong.api.v1 import common_pb2
from lienthong.cli import output
from lienthong.cli.agencies import AGENCY_COLUMNS
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


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"status": "planned", "valid_from": "2030-07-01"}, "begins 2030-07-01"),
        ({"status": "active", "valid_from": "2020-07-01", "valid_to": "2030-06-30"}, "until 2030-06-30"),
        ({"status": "closed", "valid_to": "2025-06-30"}, ""),
        (
            {"changes": [{"on": "2030-07-01", "parent": "H48"}, {"on": "2031-01-01", "root": True}]},
            "2030-07-01: parent H48; 2031-01-01: under nobody",
        ),
    ],
)
def test_agencies_are_shown_with_what_days_to_come_bring(fields: dict[str, object], told: str) -> None:
    """So a `--dry-run` for such a day tells what it would change: today's parent and status stay as they are."""
    row = output.plain(common_pb2.Agency(code="H48.31.05", **fields))  # type: ignore[arg-type]
    (cell,) = [take(row) for heading, take in AGENCY_COLUMNS if heading == "TO COME"]
    assert cell == told
