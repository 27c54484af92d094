"""Where the bytes are: documents by the SHA-256 of their content, in a folder or in S3, behind the `Blobs` port."""

from __future__ import annotations

from lienthong.blobs.store import open_blobs, open_contents

__all__ = ["open_blobs", "open_contents"]
