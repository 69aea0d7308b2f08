"""
Patients who share a film: the same pixels, or pictures almost alike.

A copy that changed its name, its window or its compression must not stand on both
sides of a split. Chest films look alike by nature, so the distance that counts as
"almost" is far below that between strangers (`docs/results.md` has the figures).
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd


def patient_groups(
    patient_id: pd.Series,
    pixel_hash: pd.Series,
    perceptual_hash: pd.Series,
    *,
    bits: int,
) -> pd.Series:
    """Name the group of every image; patients who share a film are one group.

    Args:
        patient_id: shape (n_images,), pseudonyms.
        pixel_hash: shape (n_images,), equal for equal pixels.
        perceptual_hash: shape (n_images,), hexadecimal, all of one length.
        bits: films whose perceptual hashes differ in at most so many bits are alike.

    Returns:
        Shape (n_images,), on the index of `patient_id`: the smallest patient_id of
        the group, whatever the order of the rows.
    """
    patients, who = np.unique(patient_id.to_numpy(str), return_inverse=True)
    root = np.arange(len(patients))
    for first, second in _same(pixel_hash, who):
        _join(root, first, second)
    looks, which = np.unique(perceptual_hash.to_numpy(str), return_inverse=True)
    for first, second in _same(perceptual_hash, who):
        _join(root, first, second)
    owner = np.empty(len(looks), int)
    owner[which] = who
    for first, second in near_pairs(looks, bits=bits):
        _join(root, owner[first], owner[second])
    names = patients[[_find(root, one) for one in range(len(patients))]]
    return pd.Series(names[who], index=patient_id.index, dtype="string", name="group")


def near_pairs(hashes: np.ndarray, *, bits: int) -> np.ndarray:
    """Find every two hashes at most `bits` apart.

    Bits are dealt out to one more band than may differ: two hashes so near agree in at
    least one whole band, and only those that do are compared (Manku et al. 2007,
    "Detecting near-duplicates for web crawling"). Neighbouring bits go to different
    bands, for they are alike on all chest films.

    Args:
        hashes: shape (n,), hexadecimal text, all of one length.
        bits: Hamming distance, 0 or more.

    Returns:
        Shape (n_pairs, 2), row numbers, first < second, in their order.
    """
    if bits == 0 or not len(hashes):
        return np.empty((0, 2), int)
    raw = np.frombuffer(bytes.fromhex("".join(hashes)), np.uint8)
    raw = raw.reshape(len(hashes), -1)
    words = np.pad(raw, ((0, 0), (0, -raw.shape[1] % 8))).view(np.uint64)
    shown = np.unpackbits(raw, axis=1)
    pairs = [np.empty((0, 2), int)]
    for band in range(bits + 1):
        key = np.packbits(shown[:, band :: bits + 1], axis=1)
        for first, second in _same_key(key):
            apart = np.bitwise_count(words[first] ^ words[second]).sum(axis=1)
            pairs.append(np.column_stack([first, second])[apart <= bits])
    return np.unique(np.concatenate(pairs), axis=0)


def _same_key(key: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Give rows with equal keys: each with the next such row, the one after, ..."""
    _, number = np.unique(key, axis=0, return_inverse=True)
    order = np.argsort(number, kind="stable")
    number = number[order]
    for step in range(1, len(order)):
        alike = number[step:] == number[:-step]
        if not alike.any():
            return
        yield order[:-step][alike], order[step:][alike]


def _same(hashes: pd.Series, who: np.ndarray) -> np.ndarray:
    """Link the first owner of each hash with its other owners: shape (n, 2)."""
    frame = pd.DataFrame({"hash": hashes.to_numpy(str), "who": who}).drop_duplicates()
    first = frame.groupby("hash").who.transform("first")
    return np.column_stack([first, frame.who])[first.to_numpy() != frame.who.to_numpy()]


def _find(root: np.ndarray, one: int) -> int:
    while root[one] != one:
        root[one] = root[root[one]]
        one = root[one]
    return one


def _join(root: np.ndarray, first: int, second: int) -> None:
    low, high = sorted((_find(root, first), _find(root, second)))
    root[high] = low  # the smallest name stays on top
