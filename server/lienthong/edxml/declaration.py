"""How does a sender say that a package holds no state secret? One element of our own at the end of MessageHeader.

    <declaration:NoStateSecret xmlns:declaration="urn:lienthong:declaration:1"></declaration:NoStateSecret>

Words like *mật* in a subject make the rule `secrecy` refuse a package, for secret documents never travel over the
linkage (Quyết định 28/2018/QĐ-TTg). Where the words are harmless (a plan about keeping secrets is no secret), the
sender says so with this element. It stands inside what the sender signs, so it is the agency's own word and stays with
the document. QCVN 102:2016 has no field for it; its schema lets foreign elements stand after the known ones, and
receivers that do not know it pass it by. SphereOfPromulgation was not used: receivers show it, and it says where a
document may circulate.
"""

from __future__ import annotations

from typing import Final

from lxml import etree

from lienthong.edxml.fields import invalid

DECLARATION: Final = "urn:lienthong:declaration:1"
_TAG: Final = f"{{{DECLARATION}}}NoStateSecret"
_PATH: Final = "MessageHeader/NoStateSecret"

MARKUP: Final = f'<declaration:NoStateSecret xmlns:declaration="{DECLARATION}"></declaration:NoStateSecret>'


def read_no_state_secret(header: etree._Element) -> bool:
    """Whether MessageHeader carries the declaration.

    It is ours, so it is read strictly: SCHEMA_INVALID when it stands twice, has another name, or holds anything.
    """
    found = list(header.iterchildren(f"{{{DECLARATION}}}*"))
    if not found:
        return False
    element = found[0]
    if len(found) > 1 or element.tag != _TAG:
        raise invalid(_PATH, "stands more than once or has another name", found[-1])
    if len(element) or element.attrib or (element.text and not element.text.isspace()):
        raise invalid(_PATH, "must be empty", element)
    return True
