"""
Boxes that radiologists drew around findings: NIH ChestX-ray14, BBox_List_2017.csv.

Lines of image, finding, x, y, width, height in pixels of the set's 1024 x 1024 pictures
(Wang, CVPR 2017). The heading names four columns only.
"""

from pathlib import Path, PurePosixPath

import pandas as pd

from cxrmlops.dicom.identity import pseudonym
from cxrmlops.system.errors import ParamsError

SIDE = 1024  # pixels of the pictures the boxes were drawn on
PLACE = ("left", "top", "width", "height")


def read_boxes(path: Path, key: bytes) -> pd.DataFrame:
    """Read the boxes, images by their pseudonyms.

    Args:
        path: BBox_List_2017.csv, or compressed.
        key: of the pseudonyms.

    Returns:
        One row per box: `image_id`, and `left`, `top`, `width`, `height` as fractions
        of the picture's side.

    Raises:
        ParamsError: no such file, or no such table.
    """
    try:
        table = pd.read_csv(
            path,
            skiprows=1,
            header=None,
            usecols=[0, 2, 3, 4, 5],
            names=["image", "finding", *PLACE],
            index_col=False,
        )
        boxes = table[list(PLACE)].astype("float64") / SIDE
    except (OSError, ValueError) as error:
        raise ParamsError(
            f"examine.boxes: {path} holds no boxes ({type(error).__name__}); give "
            "NIH's BBox_List_2017.csv, or null"
        ) from None
    stems = [PurePosixPath(str(name)).stem for name in table["image"]]
    names = [pseudonym(key, "image", "nih", stem) for stem in stems]
    return boxes.assign(image_id=pd.array(names, dtype="string"))
