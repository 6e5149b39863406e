"""The assets' metric: how many of them cannot be read."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from daemon.contracts.vod.assets import Assets


class AssetGauges(Collector):
    """Reads the count when somebody asks for the metrics."""

    def __init__(self, assets: Assets) -> None:
        self._assets = assets

    def collect(self) -> Iterator[Metric]:
        """Yield the metric."""
        yield CounterMetricFamily(
            "audiowarden_assets_not_understood",
            "Media assets that another version of the program left and this one cannot read.",
            value=self._assets.not_understood,
        )
