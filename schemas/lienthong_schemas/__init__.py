"""Which XML schemas does the project go by? Package data and one loader; `SOURCES.md` says where each comes from.

Names: ``edxml/lenient`` (what is read), ``edxml/strict`` and ``edxml/status`` (what is written), ``transit/records``
(evidence), ``xmldsig/profile`` and ``xades/profile`` (the signatures this project makes).
"""

from __future__ import annotations

from functools import cache
from importlib.resources import as_file, files

from lxml import etree

NAMES = (
    "edxml/lenient",
    "edxml/status",
    "edxml/strict",
    "transit/records",
    "xades/profile",
    "xmldsig/profile",
)


@cache
def schema(name: str) -> etree.XMLSchema:
    """The compiled schema, made once per process. KeyError for a name that is not in `NAMES`.

    lxml keeps one error log per schema object: callers that read it must not share the object between threads
    without a lock.
    """
    if name not in NAMES:
        raise KeyError(name)
    # the schemas import one another by relative path, so the whole folder has to be on disk
    with as_file(files(__name__)) as folder:
        return etree.XMLSchema(file=str(folder / f"{name}.xsd"))
