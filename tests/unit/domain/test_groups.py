"""Does a group name whom it should, and nobody who takes no documents?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from lienthong.domain.agency import Agency, AgencyStatus, Directory, Environment
from lienthong.domain.groups import Groups, check_list
from lienthong.errors import Code, Refusal

AGENCIES = [
    Agency(code="H48", name="Tỉnh", tier="province"),
    Agency(code="H48.11", name="Sở", tier="department", parent="H48", aliases=("000.00.11.H48",)),
    Agency(code="H48.31", name="Huyện", tier="district", parent="H48"),
    *(Agency(code=f"H48.31.0{n}", name=f"Xã {n}", tier="commune", parent="H48.31") for n in range(1, 6)),
    Agency(code="H44", name="Tỉnh khác", tier="province"),
    Agency(code="H44.01", name="Xã khác", tier="commune", parent="H44"),
]
CHANGED = {
    "H48.31.02": {"status": AgencyStatus.CLOSED},
    "H48.31.03": {"status": AgencyStatus.LOCKED},
    "H48.31.04": {"environment": Environment.TEST},
}
DIRECTORY = Directory.of(replace(a, **CHANGED.get(a.code, {})) for a in AGENCIES)  # type: ignore[arg-type]
LISTS = {"lut": ("000.00.11.H48", "@communes:H48.31", "H99"), "vong": ("@vong2",), "vong2": ("@vong",)}


def resolved(expression: str, asking: str | None = "H48.31.05") -> list[str]:
    groups = Groups(directory=DIRECTORY, asking=asking, lists=LISTS)
    return [agency.code for agency in groups.resolve(expression)]


@pytest.mark.parametrize(
    ("expression", "codes"),
    [
        ("@communes:H48.31", ["H48.31.01"]),
        ("@commune:H48.31", ["H48.31.01"]),
        ("@tier:commune", ["H48.31.01"]),
        ("@tier:commune:H44", ["H44.01"]),
        ("@children:H48", ["H48.11", "H48.31"]),
        ("@below:H48", ["H48.11", "H48.31", "H48.31.01"]),
        ("@lut", ["H48.11", "H48.31.01"]),
        ("H48", ["H48"]),
    ],
)
def test_a_group_names_whoever_takes_documents_but_not_the_asking_agency(
    expression: str, codes: list[str]
) -> None:
    assert resolved(expression) == codes


def test_an_operator_asks_for_everybody() -> None:
    assert resolved("@tier:commune", None) == ["H44.01", "H48.31.01", "H48.31.05"]


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("@nobody", Code.NOT_FOUND),
        ("@communes:H99", Code.NOT_FOUND),
        ("@wards:H48", Code.NOT_FOUND),
        ("@communes:H48.11", Code.NOT_FOUND),
        ("@a:b:c", Code.ARGUMENT_INVALID),
        ("@vong", Code.ARGUMENT_INVALID),
    ],
)
def test_what_is_no_group_is_refused(expression: str, code: Code) -> None:
    with pytest.raises(Refusal) as refused:
        resolved(expression)
    assert refused.value.code is code


def test_a_list_is_kept_in_canonical_codes() -> None:
    assert check_list("lut", ["000.00.11.H48", "H48.11", "@lut"], DIRECTORY) == ("H48.11", "@lut")
    for name, members in (("Lụt", ["H48"]), ("lut", []), ("lut", ["H99"]), ("lut", ["@"])):
        with pytest.raises(Refusal):
            check_list(name, members, DIRECTORY)


def test_lists_that_share_lists_are_not_walked_again_and_again() -> None:
    """Fifteen pairs of lists, each list naming both of the next pair: 2^14 ways through them."""
    lists: dict[str, tuple[str, ...]] = {}
    for n in range(15):
        if n == 14:
            lists |= {f"a{n}": ("H48.11",), f"b{n}": ("H48.31",)}
        else:
            both = (f"@a{n + 1}", f"@b{n + 1}")
            lists |= {f"a{n}": both, f"b{n}": both}
    groups = Groups(directory=DIRECTORY, asking=None, lists=_Counted(lists))
    assert [agency.code for agency in groups.resolve("@a0")] == ["H48.11", "H48.31"]
    assert groups.lists.taken < 100  # type: ignore[attr-defined]


class _Counted(dict[str, tuple[str, ...]]):
    """Lists that count how often one is opened, and stop a walk without end."""

    taken = 0

    def __getitem__(self, name: str) -> tuple[str, ...]:
        self.taken += 1
        assert self.taken < 10_000
        return super().__getitem__(name)


def test_lists_within_lists_end_somewhere() -> None:
    lists = {f"l{n}": (f"@l{n + 1}",) for n in range(1_000)} | {"l1000": ("H48",)}
    with pytest.raises(Refusal) as refused:
        Groups(directory=DIRECTORY, asking=None, lists=lists).resolve("@l0")
    assert refused.value.code is Code.ARGUMENT_INVALID
    assert "deep" in str(refused.value)


def test_a_list_of_ever_so_many_groups_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        check_list("nhieu", [f"@below:H48.{n}" for n in range(201)], DIRECTORY)
    assert refused.value.field == "members"
