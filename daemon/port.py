"""The port of the API."""

from __future__ import annotations

import socket

from config.errors import AudiowardenError
from config.settings import ServerSettings

BACKLOG = 1024


class PortError(AudiowardenError):
    """The port cannot be opened."""


def open_port(settings: ServerSettings) -> socket.socket:
    """Return a socket that listens. Raises PortError with a sentence."""
    host, port = settings.host, settings.port
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except UnicodeError:
        raise PortError(f"cannot listen on {host!r}: it is no host name") from None
    except OSError as error:
        # `create_server` repeats the address in brackets behind the reason.
        reason = (error.strerror or str(error)).partition(" (while ")[0]
        raise PortError(f"cannot listen on {host} port {port}: {reason}") from None
