"""Services on this machine are never asked through a proxy."""

import os

HOSTS = ("localhost", "127.0.0.1", "::1")


def spare_loopback() -> None:
    """Add this machine to NO_PROXY, for this process and all that it starts.

    A hospital's HTTP_PROXY is set for every program, often without exceptions; it
    cannot reach a server that listens on loopback only.
    """
    named = [os.environ.get(name, "") for name in ("no_proxy", "NO_PROXY")]
    known = [host.strip() for given in named for host in given.split(",")]
    hosts = ",".join(dict.fromkeys([*filter(None, known), *HOSTS]))
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = hosts  # libraries read either
