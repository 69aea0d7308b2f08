import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cxrmlops.data.duplicates import near_pairs, patient_groups
from cxrmlops.data.preprocess import perceptual_hash
from tests.make import read_any_image


def hashes(n: int, *, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.array([rng.bytes(32).hex() for _ in range(n)])


def flip(value: str, bits: int) -> str:
    """Change the lowest `bits` bits of a hash."""
    return f"{int(value, 16) ^ ((1 << bits) - 1):064x}"


def text(values) -> pd.Series:
    return pd.Series(list(values), dtype="string")


def groups(patients, pixels, looks, *, bits=8) -> list[str]:
    return list(patient_groups(text(patients), text(pixels), text(looks), bits=bits))


def test_strangers_stay_apart():
    looks = hashes(4)

    assert groups("ABCD", "1234", looks) == ["A", "B", "C", "D"]


def test_the_same_pixels_join_two_patients():
    looks = hashes(3)

    assert groups("ABC", "121", looks, bits=0) == ["A", "B", "A"]


def test_the_same_look_joins_two_patients_even_at_zero_bits():
    looks = hashes(2)

    assert groups("ABC", "123", [looks[0], looks[1], looks[0]], bits=0) == [
        "A",
        "B",
        "A",
    ]


@pytest.mark.parametrize(("apart", "same"), [(8, True), (9, False)])
def test_images_are_alike_up_to_the_given_distance(apart, same):
    look = hashes(1)[0]

    first, second = groups("AB", "12", [look, flip(look, apart)], bits=8)

    assert (first == second) is same


def test_friends_of_friends_are_one_group():
    a, b = hashes(2)

    assert groups("ABC", ["1", "2", "2"], [a, flip(a, 3), b]) == ["A", "A", "A"]


def test_all_images_of_a_patient_are_in_the_patients_group():
    a, b, c = hashes(3)

    assert groups("AABB", "1234", [a, b, c, flip(b, 1)]) == ["A"] * 4


@given(seed=st.integers(0, 1000), n=st.integers(2, 60), bits=st.integers(0, 20))
@settings(deadline=None, max_examples=30)
def test_pairs_are_those_that_counting_bits_finds(seed, n, bits):
    rng = np.random.default_rng(seed)
    values = np.unique([f"{int(v):064x}" for v in rng.integers(0, 2**40, n)])
    values = np.union1d(values, [flip(values[0], 5), flip(values[-1], 20)])

    found = {tuple(pair) for pair in near_pairs(values, bits=bits)}

    numbers = [int(value, 16) for value in values]
    assert found == {
        (i, j)
        for i in range(len(values))
        for j in range(i + 1, len(values))
        if bits and (numbers[i] ^ numbers[j]).bit_count() <= bits
    }


def test_one_bit_apart_is_near_at_one_bit():
    (value,) = hashes(1)

    assert near_pairs(np.array([value, flip(value, 1)]), bits=1).tolist() == [[0, 1]]


def test_of_many_that_are_all_near_no_pair_is_lost():
    values = np.unique([flip(hashes(1)[0], bit) for bit in range(17)])

    n = len(values)
    assert len(near_pairs(values, bits=16)) == n * (n - 1) // 2


@given(seed=st.integers(0, 1000))
@settings(deadline=None, max_examples=20)
def test_groups_do_not_depend_on_the_order_of_rows(seed):
    look = hashes(12)
    look[5], look[9] = flip(look[2], 2), flip(look[5], 7)
    frame = pd.DataFrame(
        {"who": list("ABCDEFGHIJKA"), "pixels": list("123456789a71"), "look": look}
    ).astype("string")
    shuffled = frame.sample(frac=1, random_state=seed)

    for table in (frame, shuffled):
        table["group"] = patient_groups(table.who, table.pixels, table["look"], bits=8)

    pd.testing.assert_frame_equal(frame, shuffled.sort_index())


def test_real_strangers_are_far_apart_and_copies_near(real_data, tmp_path):
    paths = sorted((real_data / "real_cxr/open/images").iterdir())[::10]
    images = [read_any_image(path).image for path in paths]
    copies = []
    for number, image in enumerate(images[::5]):
        small = Image.fromarray((image**0.8 * 255).astype(np.uint8)).resize((400, 400))
        small.save(tmp_path / f"{number}.jpg", quality=60)
        copies.append(read_any_image(tmp_path / f"{number}.jpg").image)

    looks = np.array([perceptual_hash(image) for image in images + copies])

    patients = [path.name[:8] for path in paths]
    near = {
        (int(i), int(j) - len(images))
        for i, j in near_pairs(looks, bits=24)
        if j >= len(images) or patients[i] != patients[j]
    }
    assert near == {(5 * number, number) for number in range(len(copies))}


@pytest.mark.parametrize("frame", [0.0, 0.1, 0.15, 0.2, 0.25])
def test_real_strangers_stay_apart_within_a_black_frame(real_data, frame):
    paths = sorted((real_data / "real_cxr/open/images").iterdir())[::20]
    images = [read_any_image(path).image for path in paths]
    for image in images:
        wide = round(len(image) * frame)
        image[:wide] = image[len(image) - wide :] = 0
        image[:, :wide] = image[:, image.shape[1] - wide :] = 0

    assert not len(near_pairs(np.array([perceptual_hash(f) for f in images]), bits=24))


def test_an_image_on_a_wider_canvas_is_found_again(real_data):
    paths = sorted((real_data / "real_cxr/open/images").iterdir())[::50]
    images = [read_any_image(path).image for path in paths]
    wide = [np.pad(image, ((0, 0), (image.shape[1] // 2,) * 2)) for image in images]

    looks = np.array([perceptual_hash(image) for image in images + wide])

    found = {tuple(pair) for pair in near_pairs(looks, bits=24)}
    copies = {(i, i + len(images)) for i in range(len(images))}
    assert len(found & copies) >= 0.9 * len(images)  # flat edges of its own may go, too


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_hashes_make_no_pair(n):
    assert near_pairs(hashes(n), bits=8).shape == (0, 2)


@given(
    seed=st.integers(0, 1000),
    centres=st.integers(1, 3),
    spread=st.integers(0, 40),
    bits=st.integers(1, 24),
)
@settings(deadline=None, max_examples=30)
def test_pairs_of_crowded_hashes_are_those_that_counting_bits_finds(
    seed, centres, spread, bits
):
    """More rows share a band than are compared at once, near and far ones mixed."""
    rng = np.random.default_rng(seed)
    looks = rng.integers(0, 2, (centres, 512), dtype=np.uint8)
    crowd = looks[rng.integers(0, centres, 260)]
    for row in crowd:
        row[rng.choice(512, rng.integers(0, spread + 1), replace=False)] ^= 1
    values = np.unique([np.packbits(row).tobytes().hex() for row in crowd])

    found = near_pairs(values, bits=bits).tolist()

    raw = np.array([list(bytes.fromhex(value)) for value in values], np.uint8)
    apart = np.bitwise_count(raw[:, None] ^ raw).sum(axis=2, dtype=int)
    first, second = np.nonzero(np.triu(apart <= bits, k=1))
    assert found == np.column_stack([first, second]).tolist()


@pytest.mark.parametrize("bits", [1, 24, 63, 64, 80])
def test_bands_may_be_more_than_bits(bits):
    values = np.unique([value[:16] for value in hashes(150)])

    pairs = near_pairs(values, bits=bits).tolist()

    assert pairs == [
        [i, j]
        for i in range(len(values))
        for j in range(i + 1, len(values))
        if (int(values[i], 16) ^ int(values[j], 16)).bit_count() <= bits
    ]
