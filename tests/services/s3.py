"""A real S3 bucket for the blob stores' contract, where there is one.

Give TEST_S3_BUCKET (s3://BUCKET) and the AWS_ variables (AWS_ENDPOINT and AWS_ALLOW_HTTP for a server of your own),
and the suites run on it too. What they leave in the bucket stands under `test-…`.
"""

from __future__ import annotations

import os
from uuid import uuid4

S3 = ("s3",) if os.environ.get("TEST_S3_BUCKET") else ()


def s3_url() -> str:
    """A part of the bucket nobody else uses."""
    return f"{os.environ['TEST_S3_BUCKET']}/test-{uuid4().hex}"
