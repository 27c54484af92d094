"""Does a tree follow one of the project's XML schemas? If not: SCHEMA_INVALID with field path and line."""

from __future__ import annotations

import re
import threading
from typing import Any, Final, cast

from lxml import etree

from lienthong.edxml.fields import invalid
from lienthong.edxml.names import is_element
from lienthong_schemas import schema

_NAMESPACE = re.compile(r"\{(?:https?|urn):[^{}]*\}")
#: blocks that repeat, and so carry an index in paths
_REPEATED: Final = frozenset(
    ("To", "ResponseFor", "TraceHeader", "Receiver", "ReplacementInfo", "Reference", "Attachment", "Appendix")
)
_SKIPPED: Final = frozenset(("edXML", "edXMLEnvelope", "edXMLHeader", "edXMLBody"))
#: lxml keeps the errors of a validation on the schema object
_LOCK: Final = threading.Lock()


def check_schema(root: etree._Element, name: str) -> None:
    """Validate `root` against a schema of `lienthong_schemas`, e.g. ``edxml/lenient`` or ``transit/records``.

    Raises:
        Refusal: SCHEMA_INVALID for the first fault.
    """
    compiled = schema(name)
    with _LOCK:
        if compiled.validate(root):
            return
        fault: Any = next(iter(cast(Any, compiled.error_log)))  # the stubs know no members of it
        message, line, path = str(fault.message), fault.line, str(fault.path or "")
    element = _element_at(root, path)
    where = root if element is None else element
    why = _NAMESPACE.sub("", message)
    raise invalid(field_path(where), f"{why}, line {line}" if element is None else why, element)


def field_path(element: etree._Element) -> str:
    """The path of an element as refusals name it, e.g. MessageHeader/To[2]/OrganId."""
    parts: list[str] = []
    node: etree._Element | None = element
    while node is not None:
        name = etree.QName(node).localname
        parent = node.getparent()
        if name in _REPEATED and parent is not None:
            same = [child for child in parent if is_element(child) and child.tag == node.tag]
            name = f"{name}[{same.index(node) + 1}]"
        parts.append(name)
        node = parent
    parts.reverse()
    short = [part for part in parts[:-1] if part not in _SKIPPED]
    return "/".join([*short, parts[-1]])


def _element_at(root: etree._Element, path: str) -> etree._Element | None:
    """The element of a libxml2 node path such as ``/*/edXML:edXMLEnvelope/*[2]``."""
    namespaces = {
        prefix: uri
        for element in root.iter()
        if is_element(element)
        for prefix, uri in element.nsmap.items()
        if prefix
    }
    try:
        found = root.getroottree().xpath(path, namespaces=namespaces)
    except etree.XPathError:
        return None
    first: Any = found[0] if isinstance(found, list) and found else None
    return first if is_element(first) else None
