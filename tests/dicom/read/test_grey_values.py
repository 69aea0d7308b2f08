"""Stored values to displayed grey."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut
from pydicom.sequence import Sequence

from cxrmlops.dicom.read.grey_values import PixelCounts, grey_table
from cxrmlops.system.errors import Rejected

BITS = 10
SIZE = 1 << BITS


def said(**attributes: object) -> Dataset:
    dataset = Dataset()
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsStored, dataset.PixelRepresentation = BITS, 0
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def lut(values: np.ndarray, *, first: int = 0, bits: int = 16) -> Sequence:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(values) % 65536, first, bits])
    item.add_new("LUTData", "US", [int(v) for v in values])
    return Sequence([item])


def grey(dataset: Dataset, counts: np.ndarray | None = None, lowest: int = 0):
    counts = np.ones(SIZE, int) if counts is None else counts
    rows = np.repeat(np.arange(SIZE), counts)[:, None]
    return grey_table(dataset, PixelCounts(rows, SIZE), lowest)


def test_a_linear_window_spreads_over_its_width():
    table = grey(said(WindowCenter=500, WindowWidth=101))

    assert table.voi == "window"
    assert table.grey[449] == 0
    assert table.grey[550] == 1
    assert table.grey[499] == pytest.approx(0.495)
    assert (np.diff(table.grey) >= 0).all()


@pytest.mark.parametrize("kind", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_windows_are_those_of_pydicom(kind):
    image = said(WindowCenter=480, WindowWidth=300, VOILUTFunction=kind)

    ours = grey(image).grey
    theirs = apply_voi_lut(np.arange(SIZE), image) / (SIZE - 1)

    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_the_first_of_several_windows_is_used():
    both = said(WindowCenter=[500, 100], WindowWidth=[100, 50])

    first = grey(said(WindowCenter=500, WindowWidth=100))
    np.testing.assert_array_equal(grey(both).grey, first.grey)


@pytest.mark.parametrize(
    ("centre", "width", "kind"),
    [
        *((500, 0, "LINEAR"), (500, -5, "LINEAR"), (500, 0.5, "LINEAR")),
        *((500, 0, "SIGMOID"), ("", 100, "LINEAR"), (500, "", "LINEAR")),
    ],
)
def test_a_window_that_is_none_gives_way_to_percentiles(centre, width, kind):
    image = said(VOILUTFunction=kind)
    image.add_new("WindowCenter", "DS", centre)
    image.add_new("WindowWidth", "DS", width)

    assert grey(image).voi == "percentile"


def test_a_window_one_value_wide_is_a_threshold():
    table = grey(said(WindowCenter=500, WindowWidth=1), _peak(499, 501))

    assert table.voi == "window"
    assert table.grey[499] == 0
    assert table.grey[500] == 1


def test_a_window_of_another_picture_gives_way_to_percentiles():
    image = said(WindowCenter=-600, WindowWidth=200)

    assert grey(image).voi == "percentile"


def test_a_blank_image_is_not_stretched_because_its_window_clips_it():
    image = said(WindowCenter=500, WindowWidth=100)
    counts = _peak(100, 120)

    table = grey(image, counts)

    assert table.voi == "window"
    assert table.grey[100:120].max() == 0


def test_a_lut_outweighs_a_window_and_scales_by_its_bits():
    ramp = np.linspace(0, 4095, SIZE).astype(int)
    image = said(WindowCenter=500, WindowWidth=10, VOILUTSequence=lut(ramp, bits=12))

    table = grey(image)

    assert table.voi == "lut"
    np.testing.assert_allclose(table.grey, ramp / 4095, atol=1e-6)


def test_a_lut_holds_its_ends_outside_the_values_it_maps():
    image = said(VOILUTSequence=lut(np.arange(10, 20), first=500, bits=8))

    table = grey(image).grey * 255

    wanted = [10, 10, 14, 19, 19]
    np.testing.assert_allclose(table[[0, 500, 504, 509, 1023]], wanted, atol=1e-3)


@pytest.mark.parametrize("packed", [True, False])
def test_lut_data_may_be_bytes(packed):
    values = np.arange(256) // 2
    sequence = lut(values, bits=8)
    raw = values.astype("u1" if packed else "<u2").tobytes()
    sequence[0].add_new("LUTData", "OW", raw)

    table = grey(said(VOILUTSequence=sequence))

    assert table.voi == "lut"
    np.testing.assert_allclose(table.grey[:256], values / 255, atol=1e-6)


def test_a_broken_lut_gives_way_to_the_window():
    sequence = lut(np.arange(10))
    sequence[0].add_new("LUTDescriptor", "US", [500, 0, 16])
    image = said(VOILUTSequence=sequence, WindowCenter=500, WindowWidth=100)

    assert grey(image).voi == "window"


def test_a_modality_lut_comes_before_the_window():
    image = said(
        ModalityLUTSequence=lut(np.arange(SIZE) * 3),
        WindowCenter=1500,
        WindowWidth=3000,
    )

    window = said(WindowCenter=500, WindowWidth=1000)
    np.testing.assert_allclose(grey(image).grey, grey(window).grey, atol=1e-3)


def test_a_broken_modality_lut_is_undecodable():
    sequence = Sequence([Dataset()])

    with pytest.raises(Rejected, match="Modality LUT without usable data"):
        grey(said(ModalityLUTSequence=sequence))


def test_rescale_comes_before_the_window():
    image = said(
        RescaleSlope=2, RescaleIntercept=-1000, WindowCenter=0, WindowWidth=400
    )

    theirs = apply_voi_lut(apply_modality_lut(np.arange(SIZE), image), image)
    low, high = theirs.min(), theirs.max()
    np.testing.assert_allclose(
        grey(image).grey, (theirs - low) / (high - low), atol=1e-6
    )


def test_a_slope_of_zero_is_a_blank_image():
    with pytest.raises(Rejected, match="RescaleSlope is 0"):
        grey(said(RescaleSlope=0, RescaleIntercept=0))


def test_without_window_the_percentiles_of_the_pixels_count():
    values = np.random.default_rng(0).integers(100, 900, 5000)
    low, high = np.percentile(values, [0.5, 99.5])

    table = grey(said(), np.bincount(values, minlength=SIZE))

    wanted = np.clip((np.arange(SIZE) - low) / (high - low), 0, 1)
    assert table.voi == "percentile"
    np.testing.assert_allclose(table.grey, wanted, atol=1e-6)


def test_padding_is_black_and_counts_for_no_percentile():
    values = np.random.default_rng(0).integers(300, 700, 5000)
    counts = np.bincount(values, minlength=SIZE)
    padded = counts.copy()
    padded[1020:] += 20_000

    plain = grey(said(), counts).grey
    image = said(PixelPaddingValue=1020, PixelPaddingRangeLimit=1023)
    table = grey(image, padded).grey

    np.testing.assert_array_equal(table[:1020], plain[:1020])
    assert (table[1020:] == 0).all()


def test_padding_stays_black_on_a_negative():
    image = said(PhotometricInterpretation="MONOCHROME1", PixelPaddingValue=0)

    table = grey(image).grey

    assert table[0] == 0
    assert table[1] == pytest.approx(1, abs=0.01)


def test_an_image_of_one_value_is_blank():
    with pytest.raises(Rejected, match="all pixels are alike"):
        grey(said(), _peak(500, 501))


def test_monochrome1_and_an_inverse_shape_are_one_inversion():
    window = {"WindowCenter": 500, "WindowWidth": 600}
    plain = grey(said(**window)).grey
    negatives = [
        said(PhotometricInterpretation="MONOCHROME1", **window),
        said(PresentationLUTShape="INVERSE", **window),
        said(
            PhotometricInterpretation="MONOCHROME1",
            PresentationLUTShape="INVERSE",
            **window,
        ),
    ]

    for image in negatives:
        np.testing.assert_allclose(grey(image).grey, 1 - plain, atol=1e-6)


@settings(deadline=None, max_examples=60)
@given(
    centre=st.floats(-2000, 3000),
    width=st.floats(1, 5000),
    kind=st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]),
    negative=st.booleans(),
    slope=st.floats(-8, 8).filter(lambda slope: abs(slope) > 1e-3),
    lowest=st.sampled_from([0, -SIZE // 2]),
)
def test_grey_lies_between_black_and_white_whatever_the_header_says(
    centre, width, kind, negative, slope, lowest
):
    image = said(
        WindowCenter=centre,
        WindowWidth=width,
        VOILUTFunction=kind,
        RescaleSlope=slope,
        RescaleIntercept=centre,
        PhotometricInterpretation="MONOCHROME1" if negative else "MONOCHROME2",
    )

    table = grey(image, lowest=lowest).grey

    assert table.dtype == np.float32
    assert np.isfinite(table).all()
    assert table.min() >= 0
    assert table.max() <= 1


def _peak(start: int, end: int) -> np.ndarray:
    counts = np.zeros(SIZE, int)
    counts[start:end] = 100
    return counts


@pytest.mark.parametrize("name", ["RescaleSlope", "RescaleIntercept"])
@pytest.mark.parametrize("value", [1e300, -1e12])
def test_a_rescale_beyond_all_numbers_is_refused(name, value):
    with pytest.raises(Rejected, match="out of range") as refused:
        grey(said(**{name: value}))

    assert refused.value.reason == "undecodable"


@pytest.mark.parametrize("kind", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(
    ("centre", "width"), [(1e300, 1e-300), (-1e300, 1.0000001), (512, 1e308)]
)
def test_an_absurd_window_still_gives_grey(kind, centre, width):
    image = said(VOILUTFunction=kind, WindowCenter=centre, WindowWidth=width)

    table = grey(image).grey

    assert np.isfinite(table).all()
    assert table.min() >= 0
    assert table.max() <= 1


def test_a_look_up_table_of_an_odd_number_of_bytes_is_no_table():
    image = said(WindowCenter=512, WindowWidth=1024)
    image.VOILUTSequence = lut(np.arange(SIZE))
    image.VOILUTSequence[0].add_new("LUTData", "OW", b"\0" * 999)

    assert grey(image).voi == "window"


class Thorough(PixelCounts):
    """Looks at every pixel always."""

    def few(self) -> np.ndarray:
        return np.zeros(self.size, int)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1000),
    spread=st.integers(1, 400),
    centre=st.integers(0, SIZE),
    width=st.integers(2, SIZE),
    padding=st.none() | st.integers(0, SIZE - 1),
)
def test_a_look_at_a_few_rows_decides_as_all_rows_would(
    seed, spread, centre, width, padding
):
    at = np.random.default_rng(seed).normal(centre, spread, (40, 30))
    at = np.roll(at.clip(0, SIZE - 1).astype(np.uint16), seed, axis=0)
    image = said(WindowCenter=SIZE // 2, WindowWidth=width)
    if padding is not None:
        image.PixelPaddingValue = padding

    quick = grey_table(image, PixelCounts(at, SIZE), 0)
    thorough = grey_table(image, Thorough(at, SIZE), 0)

    assert quick.voi == thorough.voi
    assert np.array_equal(quick.grey, thorough.grey)


@pytest.mark.parametrize("written_as", ["SS", "US"])
@pytest.mark.parametrize("name", ["ModalityLUTSequence", "VOILUTSequence"])
def test_a_table_of_a_signed_image_begins_below_zero(name, written_as):
    ramp = (np.arange(300) ** 2 // 22).astype(int)  # 0 to 4063
    bits = 12 if name == "VOILUTSequence" else 16  # pydicom knows no uint12 here
    sequence = lut(ramp, bits=bits)
    image = said(PixelRepresentation=1, **{name: sequence})
    if name == "ModalityLUTSequence":
        image.WindowCenter, image.WindowWidth, image.VOILUTFunction = (
            2000,
            4000,
            "LINEAR",
        )
    stored = np.arange(-SIZE // 2, SIZE // 2)
    sequence[0].add_new("LUTDescriptor", "SS", [300, -100, bits])
    theirs = apply_voi_lut(apply_modality_lut(stored, image), image)
    first = -100 if written_as == "SS" else 65_436  # the same sixteen bits
    sequence[0].add_new("LUTDescriptor", written_as, [300, first, bits])

    ours = grey(image, lowest=-SIZE // 2).grey

    if name == "VOILUTSequence":
        expected = theirs / 4095
    else:
        expected = np.clip((theirs - theirs.min()) / np.ptp(theirs), 0, 1)
    np.testing.assert_allclose(ours, expected, atol=1e-6)
    assert ours[412] == ours[0] < ours[450] < ours[-1]  # -100 is the 412th


@pytest.mark.parametrize("written", [-100, 65_436, 100])
def test_padding_of_a_signed_image_may_be_written_as_the_same_sixteen_bits(written):
    stored = np.arange(-SIZE // 2, SIZE // 2)
    image = said(PixelRepresentation=1, PixelPaddingValue=written)
    image.WindowCenter, image.WindowWidth = 0, SIZE
    value = written - 65_536 if written > 32_767 else written

    plain = grey(said(WindowCenter=0, WindowWidth=SIZE), lowest=-SIZE // 2).grey
    table = grey(image, lowest=-SIZE // 2).grey

    assert plain[stored == value] > 0
    np.testing.assert_array_equal(table, np.where(stored == value, 0, plain))
