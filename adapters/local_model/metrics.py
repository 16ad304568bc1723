"""Counters in Prometheus' text format, under the names of text-generation-inference's ``/metrics``."""

from collections import Counter

_SECONDS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
_TOKENS = (16, 64, 256, 512, 1024, 2048)

_HISTOGRAMS: dict[str, tuple[float, ...]] = {
    "tgi_request_duration": _SECONDS,
    "tgi_request_validation_duration": _SECONDS,
    "tgi_request_queue_duration": _SECONDS,
    "tgi_request_inference_duration": _SECONDS,
    "tgi_request_mean_time_per_token_duration": _SECONDS,
    "tgi_request_input_length": _TOKENS,
    "tgi_request_max_new_tokens": _TOKENS,
    "tgi_request_generated_tokens": _TOKENS,
}


class Metrics:
    """What happened since the start. `queued` and `running` are requests now."""

    def __init__(self) -> None:
        self.queued = 0
        self.running = 0
        self.requests = 0
        self.successes = 0
        self.failures: Counter[str] = Counter()
        self._observed = {name: _Histogram(buckets) for name, buckets in _HISTOGRAMS.items()}

    def observe(self, name: str, value: float) -> None:
        """Add a value to the histogram ``tgi_request_<name>``: seconds or tokens."""
        self._observed[f"tgi_request_{name}"].add(value)

    def render(self) -> str:
        lines = [
            *_simple("gauge", "tgi_queue_size", self.queued),
            *_simple("gauge", "tgi_batch_current_size", self.running),
            *_simple("counter", "tgi_request_count", self.requests),
            *_simple("counter", "tgi_request_success", self.successes),
            "# TYPE tgi_request_failure counter",
            *(
                f'tgi_request_failure{{err="{kind}"}} {count}'
                for kind, count in sorted(self.failures.items())
            ),
        ]
        for name, histogram in self._observed.items():
            lines += [f"# TYPE {name} histogram", *histogram.lines(name)]
        return "\n".join(lines) + "\n"


def _simple(kind: str, name: str, value: int) -> tuple[str, str]:
    return f"# TYPE {name} {kind}", f"{name} {value}"


class _Histogram:
    def __init__(self, buckets: tuple[float, ...]) -> None:
        self._counts = dict.fromkeys(buckets, 0)
        self._count = 0
        self._sum = 0.0

    def add(self, value: float) -> None:
        self._count += 1
        self._sum += value
        for bound in self._counts:
            self._counts[bound] += value <= bound

    def lines(self, name: str) -> list[str]:
        buckets = [f'{name}_bucket{{le="{bound}"}} {count}' for bound, count in self._counts.items()]
        last = f'{name}_bucket{{le="+Inf"}} {self._count}'
        return [*buckets, last, f"{name}_sum {self._sum}", f"{name}_count {self._count}"]
