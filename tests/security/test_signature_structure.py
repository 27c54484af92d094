"""Elements of a signed file moved, doubled, renamed or dropped at random: refused, or the content is the same."""

from __future__ import annotations

import copy
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from lienthong.errors import Refusal
from tests.pki.forge import canonical
from tests.pki.refusals import accept
from tests.pki.world import world

_OPERATIONS = ("move", "double", "drop", "wrap", "rename", "add id", "add text", "swap text")


@cache
def _signed() -> tuple[bytes, ...]:
    w = world()
    plain = w.signed("H48.31.05", ["H48.33.02", "H48.11"])
    return plain, w.signed("H48.31", ["H48.33.02"], key=w.rsa_key)


def _bend(root: etree._Element, operation: str, one: int, other: int) -> None:
    """Apply one operation to two elements picked by number."""
    elements = [element for element in root.iter() if element is not root]
    if not elements:
        return
    first, second = elements[one % len(elements)], elements[other % len(elements)]
    parent = first.getparent()
    assert parent is not None
    inside = first in second.iterancestors() or first is second
    if operation == "double":
        second.append(copy.deepcopy(first))
    elif operation == "move" and not inside:
        second.append(first)
    elif operation == "drop":
        parent.remove(first)
    elif operation == "wrap":
        wrapper = etree.Element(second.tag)
        parent.replace(first, wrapper)
        wrapper.append(first)
    elif operation == "rename":
        first.tag = second.tag
    elif operation == "add id":
        first.set(("Id", "ID", "id")[other % 3], "package-signature-properties")
    elif operation == "add text":
        first.tail = (first.tail or "") + "H48.33.03"
    elif operation == "swap text":
        first.text, second.text = second.text, first.text


@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, 1),
    st.lists(
        st.tuples(st.sampled_from(_OPERATIONS), st.integers(0, 200), st.integers(0, 200)),
        min_size=1,
        max_size=3,
    ),
)
def test_signature_wrapping_at_random_never_changes_what_is_read(
    which: int, bends: list[tuple[str, int, int]]
) -> None:
    original = _signed()[which]
    root = etree.fromstring(original)  # noqa: TID251  tests bend trees
    for operation, one, other in bends:
        _bend(root, operation, one, other)
    bent = etree.tostring(root, encoding="UTF-8")
    try:
        document = accept(bent)
    except Refusal:
        return
    assert canonical(bent) == canonical(original)
    assert document.package == accept(original).package
