"""Films that were once read wrongly: each is right, or refused."""

from pathlib import Path

import numpy as np
import pytest

from cxrmlops.system.errors import Rejected
from tests.make import read_any_image


def image(path: Path) -> np.ndarray:
    return read_any_image(path).image


@pytest.mark.parametrize(
    ("name", "control"),
    [
        ("02_voilut_data_vr_ss.dcm", "02_control_us.dcm"),
        ("03_big_endian_voilut_ow.dcm", "03_control_little_endian.dcm"),
        ("05b_slope_decimal_comma.dcm", "05b_control_point.dcm"),
        ("06_spacing_decimal_comma.dcm", "06_control_point.dcm"),
        ("08_jpeg_lossless_14bit_bitsstored12.dcm", "08_control_bitsstored16.dcm"),
        ("09_highbit15_data_in_low_bits.dcm", "27_control.dcm"),
        ("10_basic_offset_table_junk.dcm", "27_control.dcm"),
        ("11_padding_behind_eoi.dcm", "27_control.dcm"),
        ("27_upside_down_L_H.dcm", "27_control.dcm"),
        ("b34_photometric_lower.dcm", "base/dx14.dcm"),
        ("b36_bits_12_of_14.dcm", "base/dx14.dcm"),
    ],
)
def test_an_image_said_wrongly_looks_like_its_control(cases, name, control):
    np.testing.assert_array_equal(image(cases / name), image(cases / control))


@pytest.mark.parametrize(
    ("name", "control", "levels"),  # of 255, that lossy compression or 8 bits cost
    [
        ("12_jpeg_baseline_alloc16_stored8.dcm", "27_control.dcm", 10),
        ("13_rgb_without_planar_configuration.dcm", "27_control.dcm", 1),
        ("10c_extended_offset_wrong.dcm", "27_control.dcm", 1),
        ("21_exif_upside_down.jpg", "21_control.jpg", 12),
        ("21c_exif_rotated.jpg", "21_control.jpg", 12),
    ],
)
def test_an_image_encoded_otherwise_looks_like_its_control(
    cases, name, control, levels
):
    found, wanted = image(cases / name), image(cases / control)

    assert np.abs(found - wanted).max() <= levels / 255
    assert np.abs(found - wanted).mean() <= 0.01


def test_tables_that_disagree_with_their_descriptor_give_the_same_picture(cases):
    wanted = image(cases / "04b_voilut_us_one_entry_too_many.dcm")

    for name in ("01_agfa_voilut_bits16_data12", "04c_voilut_one_entry_short"):
        np.testing.assert_allclose(image(cases / f"{name}.dcm"), wanted, atol=1e-6)
        assert read_any_image(cases / f"{name}.dcm").notes
    packed = image(cases / "04_voilut_8bit_packed_in_us.dcm")
    np.testing.assert_allclose(packed, wanted, atol=1 / 255)


@pytest.mark.parametrize(
    "name", ["05_window_decimal_comma", "07_window_first_value_empty"]
)
def test_a_window_is_found_behind_commas_and_empty_values(cases, name):
    picture = read_any_image(cases / f"{name}.dcm")

    assert picture.voi == "window"
    assert picture.notes


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("25_sequence_two_bytes_too_long.dcm", "unreadable"),
        ("twin_frames_zero.dcm", "undecodable"),
        ("twin_pixeldata_length_beyond_file.dcm", "undecodable"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(cases, name, reason):
    with pytest.raises(Rejected) as refused:
        read_any_image(cases / name)

    assert refused.value.reason == reason
