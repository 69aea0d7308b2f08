"""Patients -> train, val, test: quotas exact, groups whole, the same for a seed."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from cxrmlops.records.tables import NOT_EVALUABLE
from cxrmlops.system.errors import DataError

Extra = tuple[int, ...]  # patients above the rounded-down quota, per split


def assign_patients(
    images: pd.DataFrame, group: pd.Series, fractions: Mapping[str, float], *, seed: int
) -> pd.Series:
    """Name the split of every image; a group of patients stays on one side.

    Patients are drawn within strata (any abnormal study; most frequent view). The
    number of patients of each split is the exact fraction to the nearest patient, in
    each stratum (up or down) and overall; a group of several patients may move it by
    its size. Within a stratum, patients of many and of few studies are spread evenly.

    Args:
        images: one row per image with patient_id, study_id, view and abnormal.
        group: shape (n_images,), on the index of `images`.
        fractions: split name -> fraction of patients, adding up to 1.
        seed: the same seed and images give the same split, in any order of rows.

    Returns:
        Shape (n_images,), split name per image, on the index of `images`.
    """
    rng = np.random.default_rng(seed)
    groups = _groups(images.assign(group=group))
    strata = [part for _, part in groups.groupby("stratum", sort=True)]
    quota = quotas([int(part.patients.sum()) for part in strata], fractions)
    sides = [_draw(part, room, rng) for part, room in zip(strata, quota, strict=True)]
    names = np.array(list(fractions))
    side = pd.concat(sides)
    return group.map(pd.Series(names[side], index=side.index)).astype("string")


def assign_cases(
    image_id: pd.Series, fractions: Mapping[str, float], *, seed: int
) -> pd.Series:
    """Draw each image by itself, as the source study did: patients leak.

    Args:
        image_id: shape (n_images,), unique.
        fractions: split name -> fraction of images, adding up to 1.
        seed: the same seed and images give the same split, in any order of rows.

    Returns:
        Shape (n_images,), split name per image, on the index of `image_id`.
    """
    ids = np.sort(image_id.to_numpy(str))
    np.random.default_rng(seed).shuffle(ids)
    counts = quotas([len(ids)], fractions)[0]
    side = dict(zip(ids, np.repeat(list(fractions), counts), strict=True))
    return image_id.map(side).astype("string")


def side_of_unreadable(
    quarantine: pd.DataFrame,
    images: pd.DataFrame,
    fractions: Mapping[str, float],
    *,
    seed: int,
) -> pd.DataFrame:
    """Find the studies without a readable film, and the side each belongs to.

    A patient with other films keeps his side. One without any was never drawn: he is
    drawn here, by the same fractions and by himself, so that a test set counts its
    share of failures.

    Args:
        quarantine: QUARANTINE rows.
        images: SPLITS rows.
        fractions: split name -> fraction of patients, adding up to 1.
        seed: the same seed and rows give the same sides, in any order of rows.

    Returns:
        NOT_EVALUABLE rows, one per study, sorted by study.
    """
    lost = quarantine[~quarantine.study_id.isin(images.study_id)]
    by = lost.sort_values("image_id").groupby("study_id", sort=True)
    studies = by.agg(
        patient_id=("patient_id", "first"),
        abnormal=("abnormal", "first"),
        reason=("reason", lambda why: "|".join(sorted(set("|".join(why).split("|"))))),
    ).reset_index()
    drawn = images.drop_duplicates("patient_id").set_index("patient_id").split
    names = sorted(set(studies.patient_id) - set(drawn.index))
    at = np.random.default_rng(seed).random(len(names))
    ends = np.cumsum(list(fractions.values()))[:-1]
    sides = np.array(list(fractions))[np.searchsorted(ends, at, side="right")]
    known = pd.concat([drawn, pd.Series(sides, index=names, dtype="string")])
    studies["split"] = studies.patient_id.map(known)
    return studies[list(NOT_EVALUABLE.columns)].astype(NOT_EVALUABLE.columns)


def quotas(sizes: Sequence[int], fractions: Mapping[str, float]) -> np.ndarray:
    """Round fractions of each stratum so that rounding errors do not add up.

    Every cell is its exact value rounded up or down, rows add up to `sizes`, and the
    column sums are as near to the exact overall numbers as such a rounding can be
    (controlled rounding; Cox, J. Am. Stat. Assoc. 82:520, 1987).

    Args:
        sizes: patients per stratum.
        fractions: split name -> fraction, adding up to 1.

    Returns:
        Shape (n_strata, n_splits), patients.
    """
    exact = np.outer(sizes, list(fractions.values()))
    low = np.floor(exact + 1e-9).astype(int)
    width = len(fractions)
    best: dict[Extra, tuple[float, list[Extra]]] = {(0,) * width: (0.0, [])}
    for row, size in enumerate(sizes):
        best = _extend(best, exact[row] - low[row], int(size - low[row].sum()))
    wanted = exact.sum(axis=0) - low.sum(axis=0)
    extra = min(
        best, key=lambda total: (round(_error(wanted, total), 9), best[total][0], total)
    )
    return low + np.array(best[extra][1], int).reshape(low.shape)


def check_not_empty(images: pd.DataFrame, names: Sequence[str]) -> None:
    """Raise DataError if a split has no images, or only one of the two answers.

    Args:
        images: with columns split, patient_id and abnormal.
        names: every split that must be there.
    """
    for name in sorted(names, key=lambda name: (images.split == name).any()):
        part = images[images.split == name]
        if part.empty:
            what = "has no images"
        elif part.abnormal.nunique() < 2:
            what = (
                "has only " + ("ab" if part.abnormal.iloc[0] else "") + "normal studies"
            )
        else:
            continue
        raise DataError(
            f"split '{name}' {what}: {images.patient_id.nunique()} patients with "
            f"{len(images)} images are too few for it; add films or raise split.{name} "
            "in params.yaml"
        )


def _groups(images: pd.DataFrame) -> pd.DataFrame:
    """Describe each group: patients, studies, stratum. Sorted by name."""
    by = images.groupby("group", sort=True)
    views = images.groupby(["group", "view"]).size().rename("n").reset_index()
    views = views.sort_values(["group", "n", "view"], ascending=[True, False, True])
    view = views.drop_duplicates("group").set_index("group")["view"]
    abnormal = by.abnormal.any().map({True: "abnormal", False: "normal"})
    return pd.DataFrame(
        {
            "patients": by.patient_id.nunique(),
            "studies": by.study_id.nunique(),
            "stratum": abnormal + " " + view,
        }
    )


def _draw(
    groups: pd.DataFrame, quota: np.ndarray, rng: np.random.Generator
) -> pd.Series:
    """Assign each group of one stratum the number of its split.

    Groups of several patients are drawn first, a split's chance being its free room;
    single patients then fill what is left exactly.
    """
    room = quota.copy()
    shuffled = groups.iloc[rng.permutation(len(groups))]
    several = shuffled[shuffled.patients > 1].sort_values(
        "patients", ascending=False, kind="stable"
    )
    single = shuffled[shuffled.patients == 1].sort_values("studies", kind="stable")
    side = pd.Series(-1, index=shuffled.index)
    for name, size in several.patients.items():
        fits = np.where(room >= size, room, 0)
        chance = fits if fits.any() else room == room.max()
        chosen = int(rng.choice(len(room), p=chance / chance.sum()))
        side[name] = chosen
        room[chosen] -= size
    side[single.index] = _spread(_trim(room, len(single)), rng)
    return side


def _trim(room: np.ndarray, total: int) -> np.ndarray:
    """Take from the largest rooms what an oversized group has used up elsewhere."""
    room = np.maximum(room, 0)
    while room.sum() > total:
        room[room.argmax()] -= 1
    return room


def _spread(counts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Order `counts[k]` labels k at random, each kind evenly along the way."""
    labels = np.repeat(np.arange(len(counts)), counts)
    steps = np.concatenate([np.arange(n) for n in counts])
    at = (steps + rng.random(len(labels))) / np.repeat(counts, counts)
    return labels[np.argsort(at, kind="stable")]


def _extend(
    best: dict[Extra, tuple[float, list[Extra]]], rest: np.ndarray, ups: int
) -> dict[Extra, tuple[float, list[Extra]]]:
    """Add one stratum: choose the `ups` splits that are rounded up, in every way."""
    found: dict[Extra, tuple[float, list[Extra]]] = {}
    for chosen in combinations(range(len(rest)), ups):
        up = tuple(int(k in chosen) for k in range(len(rest)))
        if any(rest[k] < 1e-9 for k in chosen):
            continue  # a whole number is not rounded
        for total, (cost, path) in best.items():
            key = tuple(a + b for a, b in zip(total, up, strict=True))
            new = cost + _error(rest, up)
            if key not in found or new < found[key][0] - 1e-12:
                found[key] = (new, [*path, up])
    return found


def _error(exact: np.ndarray, rounded: Extra) -> float:
    return float(((exact - np.array(rounded)) ** 2).sum())
