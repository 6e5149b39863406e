"""The jobs' metrics: how many wait, are worked on, or cannot be read, and how far they are."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from daemon.jobs.durable import DurableJobs


class JobGauges(Collector):
    """Reads the jobs when somebody asks for the metrics."""

    def __init__(self, jobs: DurableJobs) -> None:
        self._jobs = jobs

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        waiting = GaugeMetricFamily("audiowarden_jobs_waiting", "Jobs that wait, by kind.", labels=["kind"])
        running = GaugeMetricFamily(
            "audiowarden_jobs_running", "Jobs that are being worked on, by kind.", labels=["kind"]
        )
        progress = GaugeMetricFamily(
            "audiowarden_job_progress",
            "How far a job is that is being worked on, 0 to 1.",
            labels=["kind", "account", "job"],
        )
        unreadable = CounterMetricFamily(
            "audiowarden_jobs_not_understood",
            "Jobs that another version of the program left and this one cannot read, by kind.",
            labels=["kind"],
        )
        active = self._jobs.running()
        for kind in self._jobs.kinds:
            waiting.add_metric([kind], self._jobs.waiting(kind))
            running.add_metric([kind], sum(each.name.kind == kind for each in active))
        for each in active:
            progress.add_metric([each.name.kind, each.name.account, each.name.key], each.progress)
        for kind, count in {**dict.fromkeys(self._jobs.kinds, 0), **self._jobs.unreadable}.items():
            unreadable.add_metric([kind], count)
        yield from (waiting, running, progress, unreadable)
