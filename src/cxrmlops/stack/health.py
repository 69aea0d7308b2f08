"""Whether a server answers."""

import socket
import urllib.error
import urllib.request

from cxrmlops.stack.place import Place
from cxrmlops.stack.services import Service

_SECONDS = 3.0


def is_well(service: Service, place: Place) -> bool:
    """Ask a server at its port; a login page is an answer, an error of it is none."""
    host, port = place.at(service.name).split(":")
    if not service.health:
        try:
            socket.create_connection((host, int(port)), timeout=_SECONDS).close()
        except OSError:
            return False
        return True
    address = f"http://{host}:{port}{service.health}"
    try:
        urllib.request.urlopen(address, timeout=_SECONDS).close()
    except urllib.error.HTTPError as error:
        error.close()
        return error.code in (401, 403)
    except OSError:
        return False
    return True
