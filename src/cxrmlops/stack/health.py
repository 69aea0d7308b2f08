"""Whether a server answers."""

import socket

from cxrmlops.stack.place import Place
from cxrmlops.stack.services import Service
from cxrmlops.system.http_question import NoAnswerError, get

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
    try:
        get(f"http://{host}:{port}{service.health}")
    except NoAnswerError as error:
        return error.status in (401, 403)
    return True
