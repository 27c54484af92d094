"""What a transit message holds on the wire, generated from proto/lienthong/transit."""

from __future__ import annotations
