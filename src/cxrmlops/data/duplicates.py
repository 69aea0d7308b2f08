"""
Patients who share a film: the same pixels, or pictures almost alike.

A copy that changed its name, its window or its compression must not stand on both
sides of a split. Chest films look alike by nature, so the distance that counts as
"almost" is far below that between strangers (`docs/results.md` has the figures).
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

_AGREE = 2  # bands
_FEW = 100  # rows of one key that are compared at once: no dearer than a second band


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

    Bits are dealt out to `bits` + 2 bands: two hashes so near agree in at least two
    whole bands (Manku et al. 2007, "Detecting near-duplicates for web crawling"). Those
    that agree in one are compared where they are few, else only if they agree in a
    second one, for chest films look alike by nature. Neighbouring bits go to different
    bands, for the same reason.

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
    keys = _band_keys(raw, bits + _AGREE)
    pairs = [np.empty((0, 2), int)]
    for chosen, first, second in _candidates(keys):
        apart = np.bitwise_count(words[first] ^ words[second]).sum(axis=1)
        near = apart <= bits
        first, second = first[near], second[near]
        # Pairs that agree in an earlier band were found there.
        before = keys[: chosen[-1], first] == keys[: chosen[-1], second]
        is_new = before.sum(axis=0) == len(chosen) - 1
        pairs.append(np.column_stack([first, second])[is_new])
    found = np.sort(np.concatenate(pairs), axis=1)
    return found[np.lexsort((found[:, 1], found[:, 0]))]


def _band_keys(raw: np.ndarray, n_bands: int) -> np.ndarray:
    """Give each band of each hash a number, equal for equal bits: (n_bands, n).

    The number is a sum of random weights (modulo 2^64), so that keys of two bands can
    be added. Should different bits ever share a key, a comparison more is made.
    """
    weights = np.random.default_rng(0).integers(
        2**64, size=8 * raw.shape[1], dtype=np.uint64
    )
    shown = np.unpackbits(raw, axis=1)
    return np.array(
        [shown[:, band::n_bands] @ weights[band::n_bands] for band in range(n_bands)]
    )


def _candidates(
    keys: np.ndarray,
) -> Iterator[tuple[tuple[int, ...], np.ndarray, np.ndarray]]:
    """Give bands, and rows that agree in all of them: first and second of each pair."""
    for one, key in enumerate(keys):
        rows, size = _by_key(key, np.arange(len(key)))
        for first, second in _pairs(key, rows[size <= _FEW]):
            yield (one,), first, second
        many = rows[size > _FEW]
        for other in range(one + 1, len(keys) if len(many) else 0):
            both = key + keys[other]
            for first, second in _pairs(both, _by_key(both, many)[0]):
                yield (one, other), first, second


def _by_key(key: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sort rows by key, without those alone: rows, how many share the key of each."""
    values = key[rows]
    order = np.argsort(values)
    rows, values = rows[order], values[order]
    begins = np.flatnonzero(np.diff(values, prepend=~values[:1]))
    size = np.diff(begins, append=len(values))
    size = np.repeat(size, size)  # of the key of each row
    return rows[size > 1], size[size > 1]


def _pairs(
    key: np.ndarray, rows: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Give sorted rows with equal keys: each with the next one, the one after, ..."""
    at = np.arange(len(rows))
    for step in range(1, len(rows)):
        at = at[at + step < len(rows)]
        at = at[key[rows[at]] == key[rows[at + step]]]
        if not len(at):
            return
        yield rows[at], rows[at + step]


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
