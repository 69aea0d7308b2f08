"""Where the servers run: on this machine, or as containers."""

from collections.abc import Mapping
from dataclasses import dataclass

from cxrmlops.params import Ports

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Place:
    """Hosts, ports and folders as the servers see them.

    Args:
        folder: what the servers keep: databases, artifacts, images.
        project: the checkout.
        programs: folder of our own programs with a slash at its end; empty: on PATH.
        listen: address that a server listens on.
        hosts: of servers that are not reached at `listen`, by the service's name.
        ports: of each service.
        passwords: shell command that exports one password, with `{name}` in it.
        time_zone: of the nights' schedule, an IANA name.
    """

    folder: str
    project: str
    programs: str
    listen: str
    hosts: Mapping[str, str]
    ports: Ports
    passwords: str
    time_zone: str

    def at(self, service: str) -> str:
        """Return `host:port` of a service, as the other services reach it."""
        return f"{self.hosts.get(service, self.listen)}:{self.port(service)}"

    def port(self, service: str) -> int:
        """Return the port that a service listens on."""
        return int(getattr(self.ports, service))
