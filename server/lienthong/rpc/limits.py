"""How much one peer may take: every bound of the gRPC server, and the core options that hold the rest.

grpcio's own defaults leave the number of calls, header sizes, idle connections and decompression unbounded.
What the core cannot bound (silent uploads, stalled readers, memory of all uploads together) is held by
`pipeline.py`, `quota.py` and `uploads.py` with the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1_048_576
FETCH_CHUNK = 262_144  # bytes per message of a download


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcLimits:
    """Bounds of the server. Times in seconds, sizes in bytes."""

    max_chunk: int = MIB  #: one chunk of an upload
    max_message: int = MIB + 65_536  #: one received message: a chunk and its framing
    max_metadata: int = 16_384  #: all request headers together; beyond half of it the core may refuse already
    max_calls: int = 4_096  #: calls at once on the whole server; each watcher of an inbox is one
    max_calls_per_connection: int = 128
    upload_memory: int = 256 * MIB  #: announced bytes of all uploads in hand
    upload_wait: float = 10.0  #: an upload waits this long for its share of the memory
    upload_rate: int = 65_536  #: bytes per second an upload has to keep on the whole
    idle: float = 30.0  #: silence of an uploading client, or a reader that takes nothing
    calls_per_second: float = 100.0  #: per client certificate, on the whole
    calls_burst: int = 400  #: per client certificate, at once
    handshake: float = 10.0  #: TLS and HTTP/2 preface
    keepalive: float = 60.0  #: a ping on a quiet connection
    keepalive_timeout: float = 20.0  #: without an answer the connection is closed
    connection_idle: float = 900.0  #: a connection without calls is closed
    connection_age: float = 14_400.0  #: then clients are asked to connect again, which spreads them over hubs
    connection_age_grace: float = 600.0  #: for calls in hand at that time
    share_port: bool = False  #: several hubs take turns with the connections that come to one port


def core_options(limits: RpcLimits) -> list[tuple[str, int]]:
    """The channel arguments of grpc core that hold `limits`."""

    def milliseconds(seconds: float) -> int:
        return int(seconds * 1000)

    return [
        ("grpc.max_receive_message_length", limits.max_message),
        ("grpc.max_metadata_size", limits.max_metadata // 2),
        ("grpc.absolute_max_metadata_size", limits.max_metadata),
        ("grpc.max_concurrent_streams", limits.max_calls_per_connection),
        # Only identity: packages are zipped inside already, and a small compressed message may unpack to a large one.
        ("grpc.compression_enabled_algorithms_bitset", 1),
        ("grpc.server_handshake_timeout_ms", milliseconds(limits.handshake)),
        ("grpc.keepalive_time_ms", milliseconds(limits.keepalive)),
        ("grpc.keepalive_timeout_ms", milliseconds(limits.keepalive_timeout)),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", milliseconds(10)),  # clients may ping this often
        ("grpc.http2.max_ping_strikes", 4),
        ("grpc.max_connection_idle_ms", milliseconds(limits.connection_idle)),
        ("grpc.max_connection_age_ms", milliseconds(limits.connection_age)),
        ("grpc.max_connection_age_grace_ms", milliseconds(limits.connection_age_grace)),
        # unless it is wanted, a second hub on the port is a mistake, not a silent half of the calls
        ("grpc.so_reuseport", int(limits.share_port)),
    ]
