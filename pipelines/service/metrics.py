"""What machines see of the service: Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/)."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

__all__ = ["Metrics"]

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_QUESTIONS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The figures of one service."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "kc_service_requests", "Requests answered.", ["route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "kc_service_request_seconds",
            "Time from a request to its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.batches = Histogram(
            "kc_service_batch_questions",
            "Questions that were answered together.",
            ["index"],
            buckets=_QUESTIONS,
            registry=self.registry,
        )
        self.waiting = Gauge(
            "kc_service_waiting_questions", "Questions that wait.", ["index"], registry=self.registry
        )
        self.switches = Counter(
            "kc_service_corpus_switches", "Times that another corpus was opened.", registry=self.registry
        )
        self.opened = Gauge(
            "kc_service_corpus_opened_timestamp_seconds",
            "When the corpus was opened that answers now.",
            registry=self.registry,
        )
        self.counts = Gauge(
            "kc_corpus_count", "What the current corpus holds.", ["what"], registry=self.registry
        )

    def text(self) -> bytes:
        """Return all figures in the text format."""
        return generate_latest(self.registry)
