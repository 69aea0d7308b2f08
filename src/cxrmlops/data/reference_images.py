"""
A few fixed synthetic images, shipped as files: to see how a bundle reads.

They stay the same for every pair of versions, whatever becomes of NumPy or of the
simulator: `python -m cxrphantom.reference` wrote them once. No patient is shown.
"""

import hashlib
from pathlib import Path

from cxrmlops.data.image_file import open_image
from cxrmlops.dicom.read.pixels import Picture
from cxrmlops.system.errors import DataError
from cxrmlops.vocabulary.scope import Scope

FOLDER = Path(__file__).parent / "reference_images"
CHECKSUMS = (  # SHA-256 of 0.dcm, 1.dcm and so on: normal and abnormal, four vendors
    "06bd985aa89224d953e54e9abf92380bb56304c59244c88127e0c4eec9d082b1",
    "922e925786f2a681363bd793af4f740f16ed52937f7b9d910bb44d932a0a5576",
    "979c54bd8ea6fa4220512419c1a4f26a1f93d3c0c60749da2b4c2d9258c54329",
    "69a3e885f2b5adb5ebe4ec14a049d904e321fc335498227a7eef1c9174f3dad3",
    "692b804421b7b47cf7aa00fee2e9066ff1ac0f852147b1c857c6714289679fd8",
    "1eb78afc79cb79278f98e94d872f4d41103079f29834f748aedff1bd2e9b9afc",
    "2e4e5101b150f70ea6356a8b609b9d0e7954ba536c421379ead5cf90134cf71c",
    "4ea70a541db88f05f2d2680e289746b5f6a031e482ef9f4b0254229c1ea569a0",
)


def reference_pictures(n: int, *, scope: Scope) -> list[Picture]:
    """Read the first `n` reference images the way every image is read.

    Args:
        n: how many, at most `len(CHECKSUMS)`.
        scope: of the bundle that is to read them.

    Returns:
        Decoded images, each with sides of 246 to 346 pixels.

    Raises:
        DataError: a file is missing, or is not the one that was shipped.
        Rejected: the scope leaves the images out.
    """
    return [_picture(number, scope) for number in range(n)]


def _picture(number: int, scope: Scope) -> Picture:
    path = FOLDER / f"{number}.dcm"
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != CHECKSUMS[number]:
        raise DataError(
            f"{path} is not the reference image that was shipped: "
            "install the package again"
        )
    with open_image(content, scope=scope) as image:
        return image.picture()
