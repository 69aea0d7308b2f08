"""
One image file: opened once, its header parsed once, accepted, its pixels on demand.

Cohort, preprocessing, night, model server and comparisons of models all come here, so
that the same bytes have the same outcome on every road.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cxrmlops.data.preprocess import is_picture, read_picture
from cxrmlops.dicom.read.acceptance import accept, accept_picture
from cxrmlops.dicom.read.headers import DicomFile, ImageHeader, describe
from cxrmlops.dicom.read.patient import Patient, patient_of
from cxrmlops.dicom.read.pixels import Picture, display_picture
from cxrmlops.dicom.read.source import Limits, Source, opened
from cxrmlops.vocabulary.scope import Scope


class ImageFile:
    """A DICOM file, or a PNG or JPEG, that is open."""

    def __init__(self, source: Source, scope: Scope) -> None:
        """Read the header; a PNG or JPEG has none.

        Raises:
            Rejected: `unreadable`, `too_large` or `not_dicom`.
        """
        self._source, self._scope = source, scope
        self._limits = Limits.of(scope)
        self._dicom: DicomFile | None = None
        self.header: ImageHeader | None = None
        self.patient: Patient | None = None
        if not is_picture(source.start):
            self._dicom = DicomFile(source, limits=self._limits)
            self.header = describe(self._dicom.header)
            self.patient = patient_of(self._dicom.header)

    def header_bytes(self) -> bytes:
        """Return the header as it stands in the file; nothing of a PNG or JPEG."""
        return self._dicom.header_bytes() if self._dicom else b""

    def accept(self) -> None:
        """Let the image pass by its header, or say why not.

        Raises:
            Rejected: with the first reason of `reasons.REASONS` that holds.
        """
        if self._dicom:
            accept(
                self._dicom.header,
                chest_words=self._scope.chest_words,
                min_age_years=self._scope.min_age_years,
                header=self.header,
            )

    def decode(self) -> Picture:
        """Decode the image, whatever it shows.

        Raises:
            Rejected: it cannot be decoded, is too large, or in colour.
        """
        if self._dicom:
            dataset = self._dicom.with_pixels()
            return display_picture(dataset, limits=self._limits)
        return read_picture(self._source, limits=self._limits)

    def picture(self) -> Picture:
        """Decode the image and let it pass by what it shows, or say why not.

        Raises:
            Rejected: it cannot be decoded, or shows no whole frontal chest.
        """
        picture = self.decode()
        stated = self.header is None or self.header.view != "unknown"
        accept_picture(picture.image, view_is_stated=stated)
        return picture


@contextmanager
def open_image(source: Path | bytes, *, scope: Scope) -> Iterator[ImageFile]:
    """Open an image by its path, or take the bytes of one.

    Raises:
        Rejected: `unreadable`, `too_large` or `not_dicom`.
    """
    with opened(source, limits=Limits.of(scope)) as file:
        yield ImageFile(file, scope)


def read_image(source: Path | bytes, *, scope: Scope) -> Picture:
    """Read an image that must lie within the scope.

    Raises:
        Rejected: with a reason of `reasons.REASONS`.
    """
    with open_image(source, scope=scope) as image:
        image.accept()
        return image.picture()
