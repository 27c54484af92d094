"""How does a package name a file whose bytes travel beside it? One element of our own in the manifest's Reference.

    <content:ExternalContent xmlns:content="urn:lienthong:content:1" digest="…" length="…" mediaType="…"/>

`digest`: SHA-256 of the file, 64 lower-case hex digits. `length`: bytes. `mediaType`: RFC 6838. The sender's signature
covers it like everything else, so whoever has the package knows which bytes belong to it. A Reference with it has no
Attachment. QCVN 102:2016 knows nothing of it: the element stands where its schema lets extensions stand, after the
known ones, and peers that do not know it find a Reference without Attachment.
"""

from __future__ import annotations

import re
from typing import Final

from lxml import etree

from lienthong.domain.document import ExternalContent
from lienthong.edxml.fields import invalid
from lienthong.edxml.strict import attribute

CONTENT: Final = "urn:lienthong:content:1"
_TAG: Final = f"{{{CONTENT}}}ExternalContent"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_LENGTH = re.compile(r"[1-9][0-9]{0,14}")
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9][\w!#$&^.+-]{0,126}/[A-Za-z0-9][\w!#$&^.+-]{0,126}", re.ASCII)
_ATTRIBUTES: Final = {"digest": _DIGEST, "length": _LENGTH, "mediaType": _MEDIA_TYPE}


def read_external(reference: etree._Element, path: str) -> ExternalContent | None:
    """What a Reference says of external content; None when it says nothing.

    Unlike the rest of a package this is ours, so it is read strictly: SCHEMA_INVALID for an element of the namespace
    that is unknown or stands twice, for a missing, unknown or malformed attribute, and for anything inside.
    """
    found = list(reference.iterchildren(f"{{{CONTENT}}}*"))
    if not found:
        return None
    where = f"{path}/ExternalContent"
    element = found[0]
    if len(found) > 1 or element.tag != _TAG:
        raise invalid(where, "stands more than once or has another name", found[-1])
    values = {str(name): str(value) for name, value in element.attrib.items()}
    if values.keys() != _ATTRIBUTES.keys() or len(element) or (element.text and not element.text.isspace()):
        raise invalid(where, f"must have exactly {', '.join(_ATTRIBUTES)} and nothing inside", element)
    for name, pattern in _ATTRIBUTES.items():
        if not pattern.fullmatch(values[name]):
            raise invalid(f"{where}/@{name}", f"is not valid: {values[name][:80]!r}", element)
    return ExternalContent(
        sha256=values["digest"], size=int(values["length"]), media_type=values["mediaType"]
    )


def write_external(content: ExternalContent, path: str) -> str:
    """The element as exclusive C14N would write it, so that repair leaves it as it is."""
    values = {"digest": content.sha256, "length": str(content.size), "mediaType": content.media_type}
    name = "content:ExternalContent"
    attributes = "".join(attribute(key, value, path) for key, value in values.items())
    return f'<{name} xmlns:content="{CONTENT}"{attributes}></{name}>'
