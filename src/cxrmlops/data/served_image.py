"""One film of a request to the model server, read in a worker process."""

import base64
import binascii
from dataclasses import dataclass

import numpy as np

from cxrmlops.data.image_file import read_image
from cxrmlops.data.preprocess import network_square
from cxrmlops.system.errors import Rejected
from cxrmlops.vocabulary.scope import Scope


@dataclass(frozen=True)
class ServedImage:
    """A film as a request brings it, and what the model takes."""

    text: str  # base64 of a whole DICOM file, PNG or JPEG
    size: int  # pixels per side of the network's square
    scope: Scope


@dataclass(frozen=True)
class Refusal:
    """Why a film has no square."""

    reason: str


def read_served(image: ServedImage) -> np.ndarray | Refusal:
    """Read one film: shape (size, size), uint8; or why the model must not read it."""
    try:
        picture = read_image(_content(image), scope=image.scope)
    except Rejected as rejected:
        return Refusal(rejected.reason)
    return network_square(picture.image, size=image.size)[0]


def _content(image: ServedImage) -> bytes:
    """Decode the base64; what is too large is not decoded. Line breaks are fine."""
    try:
        text = "".join(image.text.split())
        most = 4 * -(-image.scope.max_bytes // 3)  # four letters for three bytes
        if len(text) > most:
            raise Rejected("too_large", f"{len(text)} letters of base64")
        return base64.b64decode(text, validate=True)
    except (AttributeError, binascii.Error, ValueError):
        raise Rejected("unreadable", "the input is not base64") from None
