"""The jobs' gauges: how many wait and are worked on, and how far those are."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from daemon.jobs.durable import DurableJobs


class JobGauges(Collector):
    """Reads the jobs when somebody asks for the metrics."""

    def __init__(self, jobs: DurableJobs) -> None:
        self._jobs = jobs

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges."""
        waiting = GaugeMetricFamily("audiowarden_jobs_waiting", "Jobs that wait, by kind.", labels=["kind"])
        running = GaugeMetricFamily(
            "audiowarden_jobs_running", "Jobs that are being worked on, by kind.", labels=["kind"]
        )
        progress = GaugeMetricFamily(
            "audiowarden_job_progress",
            "How far a job is that is being worked on, 0 to 1.",
            labels=["kind", "account", "job"],
        )
        active = self._jobs.running()
        for kind in self._jobs.kinds:
            waiting.add_metric([kind], self._jobs.waiting(kind))
            running.add_metric([kind], sum(each.name.kind == kind for each in active))
        for each in active:
            progress.add_metric([each.name.kind, each.name.account, each.name.key], each.progress)
        yield from (waiting, running, progress)
