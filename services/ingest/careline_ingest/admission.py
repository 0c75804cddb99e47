"""How much may be in the service at one time: beyond it a request is turned away at once."""

from types import TracebackType

from careline_ingest import metrics
from careline_ingest.policy import IngestPolicy


class Busy(Exception):
    """No room now; the sender should come again."""


class Admission:
    """Counts requests and bytes in flight; both are bounded, so memory is."""

    def __init__(self, policy: IngestPolicy) -> None:
        self._max_requests = policy.max_requests_in_flight
        self._max_bytes = policy.max_bytes_in_flight
        self._requests = 0
        self._bytes = 0

    def place(self) -> "Place":
        """A place for one request, taken on entering it; raises `Busy` when there is none."""
        return Place(self)

    def move(self, requests: int, bytes: int) -> None:
        """More, or less, is in flight; raises `Busy` where there would be too much."""
        if self._requests + requests > self._max_requests or self._bytes + bytes > self._max_bytes:
            raise Busy
        self._requests += requests
        self._bytes += bytes
        metrics.requests_in_flight.set(self._requests)
        metrics.bytes_in_flight.set(self._bytes)


class Place:
    """One request's share; given back on leaving, however it ends."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._bytes = 0

    def take(self, bytes: int) -> None:
        """Room for so many bytes more."""
        self._admission.move(0, bytes)
        self._bytes += bytes

    def __enter__(self) -> "Place":
        self._admission.move(1, 0)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._admission.move(-1, -self._bytes)
