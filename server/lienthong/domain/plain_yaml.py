"""What does a YAML text say, when every scalar is the text that stands there? Quickly, for files of a whole nation.

`yaml.load` makes a tree of nodes and walks it in Python. Here the values are made from libyaml's events as they come:
a directory of 125,000 agencies is read in a quarter of the time. What directory files hardly ever have (anchors,
keys that are no text) goes the long way.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

_Loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


class _Unusual(Exception):
    """Something only the library's own construction understands."""


def read_yaml(text: str) -> Any:  # noqa: ANN401 - text, lists and mappings, as deep as the file
    """The one document of `text`, of texts, lists and mappings; raises `yaml.YAMLError`."""
    try:
        return _from_events(text)
    except _Unusual:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - makes text, lists and mappings only


def _from_events(text: str) -> Any:  # noqa: ANN401
    documents: list[Any] = []
    above: list[tuple[Any, Any]] = []  # the containers around, each with its key that waits for a value
    current: Any = documents
    key: Any = None  # of `current`, when it is a mapping and its key has been read
    events: Iterator[Any] = yaml.parse(text, Loader=_Loader)
    for event in events:
        kind = type(event)
        if kind is yaml.ScalarEvent:
            value: Any = event.value
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            above.append((current, key))
            current, key = ({} if kind is yaml.MappingStartEvent else []), None
            if event.anchor is not None:
                raise _Unusual
            continue
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            value = current
            current, key = above.pop()
        elif kind is yaml.AliasEvent:
            raise _Unusual
        else:
            continue
        if type(current) is list:
            current.append(value)
        elif key is not None:
            current[key] = value
            key = None
        elif type(value) is str:
            key = value
        else:
            raise _Unusual
    if len(documents) != 1:
        raise _Unusual
    return documents[0]
