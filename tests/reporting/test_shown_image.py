import numpy as np
from PIL import Image

from cxrmlops.data.preprocess import network_square
from cxrmlops.reporting.overlay import FULL_SCALE
from cxrmlops.reporting.shown_image import (
    draw,
    save_page_pictures,
    save_picture,
    show_image,
)
from tests.make import make_lungs, make_model_identity

MODEL = make_model_identity()


def row_of(folder, *, probability=0.9, rows=200, columns=100, hot=(3, 1)):
    """Give the row of a tall film whose evidence is one hot cell of a 4 x 4 grid."""
    image = make_lungs(rows=rows, columns=columns).astype(np.float32) / 4095
    _, placement = network_square(image, size=128)
    np.save(folder / "film.npy", (image * 255).astype(np.uint8))
    evidence = np.zeros((4, 4), "<f2")
    evidence[hot] = 200
    return {
        "sop_instance_uid": "1.2.3",
        "picture": "film.npy",
        "placement": placement.to_json(),
        "probability": probability,
        "logit": float(np.log(probability / (1 - probability))),
        "evidence": evidence.tobytes(),
        "evidence_rows": 4,
        "evidence_columns": 4,
    }


def shown(folder, *, method="evidence", side=400, **quirks):
    return show_image(
        row_of(folder, **quirks), folder, model=MODEL, method=method, side=side
    )


def test_the_map_lies_where_the_network_saw_it(tmp_path):
    image = shown(tmp_path, hot=(3, 1))

    row, column = np.unravel_index(image.heat.argmax(), image.heat.shape)
    assert image.heat.shape == image.picture.shape == (400, 200)
    assert row > 300  # last of four rows
    assert column < 100  # left half: the film fills columns 1 and 2 of the square


def test_an_image_below_the_balanced_threshold_has_no_map(tmp_path):
    at = MODEL.balanced.threshold

    assert shown(tmp_path, probability=at - 1e-4).heat is None
    assert shown(tmp_path, probability=at).heat is not None


def test_a_small_image_is_enlarged_and_keeps_its_shape(tmp_path):
    image = shown(tmp_path, rows=80, columns=60, side=400)

    assert image.picture.shape == (400, 300)


def test_other_methods_use_the_whole_scale_for_each_image(tmp_path):
    row = row_of(tmp_path)
    grid = np.zeros((4, 4), "<f2")
    grid[1, 1] = 1
    image = show_image(
        row | {"evidence": grid.tobytes()},
        tmp_path,
        model=MODEL,
        method="gradcam",
        side=200,
    )

    assert 0.9 * FULL_SCALE < image.heat.max() <= FULL_SCALE


def test_page_pictures_are_named_without_the_uid_and_match_in_size(tmp_path):
    image = shown(tmp_path, side=1024)

    names = save_page_pictures(image, tmp_path)

    sizes = set()
    for name in names:
        with Image.open(tmp_path / name) as picture:
            sizes.add(picture.size)
    assert all("1.2.3" not in name for name in names)
    assert sizes == {(512, 1024)}


def test_an_image_without_a_map_has_one_page_picture(tmp_path):
    image = shown(tmp_path, probability=0.1)

    name, none = save_page_pictures(image, tmp_path)

    assert none == ""
    assert (tmp_path / name).exists()


def test_the_overlay_says_how_large_the_image_in_it_is(tmp_path):
    image = shown(tmp_path, side=400)

    picture = draw(image, model=MODEL, method="evidence")

    assert (picture.image_rows, picture.image_columns) == (400, 200)
    assert picture.pixels.shape[0] > 400
    assert picture.shows_map


def test_a_picture_that_is_there_is_not_written_again(tmp_path):
    image = shown(tmp_path)
    picture = draw(image, model=MODEL, method="evidence")
    path = tmp_path / save_picture(image, tmp_path, picture)
    path.write_bytes(b"first")

    save_picture(image, tmp_path, picture)

    assert path.read_bytes() == b"first"
