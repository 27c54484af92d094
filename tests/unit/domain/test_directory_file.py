"""Does a directory file come in whole, go out the same, and name the entry that is wrong?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
import yaml

from lienthong.domain.agency import Agency, AgencyStatus, DatedChange, Environment
from lienthong.domain.directory_file import check_code, read_agencies, read_directory, write_agencies
from lienthong.domain.plain_yaml import read_yaml
from lienthong.errors import Code, Refusal

GOOD = """
agencies:
  - {code: H48, name: UBND tỉnh Quảng Ngãi, tier: province, aliases: [000.00.00.H48], parent: }
  - code: H48.31
    name: UBND huyện Bình Sơn
    tier: district
    parent: H48
    status: closed
    valid_from: 2018-01-01
    valid_to: 2025-06-30
    successors: [H48.31.05]
  - {code: H48.31.05, name: UBND xã Bình Minh, tier: commune, parent: 000.00.00.H48, environment: test}
  - {code: 48, name: 007, tier: no, parent: ~}
"""


def test_every_scalar_is_the_text_that_stands_there() -> None:
    province, district, commune, odd = read_agencies(GOOD)
    assert province.aliases == ("000.00.00.H48",)
    assert province.parent is None
    assert (district.status, district.valid_to) == (AgencyStatus.CLOSED, date(2025, 6, 30))
    assert district.successors == ("H48.31.05",)
    assert commune.environment is Environment.TEST
    assert (odd.code, odd.name, odd.tier, odd.parent) == ("48", "007", "no", None)


def test_written_agencies_read_back_equal() -> None:
    agencies = read_agencies(GOOD)
    assert read_agencies(write_agencies(agencies)) == agencies
    assert "UBND tỉnh Quảng Ngãi" in write_agencies(agencies)


def test_a_whole_directory_has_every_parent_and_successor() -> None:
    assert len(read_directory(GOOD)) == 4
    with pytest.raises(Refusal, match="unknown parent H49"):
        read_directory("agencies: [{code: H48, name: a, tier: b, parent: H49}]")
    with pytest.raises(Refusal, match=r"unknown successor H50"):
        read_directory("agencies: [{code: H48, name: a, tier: b, successors: [H50]}]")


def test_a_partial_file_may_name_parents_elsewhere() -> None:
    [agency] = read_agencies("agencies: [{code: H48.1, name: a, tier: b, parent: H48}]")
    assert agency.parent == "H48"


@pytest.mark.parametrize(
    ("text", "field", "said"),
    [
        ("agencies: [", "directory", "not YAML"),
        ("- a", "directory", "one key"),
        ("agencies: []", "agencies", "an entry or more"),
        ("agencies: [x]", "agencies[1]", "must be a mapping"),
        ("agencies: [{name: a, tier: b}]", "agencies[1].code", "is missing"),
        ("agencies: [{code: A, name: a, tier: b}, {code: B, tier: c}]", "agencies[2].name", r"entry 2 \(B\)"),
        ("agencies: [{code: A, name: a, tier: b, teir: c}]", "agencies[1].teir", "unknown field"),
        (
            "agencies: [{code: A, name: a, tier: b, status: open}]",
            "agencies[1].status",
            "active, locked, closed",
        ),
        (
            "agencies: [{code: A, name: a, tier: b, valid_to: 30/6/2025}]",
            "agencies[1].valid_to",
            "yyyy-MM-dd",
        ),
        (
            "agencies: [{code: A, name: a, tier: b, aliases: x}]",
            "agencies[1].aliases",
            "list of agency codes",
        ),
        (
            "agencies: [{code: A, name: a, tier: b}, {code: B, name: a, tier: b, aliases: [A]}]",
            "agencies[2].code",
            "stands in entry 1 already",
        ),
    ],
)
def test_what_is_wrong_names_its_entry(text: str, field: str, said: str) -> None:
    with pytest.raises(Refusal, match=said) as caught:
        read_agencies(text)
    assert caught.value.code is Code.ARGUMENT_INVALID
    assert caught.value.field == field


@pytest.mark.parametrize("code", ["../x", "a/b", "a..b", ".a", "", "A B", "A" * 36, "H48.", "H48\n"])
def test_a_code_can_never_leave_its_folder(code: str) -> None:
    with pytest.raises(Refusal):
        check_code(code)


@pytest.mark.parametrize("code", ["H48.31.05", "000.00.31.H48", "vxp.saas.03", "001.00.20.TT2", "H37.DN.001"])
def test_codes_seen_in_the_field_are_codes(code: str) -> None:
    assert check_code(code) == code


def test_the_sample_directories_are_sound() -> None:
    paths = sorted(Path(__file__).parents[3].glob("directory/*.yaml"))
    assert paths
    for path in paths:
        assert len(read_directory(path.read_text("utf-8"))) > 1, path.name


def test_a_change_to_a_root_is_written_and_read_back() -> None:
    agency = Agency(
        code="H48.31",
        name="x",
        tier="district",
        parent="H48",
        changes=(DatedChange(on=date(2026, 7, 1), root=True),),
    )
    assert read_agencies(write_agencies([agency])) == (agency,)


@pytest.mark.parametrize(
    "text",
    [
        "agencies:\n- &one {code: A, name: a, tier: t}\n",
        "agencies:\n- {code: A, name: &n a, tier: *n}\n",
        "agencies: [{code: A, name: a, tier: t}]\n? [x]\n: y\n",
        "agencies: []\n---\nagencies: []\n",
        "a: *unknown\n",
        "",
        "- [a, {b: [c, {}]}, []]\n- 'x'\n",
        "a: {a: 1, a: 2}\n",
    ],
)
def test_yaml_is_read_as_the_library_reads_it(text: str) -> None:
    def read(reader: Callable[[str], object]) -> object:
        try:
            return reader(text)
        except yaml.YAMLError as error:
            return type(error)

    assert read(read_yaml) == read(lambda text: yaml.load(text, Loader=yaml.BaseLoader))  # noqa: S506
