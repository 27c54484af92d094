"""Does a table hold the same directory as the file, whatever a spreadsheet did to it?"""

from __future__ import annotations

from datetime import date

import pytest

from lienthong.domain.agency import Agency, AgencyStatus, DatedChange, Environment
from lienthong.domain.directory_csv import read_csv, write_csv
from lienthong.domain.directory_file import read_agencies, write_agencies
from lienthong.errors import Code, Refusal

AGENCIES = (
    Agency(code="H48", name='UBND "tỉnh", Quảng Ngãi', tier="province", aliases=("000.00.00.H48", "48")),
    Agency(
        code="H48.31.05",
        name="=1+1",
        tier="commune",
        parent="H48",
        status=AgencyStatus.LOCKED,
        successors=("H48",),
        valid_from=date(2020, 1, 1),
        valid_to=date(2030, 12, 31),
        environment=Environment.TEST,
        changes=(
            DatedChange(on=date(2025, 7, 1), name="Xã, mới", parent="H48"),
            DatedChange(on=date(2026, 7, 1), tier="ward", status=AgencyStatus.ACTIVE),
        ),
    ),
)


def test_tables_and_files_come_back_as_they_were_written() -> None:
    assert read_csv(write_csv(AGENCIES)) == AGENCIES
    assert read_agencies(write_agencies(AGENCIES)) == AGENCIES


def test_a_spreadsheets_habits_are_taken_in() -> None:
    text = "\ufeffName;Code102;CODE;Tier\r\nXã Bình Thạnh;000.05.31.H48;H48.31.05;commune\r\n;;;\r\n"
    (agency,) = read_csv(text)
    assert (agency.code, agency.aliases, agency.name) == ("H48.31.05", ("000.05.31.H48",), "Xã Bình Thạnh")


def test_a_name_is_no_formula_in_a_spreadsheet() -> None:
    assert ",'=1+1," in write_csv(AGENCIES)


@pytest.mark.parametrize(
    "text",
    [
        "name,tier\nx,y\n",
        "",
        "code,name,tier\nH48\n",
        "code,name,tier\nH48,x,y,z\n",
        "code,name,tier,changes\nH48,x,y,{\n",
        "code,name,tier,colour\nH48,x,y,red\n",
        'code,name,tier\nH48,"x,y\n',
        "code,name,tier,valid_from\nH48,x,y,01/07/2025\n",
    ],
)
def test_a_bad_table_is_refused_with_its_row(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        read_csv(text)
    assert refused.value.code is Code.ARGUMENT_INVALID
