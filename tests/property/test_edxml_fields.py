"""Several texts of a block are read at once: the same ones, with the same refusals, as each by itself."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from lienthong.edxml.fields import Block
from lienthong.edxml.names import EDXML
from lienthong.edxml.reader import parse
from lienthong.errors import Refusal

_NAMES = ("OrganId", "OrganName", "Email")
_FIELDS = {f"{{{EDXML}}}{name}": name.lower() for name in _NAMES}
_TEXTS = (
    "",
    " ",
    "\n",
    "H48",
    " H48 ",
    "ệ",
    "e\u0323\u0302",
    "<!-- c -->",
    "H<!-- c -->48",
    "<x/>",
    "<x>H48</x>",
    "&#160;",
)

_child = st.tuples(st.sampled_from((*_NAMES, "Other", "x:OrganId")), st.sampled_from(_TEXTS)).map(
    lambda child: "<{0}>{1}</{0}>".format(*child)
)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.one_of(_child, st.sampled_from(["<!-- c -->", "text", " "])), max_size=5))
@example(["<OrganId/>", "<OrganId>H48</OrganId>"])
@example(["<OrganId>H48</OrganId>", "<OrganId>H49</OrganId>"])
def test_texts_read_at_once_are_those_read_one_by_one(children: list[str]) -> None:
    root = parse(f'<To xmlns="{EDXML}" xmlns:x="urn:x">{"".join(children)}</To>'.encode())
    careful: dict[str, str] | str | None
    quick: dict[str, str] | str | None
    try:
        one_by_one = {key: Block(root, "To").text(key) for key in _NAMES}
        careful = {key.lower(): text for key, text in one_by_one.items() if text is not None}
    except Refusal as refusal:
        careful = refusal.field
    try:
        quick = Block(root, "To").values(_FIELDS)
    except Refusal as refusal:
        quick = refusal.field
    assert quick == careful
