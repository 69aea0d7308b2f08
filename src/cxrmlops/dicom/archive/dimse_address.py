"""The address of an archive that speaks DIMSE: one line of text, read and checked."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from cxrmlops.system.errors import ParamsError

_TITLE = re.compile(r"[ -\[\]-~]{1,16}")  # PS3.5: 16 characters, no backslash
FORM = (
    "dimse:CALLED@host:port?calling=CXRMLOPS&retrieve=get, or retrieve=move&port=11112"
)


@dataclass(frozen=True)
class Peer:
    """An archive's application entity, and ours."""

    called: str  # its AE title
    host: str
    port: int
    calling: str = "CXRMLOPS"  # our AE title
    retrieve: str = "get"  # C-GET, or move: C-MOVE to our own SCP
    listen: str = "127.0.0.1"  # where our SCP listens, for C-MOVE
    listen_port: int = 11112


def read_address(where: str) -> Peer:
    """Read `CALLED@host:port?calling=...&retrieve=...&port=...&listen=...`.

    Raises:
        ParamsError: it is no such address.
    """
    try:
        parts = urlsplit(f"//{where}")
        strict = bool(parts.query)
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=strict)
        given = dict(pairs)
        peer = Peer(
            called=unquote(parts.username or ""),
            host=parts.hostname or "",
            port=parts.port or 0,
            calling=given.pop("calling", Peer.calling),
            retrieve=given.pop("retrieve", Peer.retrieve),
            listen=given.pop("listen", Peer.listen),
            listen_port=int(given.pop("port", Peer.listen_port)),
        )
    except ValueError:
        raise _wrong() from None
    titles = all(_TITLE.fullmatch(t) and t.strip() for t in (peer.called, peer.calling))
    ports = 0 < peer.port < 2**16 and 0 <= peer.listen_port < 2**16
    if given or not (titles and ports and peer.host) or parts.password:
        raise _wrong()
    if peer.retrieve not in ("get", "move"):
        raise _wrong()
    return peer


def _wrong() -> ParamsError:
    return ParamsError(f"the archive's address is not understood; expected {FORM}")
