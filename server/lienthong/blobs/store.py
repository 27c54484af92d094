"""Which blob store a URL means: a folder (``file:///…`` or a plain path) or a bucket (``s3://bucket/prefix``)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from obstore.exceptions import BaseError
from obstore.store import MemoryStore, S3Store

from lienthong.blobs.bucket import BucketBlobs
from lienthong.blobs.bucket_uploads import BucketContents
from lienthong.blobs.folder import FolderBlobs
from lienthong.blobs.uploads import FolderContents
from lienthong.errors import HubFault
from lienthong.hub.content_port import Contents
from lienthong.hub.ports import Blobs

if TYPE_CHECKING:
    from obstore.store import RetryConfig

#: the relay and the sender try again anyway: a bucket that is away should be told of soon
RETRIES: RetryConfig = {"max_retries": 3, "retry_timeout": timedelta(seconds=20)}


CONTENT = "content"  #: external content lives apart from documents: collecting it can never touch one


def open_contents(url: str) -> Contents:
    """External content beside the blobs at `url`, which is that of `open_blobs`."""
    parts = urlsplit(url)
    match parts.scheme:
        case "":
            return FolderContents(Path(url) / CONTENT)
        case "file":
            return FolderContents(Path(unquote(parts.path)) / CONTENT)
        case "memory":
            return BucketContents(MemoryStore())
        case _:
            return BucketContents(_bucket(f"{url.rstrip('/')}/{CONTENT}"))


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
        case _:
            return BucketBlobs(_bucket(url))


def _bucket(url: str) -> S3Store:
    scheme = urlsplit(url).scheme
    if scheme not in ("s3", "s3a"):
        raise HubFault(f"blobs are kept in a folder or in s3, not in {scheme}")
    try:
        return S3Store.from_url(url, retry_config=RETRIES)
    except (BaseError, ValueError) as error:
        raise HubFault("the bucket's URL or settings cannot be used") from error
