"""
Films that other programs get wrong, after public bug reports: read right or refused.

Each stands for a kind; unit tests pin the kind, this file the film itself. Right is
what the control says, the same picture written properly, or a reason.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from cxrmlops.data.image_file import open_image, read_image
from cxrmlops.system.errors import Rejected
from cxrmlops.vocabulary.scope import make_scope

ROOT = Path(__file__).parent.parent.parent
DATA = Path(os.environ.get("CXR_TEST_DATA") or ROOT.parent / "shared" / "data")
CASES = DATA.parent / "cases"
SCOPE = make_scope(
    ["CHEST", "THORAX"], min_age_years=18, max_file_mib=256, max_pixels=10**8
)
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not CASES.is_dir(), reason="no case films here"),
]

LIKE_ITS_CONTROL = {
    "02_voilut_data_vr_ss.dcm": "02_control_us.dcm",
    "03_big_endian_voilut_ow.dcm": "03_control_little_endian.dcm",
    "05b_slope_decimal_comma.dcm": "05b_control_point.dcm",
    "06_spacing_decimal_comma.dcm": "06_control_point.dcm",
    "08_jpeg_lossless_14bit_bitsstored12.dcm": "08_control_bitsstored16.dcm",
    "21_exif_upside_down.jpg": "21_control.jpg",
    "21c_exif_rotated.jpg": "21_control.jpg",
    "27_upside_down_L_H.dcm": "27_control.dcm",
}
# of 255: turning a JPEG by EXIF exchanges its blocks, which were compressed upright
TOLERANCE = {"21_exif_upside_down.jpg": 3.0, "21c_exif_rotated.jpg": 3.0}
READ = {
    "01_agfa_voilut_bits16_data12.dcm": "lut",
    "04_voilut_8bit_packed_in_us.dcm": "lut",
    "04b_voilut_us_one_entry_too_many.dcm": "lut",
    "04c_voilut_one_entry_short.dcm": "lut",
    "05_window_decimal_comma.dcm": "window",
    "07_window_first_value_empty.dcm": "window",
    "09_highbit15_data_in_low_bits.dcm": "window",
    "10_basic_offset_table_junk.dcm": "window",
    "10c_extended_offset_wrong.dcm": "window",
    "11_padding_behind_eoi.dcm": "window",
    "12_jpeg_baseline_alloc16_stored8.dcm": "window",
    "13_rgb_without_planar_configuration.dcm": "full_scale",
    "22_png16_12bit_content.png": "percentile",
    "a26_item_longer_than_file.dcm": "window",
    "b34_photometric_lower.dcm": "window",
    "b36_bits_12_of_14.dcm": "window",
    "twin_jpeg_extended_12bit.dcm": "lut",
}
SAID = {  # what was corrected or assumed stands in the row
    "01_agfa_voilut_bits16_data12.dcm": "4095",
    "04b_voilut_us_one_entry_too_many.dcm": "4097 entries",
    "04c_voilut_one_entry_short.dcm": "4095 entries",
    "05_window_decimal_comma.dcm": "decimal commas",
    "08_jpeg_lossless_14bit_bitsstored12.dcm": "14 bits",
    "09_highbit15_data_in_low_bits.dcm": "HighBit",
    "21_exif_upside_down.jpg": "EXIF",
    "22_png16_12bit_content.png": "4095",
    "27_upside_down_L_H.dcm": "PatientOrientation",
    "b36_bits_12_of_14.dcm": "14 bits",
}
REFUSED = {
    "14_view_swimmers.dcm": "lateral",
    "14b_lateral_by_chinese_words.dcm": "lateral",
    "15_tspine_bodypart_chest.dcm": "not_chest",
    "16_dual_energy_bone_image.dcm": "derived",
    "18_child_acquisitiondatetime_only.dcm": "child",
    "25_sequence_two_bytes_too_long.dcm": "unreadable",
    "b15_swapped_rows_columns_native_nonsquare.dcm": "scrambled",
    "c02_rows_shuffled.dcm": "scrambled",
    "c05_second_half_zero.dcm": "incomplete",
    "c07_smooth_blob.dcm": "not_a_radiograph",
    "c08_checkerboard.dcm": "not_a_radiograph",
    "c10_upside_down.dcm": "turned",
    "c13_text_page.dcm": "not_a_radiograph",
    "c15_rotated_90.dcm": "turned",
    "twin_frames_zero.dcm": "undecodable",
    "twin_pixeldata_length_beyond_file.dcm": "undecodable",
}


@pytest.mark.parametrize("name", LIKE_ITS_CONTROL)
def test_an_image_written_oddly_looks_like_the_same_image_written_properly(name):
    odd = read_image(CASES / name, scope=SCOPE).image
    control = read_image(CASES / LIKE_ITS_CONTROL[name], scope=SCOPE).image

    assert odd.shape == control.shape
    apart = 255 * np.abs(odd - control).mean()
    assert apart <= TOLERANCE.get(name, 1e-3)


@pytest.mark.parametrize("name", READ)
def test_an_odd_image_is_read_by_the_contrast_that_it_asks_for(name):
    picture = read_image(CASES / name, scope=SCOPE)

    assert picture.voi == READ[name]
    assert picture.image.max() > 0.9


@pytest.mark.parametrize("name", SAID)
def test_what_was_corrected_or_assumed_is_said(name):
    assert SAID[name] in " ".join(read_image(CASES / name, scope=SCOPE).notes)


@pytest.mark.parametrize("name", REFUSED)
def test_an_image_that_must_not_be_read_is_refused_for_its_own_reason(name):
    with pytest.raises(Rejected) as refused:
        read_image(CASES / name, scope=SCOPE)

    assert refused.value.reason == REFUSED[name]


@pytest.mark.parametrize(
    ("name", "date"),
    [
        ("19_studydate_00010101.dcm", "2018-01-02"),
        ("20_studydate_dots.dcm", "2017-01-01"),
    ],
)
def test_a_study_date_is_the_first_that_is_one(name, date):
    with open_image(CASES / name, scope=SCOPE) as image:
        assert str(image.header.study_date) == date
