"""What is counted of the calls: how many, how long, how they ended, what was refused."""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class RpcMetrics:
    """The server's metrics in one registry. `method` is `package.Service/Method`, never text of a peer."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._series: dict[str, MethodSeries] = {}
        self.calls = Counter(
            "lienthong_rpc_calls_total", "Finished calls", ["method", "code"], registry=registry
        )
        self.seconds = Histogram(
            "lienthong_rpc_seconds", "Duration of calls", ["method"], buckets=SECONDS, registry=registry
        )
        self.running = Gauge("lienthong_rpc_running", "Calls in hand", ["method"], registry=registry)
        self.refusals = Counter(
            "lienthong_rpc_refusals_total",
            "Refused calls by catalogue code",
            ["method", "reason"],
            registry=registry,
        )
        self.received = Counter(
            "lienthong_rpc_received_bytes_total", "Bytes of packages uploaded", registry=registry
        )
        self.sent = Counter("lienthong_rpc_sent_bytes_total", "Bytes of packages fetched", registry=registry)

    def of(self, method: str) -> MethodSeries:
        """The series of one method."""
        found = self._series.get(method)
        if found is None:
            found = self._series[method] = MethodSeries(self, method)
        return found


class MethodSeries:
    """The series of one method, each looked up once."""

    def __init__(self, metrics: RpcMetrics, method: str) -> None:
        self._metrics = metrics
        self._method = method
        self.running = metrics.running.labels(method)
        self.seconds = metrics.seconds.labels(method)
        self._ended: dict[str, Counter] = {}

    def ended(self, status: str) -> Counter:
        """Calls that ended with this status."""
        found = self._ended.get(status)
        if found is None:
            found = self._ended[status] = self._metrics.calls.labels(self._method, status)
        return found

    def refused(self, reason: str) -> Counter:
        """Calls refused with this code of the catalogue."""
        return self._metrics.refusals.labels(self._method, reason)
