"""How streams are heard: joined, pulled by a process or a thread, or pulled user by user."""

from __future__ import annotations

from functools import partial

from config.settings import NetworkSettings
from pipeline.ingest.remote import RemoteSource
from pipeline.ingest.workers import IngestWorkers
from pipeline.network.addresses import AddressPolicy
from pipeline.pull import PulledSource
from pipeline.report import StreamSpec
from pipeline.rooms.pulled import PulledRoomSource
from pipeline.rooms.roster import Ask
from pipeline.rooms.workers import RoomWorkers
from pipeline.source import Position, Source


class Sources:
    """Opens a stream's source. Rosters are asked from here: their secrets are nothing for other processes."""

    def __init__(
        self,
        network: NetworkSettings,
        addresses: AddressPolicy,
        ingest: IngestWorkers | None,
        rooms: RoomWorkers,
        ask: Ask,
    ) -> None:
        """Without `ingest` addresses are pulled by threads of this process."""
        self._network = network
        self._addresses = addresses
        self._ingest = ingest
        self._rooms = rooms
        self._ask = ask

    def open(self, spec: StreamSpec, position: Position) -> Source:
        """Open the stream from a place on its timeline on."""
        name = spec.stream_id
        if spec.channel is not None:
            return RemoteSource(self._rooms, spec.channel, position, name=name)
        pull = partial(self._pull, name)
        if spec.room is not None:
            return PulledRoomSource(spec.room, position, pull, self._ask, name=name, backoff=spec.backoff)
        return pull(spec.url, position)

    def _pull(self, name: str, url: str, position: Position) -> Source:
        if self._ingest is not None:
            return RemoteSource(self._ingest, url, position, name=name)
        return PulledSource(url, position, self._addresses, self._network, name=name)
