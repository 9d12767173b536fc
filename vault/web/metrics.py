"""Metrics: counts and times of requests by route and status alone, added up over the workers of a machine."""

import os
import time
from collections.abc import Callable, Mapping

from flask import Flask, Response, g, request

# Where the workers keep their counts side by side; `vaultctl serve` makes it, and the library reads it.
SHARED = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


def lags(waiting: Mapping[str, int]) -> bytes:
    """Write out how many entries wait for each exporter: one number for all workers, so none is shared."""
    if not waiting:
        return b""
    name = "vault_exporter_lag"
    lines = [
        f"# HELP {name} Entries of the ledger that a SIEM has not been sent yet, by exporter.",
        f"# TYPE {name} gauge",
        *(f'{name}{{exporter="{exporter}"}} {lag}' for exporter, lag in sorted(waiting.items())),
    ]
    return "".join(f"{line}\n" for line in lines).encode()


def install(app: Flask, alarms: Callable[[], Mapping[str, str]]) -> Callable[[], bytes]:
    """Count every request of *app*; returns what writes the counts out for a scraper.

    The labels are a route's name and a status: no address, no id and no application is among them. *alarms*
    name each anchor that somebody must look at, and why.
    """
    # The library decides at its import whether the workers share their counts, by the variable above.
    import prometheus_client as prometheus  # noqa: PLC0415
    from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415

    own = prometheus.CollectorRegistry()
    seconds = prometheus.Histogram(
        "vault_request_seconds",
        "How long requests took, by route and status.",
        ("route", "status"),
        registry=own,
        buckets=_BUCKETS_SECONDS,
    )

    unwell = prometheus.Gauge(
        "vault_anchors_unwell",
        "How many anchors somebody must look at; /readyz and vaultctl ledger anchors name them.",
        registry=own,
        multiprocess_mode="livemax",
    )

    def begin() -> None:
        g.began = time.perf_counter()

    def count(response: Response) -> Response:
        # A request that no route took has no endpoint: its address may be anything, and is not a label.
        route = request.endpoint or "none"
        seconds.labels(route, str(response.status_code)).observe(time.perf_counter() - g.began)
        return response

    def exposition() -> bytes:
        unwell.set(len(alarms()))
        if SHARED not in os.environ:
            return prometheus.generate_latest(own)
        together = prometheus.CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return prometheus.generate_latest(together)

    app.before_request(begin)
    app.after_request(count)
    return exposition
