"""How things are named: UUIDv7 ids (RFC 9562) and SHA-256 digests in lower-case hex."""

from __future__ import annotations

import hashlib

import uuid_utils


def new_id() -> str:
    """A fresh UUIDv7: sortable by time of making."""
    return str(uuid_utils.uuid7())


def sha256_hex(data: bytes) -> str:
    """SHA-256 of `data`, lower-case hex."""
    return hashlib.sha256(data).hexdigest()
