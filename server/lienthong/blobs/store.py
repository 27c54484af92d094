"""Which blob store a URL means: a folder (``file:///…`` or a plain path) or a bucket (``s3://bucket/prefix``)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from obstore.exceptions import BaseError
from obstore.store import MemoryStore, S3Store

from lienthong.blobs.bucket import BucketBlobs
from lienthong.blobs.folder import FolderBlobs
from lienthong.errors import HubFault
from lienthong.hub.ports import Blobs

if TYPE_CHECKING:
    from obstore.store import RetryConfig

#: the relay and the sender try again anyway: a bucket that is away should be told of soon
RETRIES: RetryConfig = {"max_retries": 3, "retry_timeout": timedelta(seconds=20)}


def open_blobs(url: str) -> Blobs:
    """Blobs at `url`. Credentials and region of a bucket come from the environment (``AWS_…``).

    ``memory://`` keeps nothing after the process: for tests of what uses a bucket.
    """
    parts = urlsplit(url)
    match parts.scheme:
        case "":
            return FolderBlobs(Path(url))
        case "file":
            return FolderBlobs(Path(unquote(parts.path)))
        case "memory":
            return BucketBlobs(MemoryStore())
        case "s3" | "s3a":
            try:
                return BucketBlobs(S3Store.from_url(url, retry_config=RETRIES))
            except (BaseError, ValueError) as error:
                raise HubFault("the bucket's URL or settings cannot be used") from error
        case other:
            raise HubFault(f"blobs are kept in a folder or in s3, not in {other}")
