"""Does docs/coverage.md name files and rules that exist?"""

from __future__ import annotations

import re

from lienthong.edxml.rules import RULES
from lienthong.hub.rule_list import HUB_RULES
from tests.architecture.tree import ROOT

PAGE = (ROOT / "docs/coverage.md").read_text(encoding="utf-8")
FOLDERS = (ROOT / "server/lienthong", ROOT / "clients", ROOT)


def test_every_file_it_names_exists() -> None:
    named = re.findall(r"`([\w/]+\.py)`", PAGE)
    assert len(named) > 100
    assert [name for name in named if not any((folder / name).is_file() for folder in FOLDERS)] == []


def test_every_rule_it_names_exists_and_every_rule_is_accounted_for() -> None:
    told = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", PAGE))
    rules = RULES.keys() | HUB_RULES.keys()
    assert told <= rules
    files = {name.replace("_", "-") for name in re.findall(r"`edxml/rules/(\w+)\.py`", PAGE)}
    silent = rules - told - files - set(re.findall(r"`([a-z]+)`", PAGE))
    assert silent == set()
