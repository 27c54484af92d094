"""What do hub and client agree on beside the protocol files?

Large uploads: the client sends its header and waits; the hub, when it takes the header, answers `GO_AHEAD` as the
call's initial metadata, and only then the bytes come. A refusal that arrives while gRPC's client is writing reaches the
program as a broken connection instead of the refusal (grpc issue 36066), so nothing may be under way by then.
"""

from __future__ import annotations

LARGE = 1_048_576  #: bytes to come; more than these are asked for first
GO_AHEAD = ("lienthong-go-ahead", "1")  #: name and value of the metadata (HTTP/2 headers, RFC 9113, 8.2)
