"""Does a directory refuse what does not hold together, and find the way between any two of its agencies?"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from lienthong.domain.agency import Agency, AgencyStatus, DatedChange, Directory
from lienthong.errors import Code, Refusal

PROVINCE = Agency(code="H48", name="UBND tỉnh Quảng Ngãi", tier="province", aliases=("000.00.00.H48",))
DEPARTMENT = Agency(code="H48.11", name="Sở Thông tin và Truyền thông", tier="department", parent="H48")
DISTRICT = Agency(code="H48.31", name="UBND huyện Bình Sơn", tier="district", parent="000.00.00.H48")
COMMUNE = Agency(code="H48.31.05", name="UBND xã Bình Thạnh", tier="commune", parent="H48.31")
STRANGER = Agency(code="H14", name="UBND tỉnh Cao Bằng", tier="province")
WHOLE = Directory.of([PROVINCE, DEPARTMENT, DISTRICT, COMMUNE, STRANGER], version=7)


def test_a_directory_knows_its_size_version_and_members() -> None:
    assert len(WHOLE) == 5
    assert WHOLE.version == 7
    assert list(WHOLE) == [PROVINCE, DEPARTMENT, DISTRICT, COMMUNE, STRANGER]


@pytest.mark.parametrize("code", ["H48", "000.00.00.H48", " 000.00.00.H48\n"])
def test_an_agency_is_found_by_every_form_of_its_code(code: str) -> None:
    assert WHOLE.find(code) is PROVINCE


def test_an_unknown_code_is_found_nowhere() -> None:
    assert WHOLE.find("H99") is None
    assert WHOLE.lineage("H99") == ()


def test_a_lineage_climbs_over_parents_named_by_alias() -> None:
    assert WHOLE.lineage("H48.31.05") == ("H48.31.05", "H48.31", "H48")


@pytest.mark.parametrize(
    ("origin", "destination", "nodes"),
    [
        ("H48.31.05", "H48.11", ("H48.31.05", "H48.31", "H48", "H48.11")),
        ("H48.11", "H48.31.05", ("H48.11", "H48", "H48.31", "H48.31.05")),
        ("H48.31.05", "H48.31", ("H48.31.05", "H48.31")),
        ("000.00.00.H48", "H48.31.05", ("H48", "H48.31", "H48.31.05")),
        ("H48.11", "H48.11", ("H48.11",)),
    ],
)
def test_a_route_climbs_to_the_lowest_shared_agency_and_down_again(
    origin: str, destination: str, nodes: tuple[str, ...]
) -> None:
    assert WHOLE.route(origin, destination) == nodes


@pytest.mark.parametrize("destination", ["H14", "H99"])
def test_agencies_without_a_shared_root_have_no_route(destination: str) -> None:
    with pytest.raises(Refusal) as refused:
        WHOLE.route("H48.31.05", destination)
    assert refused.value.code is Code.ROUTE_MISSING


@pytest.mark.parametrize(
    ("agencies", "field", "detail"),
    [
        ([PROVINCE, PROVINCE], "code", "H48 stands twice"),
        ([PROVINCE, Agency(code="000.00.00.H48", name="x", tier="province")], "code", "000.00.00.H48 stands"),
        ([DEPARTMENT], "parent", "unknown parent H48"),
        (
            [
                Agency(code="A", name="a", tier="district", parent="B"),
                Agency(code="B", name="b", tier="district", parent="A"),
            ],
            "parent",
            "run in a circle",
        ),
    ],
    ids=["double code", "alias of another", "unknown parent", "circle"],
)
def test_a_directory_that_does_not_hold_together_is_refused(
    agencies: list[Agency], field: str, detail: str
) -> None:
    with pytest.raises(Refusal, match=detail) as refused:
        Directory.of(agencies)
    assert refused.value.code is Code.ARGUMENT_INVALID
    assert refused.value.field == field


DAY = date(2026, 7, 1)


def test_a_directory_without_dates_is_the_same_every_day() -> None:
    assert WHOLE.at(DAY) is WHOLE


def test_only_dated_agencies_differ_from_day_to_day() -> None:
    moving = replace(COMMUNE, changes=(DatedChange(on=DAY, parent="H48"),))
    closing = replace(DISTRICT, valid_to=DAY)
    directory = Directory.of([PROVINCE, closing, moving])
    assert directory.at(date(2026, 6, 30)).agencies == directory.agencies
    then = directory.at(date(2026, 7, 2))
    assert then.agencies[COMMUNE.code].parent == "H48"
    assert then.agencies[DISTRICT.code].status is AgencyStatus.CLOSED
    assert then.agencies[PROVINCE.code] is PROVINCE
    assert then.at(date(2026, 7, 3)).agencies == then.agencies


@pytest.mark.parametrize(
    "changed",
    [
        [replace(COMMUNE, name="UBND xã Bình Minh")],
        [replace(PROVINCE, aliases=()), replace(STRANGER, aliases=("000.00.00.H48",))],
        [Agency(code="H48.2", name="Sở Nội vụ", tier="department", parent="H48", aliases=("000.00.02.H48",))],
        [replace(COMMUNE, changes=(DatedChange(on=DAY, name="x"),))],
    ],
    ids=["renamed", "an alias goes to another", "added", "a change to come"],
)
def test_a_renewed_directory_is_the_one_read_as_a_whole(changed: list[Agency]) -> None:
    whole = sorted({**WHOLE.agencies, **{a.code: a for a in changed}}.values(), key=lambda a: a.code)
    before = Directory.of(sorted(WHOLE, key=lambda a: a.code), version=7)
    renewed = before.renewed(changed, version=8)
    assert renewed == Directory.of(whole, version=8)
    assert list(renewed) == list(Directory.of(whole))
    assert renewed.at(DAY) == Directory.of(whole, version=8).at(DAY)


def test_a_circle_on_a_day_to_come_is_refused() -> None:
    district = replace(DISTRICT, changes=(DatedChange(on=DAY, parent="H48.31.05"),))
    with pytest.raises(Refusal, match="circle"):
        Directory.of([PROVINCE, district, COMMUNE])
