"""Are the shipped directories whole: counts, names, both code forms, routes through the promised tiers?"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from lienthong.domain.agency import Agency, AgencyStatus, Directory, Environment
from lienthong.domain.directory_file import read_directory

ROOT = Path(__file__).parents[3]
QUANG_NGAI = ROOT / "directory/quang-ngai.yaml"
FOUR_TIERS = ROOT / "directory/four-tier-sample.yaml"
TWO_TIERS = ROOT / "directory/two-tier-sample.yaml"
FIELD_SAMPLES = ROOT / "tests/samples/directory/field-samples.yaml"

CROSSING = ["commune", "district", "province", "department"]
OLD_FORM = re.compile(r"000\.\d{2}\.\d{2}\.H48")

COMMUNES_OF_2020 = {
    "UBND huyện Bình Sơn": 22,
    "UBND huyện Trà Bồng": 16,
    "UBND huyện Sơn Tịnh": 11,
    "UBND huyện Tư Nghĩa": 14,
    "UBND huyện Nghĩa Hành": 12,
    "UBND huyện Mộ Đức": 13,
    "UBND thị xã Đức Phổ": 15,
    "UBND huyện Ba Tơ": 19,
    "UBND huyện Minh Long": 5,
    "UBND huyện Sơn Hà": 14,
    "UBND huyện Sơn Tây": 9,
    "UBND huyện Lý Sơn": 0,
    "UBND thành phố Quảng Ngãi": 23,
}


def load(path: Path) -> Directory:
    return read_directory(path.read_text(encoding="utf-8"))


def working(directory: Directory) -> list[Agency]:
    return [
        agency
        for agency in directory
        if agency.status is AgencyStatus.ACTIVE and agency.environment is Environment.PRODUCTION
    ]


def tiers(directory: Directory, origin: str, destination: str) -> list[str]:
    return [directory.agencies[code].tier for code in directory.route(origin, destination)]


@pytest.mark.parametrize(
    "path", [QUANG_NGAI, FOUR_TIERS, TWO_TIERS, FIELD_SAMPLES], ids=lambda path: path.stem
)
def test_every_directory_loads_and_holds_together(path: Path) -> None:
    directory = load(path)
    assert [a.tier for a in directory if a.parent is None] == ["province"]
    for agency in directory:
        assert unicodedata.is_normalized("NFC", agency.name), agency.code
        assert agency.tier in {"province", "department", "district", "commune"}
        assert (agency.status is AgencyStatus.CLOSED) == bool(agency.successors), agency.code
        for successor in agency.successors:
            assert directory.agencies[successor].status is AgencyStatus.ACTIVE
    names = Counter(agency.name for agency in directory)
    assert [name for name, count in names.items() if count > 1] == []


def test_quang_ngai_has_the_province_20_departments_13_districts_and_173_communes() -> None:
    count = Counter(agency.tier for agency in working(load(QUANG_NGAI)))
    assert count == {"province": 1, "department": 20, "district": 13, "commune": 173}


def test_quang_ngai_has_8_townships_17_wards_and_148_rural_communes() -> None:
    kinds = Counter(
        kind
        for agency in working(load(QUANG_NGAI))
        if agency.tier == "commune"
        for kind in ("thị trấn", "phường", "xã")
        if agency.name.startswith(f"UBND {kind} ")
    )
    assert kinds == {"thị trấn": 8, "phường": 17, "xã": 148}


def test_quang_ngai_communes_per_district_are_those_of_2020() -> None:
    directory = load(QUANG_NGAI)
    agencies = working(directory)
    children = Counter(agency.parent for agency in agencies if agency.tier == "commune")
    assert {a.name: children[a.code] for a in agencies if a.tier == "district"} == COMMUNES_OF_2020


@pytest.mark.parametrize("path", [QUANG_NGAI, FOUR_TIERS], ids=lambda path: path.stem)
def test_every_agency_answers_to_both_code_forms(path: Path) -> None:
    directory = load(path)
    seen: set[str] = set()
    for agency in directory:
        (alias,) = agency.aliases
        assert OLD_FORM.fullmatch(alias), alias
        assert agency.code == new_form(alias)
        assert directory.find(alias) is directory.find(agency.code) is agency
        assert not {alias, agency.code} & seen
        seen |= {alias, agency.code}


def new_form(alias: str) -> str:
    """Our illustrative codes convert; real ones need not, which is why the file names both."""
    _, unit, body, province = alias.split(".")
    return ".".join([province, *(part for part in (body, unit) if part != "00")])


def test_the_codes_of_the_domain_notes_stand_for_what_they_say() -> None:
    directory = load(QUANG_NGAI)
    named = {
        code: directory.agencies[canonical].name
        for code, canonical in {
            "000.00.00.H48": "H48",
            "000.00.11.H48": "H48.11",
            "000.00.31.H48": "H48.31",
            "000.05.31.H48": "H48.31.05",
        }.items()
        if directory.find(code) is directory.find(canonical)
    }
    assert named == {
        "000.00.00.H48": "UBND tỉnh Quảng Ngãi",
        "000.00.11.H48": "Sở Thông tin và Truyền thông",
        "000.00.31.H48": "UBND huyện Bình Sơn",
        "000.05.31.H48": "UBND xã Bình Thạnh, huyện Bình Sơn",
    }


def test_test_agencies_are_marked_and_few() -> None:
    marked = {agency.code for agency in load(QUANG_NGAI) if agency.environment is Environment.TEST}
    assert marked == {"H48.98", "H48.31.99"}


def test_every_commune_reaches_every_department_through_all_four_tiers() -> None:
    directory = load(QUANG_NGAI)
    communes = [agency.code for agency in directory if agency.tier == "commune"]
    departments = [agency.code for agency in directory if agency.tier == "department"]
    for commune in communes:
        for department in departments:
            assert tiers(directory, commune, department) == CROSSING


def test_two_communes_of_one_district_meet_at_the_district() -> None:
    assert load(FOUR_TIERS).route("H48.31.01", "000.05.31.H48") == ("H48.31.01", "H48.31", "H48.31.05")


def test_the_small_sample_is_a_cut_of_the_whole_province() -> None:
    whole = load(QUANG_NGAI)
    small = load(FOUR_TIERS)
    assert Counter(agency.tier for agency in small) == {
        "province": 1,
        "department": 2,
        "district": 2,
        "commune": 4,
    }
    assert [agency for agency in small if whole.find(agency.code) != agency] == []


def test_with_two_tiers_a_commune_stands_directly_under_the_province() -> None:
    directory = load(TWO_TIERS)
    for agency in working(directory):
        assert agency.tier != "district"
        if agency.tier == "commune":
            assert tiers(directory, agency.code, "H48.14") == ["commune", "province", "department"]


def test_a_code_closed_by_the_reform_is_not_given_to_another_agency() -> None:
    before, after = load(QUANG_NGAI), load(TWO_TIERS)
    for agency in after:
        old = before.find(agency.code)
        assert old is None or old.name == agency.name


@pytest.mark.parametrize(
    ("sample", "sender", "recipients"),
    [
        ("edoc", "002.00.20.H13", ["000.00.15.H51"]),
        ("edoc_new", "002.00.20.H13", ["28.22.H17"]),
        ("edoc_update", "000.00.00.G22", ["000.00.00.H41", "000.00.00.H14", "000.00.00.G17"]),
        ("edoc_replacement", "000.00.00.G22", ["000.00.00.H41", "000.00.00.H14", "000.00.00.G17"]),
        ("status_acceptance_03", "000.00.00.H41", ["000.00.00.G22"]),
        ("status_assignment_04", "000.00.00.H41", ["000.00.00.G22"]),
        ("status_cancellation_13", "000.00.00.G22", ["000.00.00.H41"]),
        ("status_change-acceptance_15", "000.00.00.H41", ["000.00.00.G22"]),
    ],
)
def test_every_field_sample_crosses_all_four_tiers(sample: str, sender: str, recipients: list[str]) -> None:
    directory = load(FIELD_SAMPLES)
    file = ROOT.parent / "shared/samples/edxml" / f"{sample}.edxml"
    text = file.read_bytes().decode("utf-8", "replace") if file.exists() else None
    for recipient in recipients:
        assert tiers(directory, sender, recipient) in (CROSSING, CROSSING[::-1])
        assert text is None or {sender, recipient} <= set(re.findall(r"OrganId>\s*([^<\s]+)\s*</", text))
