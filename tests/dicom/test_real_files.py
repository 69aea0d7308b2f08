"""Real and odd files: each is read as a reader sees it, or refused."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.pixels import get_decoder

from cxrmlops.data.preprocess import network_square, perceptual_hash
from cxrmlops.dicom.read.acceptance import accept, accept_picture
from cxrmlops.dicom.read.headers import describe, read_header, read_whole
from cxrmlops.dicom.read.pixels import display_picture, pixel_hash
from cxrmlops.system.errors import Rejected
from tests.make import read_any_image

WORDS = ["CHEST", "THORAX", "LUNG", "TORAX", "POUMON"]
BASE = "native/cr_mono1_10bit_pa_explicit.dcm"


@pytest.fixture(scope="module")
def dicom_files(real_data) -> Path:
    return real_data / "real_dicom"


def outcome_of(path: Path) -> str:
    """Name what becomes of a file on the whole way in: accepted, or the reason."""
    try:
        header = read_header(path)
        describe(header)
        accept(header, chest_words=WORDS)
        picture = read_any_image(path)
        accept_picture(picture.image)
    except Rejected as rejected:
        return rejected.reason
    image = picture.image
    good = np.isfinite(image).all() and image.min() >= 0 and image.max() <= 1
    return "accepted" if good else "not between 0 and 1"


def square(path: Path, size: int = 256) -> np.ndarray:
    return network_square(read_any_image(path).image, size=size)[0]


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("native/cr_mono1_10bit_pa_explicit.dcm", "accepted"),
        ("native/cr_mono1_10bit_pa_no_file_meta.dcm", "accepted"),
        ("native/cr_mono1_15bit_pa_j2k_lossy_RG1.dcm", "accepted"),
        ("native/cr_rsna_ap_opacity.dcm", "accepted"),
        ("native/cr_rsna_pa_notnormal.dcm", "accepted"),
        ("native/cr_siim_pa_jpeg_baseline.dcm", "accepted"),
        ("native/cr_mono1_8bit_jpeg_baseline_konica.dcm", "chest_unknown"),
        ("native/dx_nih_cardiomegaly_implicit.dcm", "chest_unknown"),
        ("native/dx_nih_nodule_implicit.dcm", "chest_unknown"),
        ("native/dx_nih_nofinding_implicit.dcm", "chest_unknown"),
        ("native/dx_14bit_LATERAL_j2k_lossless_lidc.dcm", "lateral"),
        ("native/dx_14bit_voilut_cropped_cptac.dcm", "partial"),
        ("non_chest/cr_hip_RG2_jpeg_extended12.dcm", "not_chest"),
        ("non_chest/cr_leg_RG3_j2k.dcm", "not_chest"),
        ("non_chest/cr_leg_RG3_rle.dcm", "not_chest"),
        ("non_chest/dx_dog_thorax_lateral.dcm", "not_human"),
        ("transcoded/canon_12bit_jpeg_lossless_sv1.dcm", "accepted"),
        ("transcoded/crmono1_two_frames.dcm", "multi_frame"),
        ("transcoded/crmono1_rgb_gray.dcm", "accepted"),
        ("transcoded/crmono1_aspect_2_1.dcm", "accepted"),
    ],
)
def test_every_real_image_meets_its_fate(dicom_files, name, outcome):
    assert outcome_of(dicom_files / name) == outcome


@pytest.mark.parametrize(
    ("name", "voi"),
    [
        (BASE, "window"),
        ("native/dx_14bit_voilut_cropped_cptac.dcm", "lut"),
        ("native/cr_rsna_pa_notnormal.dcm", "percentile"),
        ("transcoded/crmono1_rgb_gray.dcm", "full_scale"),
    ],
)
def test_the_contrast_comes_from_where_the_file_says(dicom_files, name, voi):
    assert display_picture(dicom_files / name).voi == voi


@pytest.mark.parametrize(
    "name",
    [
        "native/cr_mono1_10bit_pa_no_file_meta",
        "transcoded/crmono1_implicit_le",
        "transcoded/crmono1_explicit_be",
        "transcoded/crmono1_jpeg_lossless_p14",
        "transcoded/crmono1_jpeg_lossless_sv1",
        "transcoded/crmono1_jpegls_lossless",
        "transcoded/crmono1_unicode_name",
        "transcoded/crmono1_plut_inverse",
    ],
)
def test_an_image_rewritten_without_loss_gives_the_same_bytes(dicom_files, name):
    base, copy = (
        read_any_image(dicom_files / BASE),
        read_any_image(dicom_files / f"{name}.dcm"),
    )

    assert copy.pixel_hash == base.pixel_hash
    np.testing.assert_array_equal(
        network_square(copy.image, size=256)[0], network_square(base.image, size=256)[0]
    )


@pytest.mark.parametrize(
    "name", ["8bit", "as_mono2", "aspect_2_1", "rgb_gray", "signed", "two_windows"]
)
def test_an_image_rewritten_with_other_numbers_looks_the_same(dicom_files, name):
    base = square(dicom_files / BASE)
    copy = square(dicom_files / f"transcoded/crmono1_{name}.dcm")

    likeness = np.corrcoef(base.ravel(), copy.ravel())[0, 1]
    assert copy.shape == base.shape
    assert likeness > 0.999


def test_the_negative_gives_the_same_bytes_once_its_window_is_mirrored(dicom_files):
    # The file's maker left the window as it was: 550 of 1,024 instead of 474, which by
    # the standard is 76 of 1,023 grey values darker, all over.
    base = display_picture(dicom_files / BASE)
    image = read_whole(dicom_files / "transcoded/crmono1_as_mono2.dcm")
    as_sent = display_picture(image)
    image.WindowCenter = 1024 - image.WindowCenter

    mirrored = display_picture(image)

    np.testing.assert_array_equal(
        network_square(mirrored.image, size=256)[0],
        network_square(base.image, size=256)[0],
    )
    inside = (as_sent.image > 0) & (base.image < 1)
    apart = (base.image - as_sent.image)[inside]
    np.testing.assert_allclose(apart, 76 / 1023, atol=1e-6)


def test_labelled_images_as_dicom_and_as_jpeg_are_the_same_image(
    dicom_files, real_data
):
    wrapped = sorted((dicom_files / "wrapped_nih").glob("*.dcm"))
    pictures = real_data / "real_cxr/open/images"
    pairs = [(image, pictures / f"{image.stem[:12]}.jpg") for image in wrapped]
    compared = [
        np.abs(square(image).astype(int) - square(picture)).mean()
        for image, picture in pairs
        if picture.exists()
    ]

    assert len(compared) >= 15
    assert max(compared) < 1.0  # of 255: another resize and JPEG lie between


def test_jpeg_lossless_decodes_as_pydicom_decodes_it(dicom_files):
    path = dicom_files / "transcoded/canon_12bit_jpeg_lossless_sv1.dcm"
    image = read_whole(path)
    theirs, _ = get_decoder(image.file_meta.TransferSyntaxUID).as_array(image, index=0)

    ours = display_picture(path)

    assert ours.pixel_hash == pixel_hash(theirs)


def test_real_images_are_accepted_and_their_negatives_refused(real_data):
    folder = real_data / "real_cxr/open/images"
    negatives = 0
    paths = sorted(folder.glob("*.jpg"))[::10]
    for path in paths:
        image = read_any_image(path).image
        accept_picture(image)
        try:
            accept_picture(1 - image)
        except Rejected as rejected:
            negatives += rejected.reason == "inverted"

    assert len(paths) == 73
    assert negatives / len(paths) > 0.95


def test_strangers_look_less_alike_than_copies(real_data):
    folder = real_data / "real_cxr/open/images"
    images = [read_any_image(path).image for path in sorted(folder.glob("*.jpg"))[::10]]
    hashes = np.array([bits(perceptual_hash(image)) for image in images])
    small = [Image.fromarray(image).resize((300, 300)) for image in images]
    copies = np.array([bits(perceptual_hash(np.asarray(copy))) for copy in small])

    between = (hashes[:, None] != hashes[None]).sum(-1)
    np.fill_diagonal(between, 512)
    assert (hashes != copies).sum(-1).max() < between.min()


def bits(digits: str) -> np.ndarray:
    return np.unpackbits(np.frombuffer(bytes.fromhex(digits), np.uint8))


@pytest.mark.parametrize(
    ("name", "reasons"),
    [
        ("b15_swapped_rows_columns_native_nonsquare", {"scrambled"}),
        ("c02_rows_shuffled", {"scrambled"}),
        ("c05_second_half_zero", {"incomplete"}),
        ("c07_smooth_blob", {"not_a_radiograph"}),
        ("c08_checkerboard", {"not_a_radiograph"}),
        ("c10_upside_down", {"turned"}),
        ("c13_text_page", {"not_a_radiograph"}),
        ("c15_rotated_90", {"turned"}),
    ],
)
def test_pictures_that_mean_nothing_are_refused(real_data, name, reasons):
    path = real_data.parent / f"cases/{name}.dcm"
    if not path.exists():
        pytest.skip(f"{path.name} is not here")

    with pytest.raises(Rejected) as caught:
        accept_picture(display_picture(path).image)

    assert caught.value.reason in reasons
