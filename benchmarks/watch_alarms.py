"""
How often the watch raises a false alarm, and how many nights a change goes unseen.

    python -m benchmarks.watch_alarms data [--series 20] [--nights 200] [--studies 50]
                                           [--auc 0.95] [--val 2000]

`data` holds the stages of a finished line (cohort to train), made-up or real. The
studies of val and test are the world: each series draws a val of the real one's size
and night after night from it, with replacement, so that val is a sample of the world,
as it is in a hospital. Rejections are drawn beside them (20 % out of scope, 2 % not
evaluable). The first nights, as many as `watch.baseline_nights` and `watch.nights`, are
not judged. Then come undrifted nights, or nights after one of these changes:

    vendor change     the commonest vendor's images come from a new one, with gamma .8
    inverted LUT      the commonest vendor's images come with black and white exchanged
    exposure shift    all images darker, gamma 1.25
    prevalence shift  the share of ASF is 15 points higher

The network reads the changed images again; what its rules refuse is rejected. With
--auc the logits are made up, of this AUC, and move by as much as the network's do: for
a line whose network has learnt too little to notice a prevalence.
"""

import argparse
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import norm
from statsmodels.stats.proportion import proportion_confint

from cxrmlops.data.preprocess import image_statistics
from cxrmlops.data.squares import image_squares, in_parts
from cxrmlops.data.watched_studies import reference_studies
from cxrmlops.dicom.read.acceptance import accept_picture
from cxrmlops.evaluation.monitoring.drift import Reference, Rules, Window, compare
from cxrmlops.evaluation.performance.studies import join_studies
from cxrmlops.model.bundle import Bundle, read_bundle
from cxrmlops.model.inference import Reader
from cxrmlops.model.watch_reference import named_directions
from cxrmlops.params import WatchParams, load_params
from cxrmlops.records.tables import INDEX, SPLITS
from cxrmlops.system.errors import Rejected
from cxrmlops.vocabulary.findings import BALANCED

OUT_OF_SCOPE, NOT_EVALUABLE = 0.20, 0.02  # of all studies
MORE_ASF = 0.15
LONGEST = 60  # nights that a change is waited for
Pool = pd.DataFrame  # WATCHED with source, flagged, abnormal, refused


@dataclasses.dataclass(frozen=True)
class World:
    """What nights are drawn from."""

    before: Pool
    after: dict[str, Pool]  # change -> the same studies after it
    n_val: int
    weight: float  # patients per study


def main() -> None:
    """Print the alarm rate of undrifted nights, and the delay of each change."""
    asked = _arguments()
    params = load_params().watch
    world = _world(asked.data)
    if asked.val:
        world = dataclasses.replace(world, n_val=asked.val)
    if asked.auc:
        world = _with_auc(world, asked.auc, seed=asked.seed)
    print(
        f"{len(world.before)} studies are the world, val draws {world.n_val}; "
        f"{asked.studies} studies a night, {asked.series} series, seed {asked.seed}\n"
    )
    raised, onsets, tests = [], 0, []
    for number in range(asked.series):
        told = list(_series(world, None, params, asked, number))
        alarms = [bool(kinds) for kinds, _ in told]
        raised += alarms
        tests += [n for _, n in told]
        onsets += sum(
            now and not before
            for before, now in zip([False, *alarms], alarms, strict=False)
        )
        worst = max(sum(alarms), 0)
        print(f"series {number}: {worst} of {len(alarms)} nights with an alarm")
    found, n = sum(raised), len(raised)
    low, high = proportion_confint(found, n, method="beta")
    print(
        f"\nundrifted nights with any alarm: {found} of {n} = {found / n:.3%} "
        f"({low:.3%} to {high:.3%}, exact, nights taken as independent), "
        f"{onsets} beginnings; {np.median(tests):.0f} comparisons a night\n"
    )
    print("| change | nights to the first alarm: median | range | missed | kinds |")
    print("|---|---|---|---|---|")
    for change in world.after:
        _tell(change, world, params, asked)


def _tell(
    change: str, world: World, params: WatchParams, asked: argparse.Namespace
) -> None:
    delays, kinds = [], []
    for number in range(asked.series):
        told = _series(world, change, params, asked, 1000 + number)
        first = next(((at, k) for at, (k, _) in enumerate(told, 1) if k), None)
        delays.append(first[0] if first else np.inf)
        kinds += sorted(first[1]) if first else []
    seen = [one for one in delays if np.isfinite(one)]
    span = f"{min(seen):.0f}-{max(seen):.0f}" if seen else "-"
    counts = pd.Series(kinds, dtype="string").value_counts()
    named = ", ".join(f"{kind} {n}" for kind, n in counts.items())
    missed = len(delays) - len(seen)
    print(f"| {change} | {np.median(delays):.0f} | {span} | {missed} | {named} |")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--series", type=int, default=20)
    parser.add_argument("--nights", type=int, default=200)
    parser.add_argument("--studies", type=int, default=50, help="of a night, mean")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--val", type=int, help="studies of val; else the real one's")
    parser.add_argument("--auc", type=float, help="of made-up logits")
    return parser.parse_args()


def _series(
    world: World,
    change: str | None,
    params: WatchParams,
    asked: argparse.Namespace,
    number: int,
) -> Iterator[tuple[set[str], int]]:
    """Yield the kinds of alarms, and the comparisons, of each judged night."""
    rng = np.random.default_rng([asked.seed, number])
    val = world.before.sample(world.n_val, replace=True, random_state=rng)
    quiet = params.baseline_nights + params.nights
    nights: list[pd.DataFrame] = []
    rules = Rules(
        false_alarms=params.false_alarms,
        min_studies=params.min_studies,
        min_group_studies=params.min_group_studies,
        min_shift=params.min_shift,
    )
    for night in range(quiet + (LONGEST if change else asked.nights)):
        drifted = change is not None and night >= quiet
        nights.append(_night(world, change if drifted else None, asked, rng))
        if night < quiet:
            continue
        long = pd.concat(nights[-params.nights :], ignore_index=True)
        baseline = pd.concat(nights[: params.baseline_nights], ignore_index=True)
        reference = Reference(val, round(world.weight * len(val)), baseline)
        windows = Window(1, nights[-1]), Window(params.nights, long)
        shifts = compare(windows, reference, site="here", rules=rules)
        yield {one.kind for one in shifts if one.is_alarm}, len(shifts)


def _night(
    world: World,
    change: str | None,
    asked: argparse.Namespace,
    rng: np.random.Generator,
) -> pd.DataFrame:
    pool = world.after[change] if change else world.before
    n = max(int(rng.poisson(asked.studies)), 1)
    weights = None
    if change == "prevalence shift":
        share = pool.abnormal.mean()
        wanted = min(share + MORE_ASF, 0.95)
        weights = np.where(pool.abnormal, wanted / share, (1 - wanted) / (1 - share))
    rows = pool.sample(n, replace=True, weights=weights, random_state=rng)
    chance = rng.random(n)
    kind = np.where(chance < OUT_OF_SCOPE, "out_of_scope", "")
    faulty = rows.refused.to_numpy() | (chance > 1 - NOT_EVALUABLE)
    kind = np.where((kind == "") & faulty, "not_evaluable", kind)
    outcome = np.where(kind == "", "scored", "rejected")
    return rows.assign(kind=kind, outcome=outcome)


def _world(data: Path) -> World:
    images = SPLITS.read(data / "split")
    images = images[images.split.isin(("val", "test"))].reset_index(drop=True)
    index = INDEX.read(data / "preprocess")
    model = read_bundle(data / "train" / "bundle")
    commonest = images.manufacturer.value_counts().index[0]
    theirs = (images.manufacturer == commonest).to_numpy()
    everyone = np.ones(len(images), bool)
    renamed = images.assign(
        manufacturer=images.manufacturer.where(~theirs, "New Vendor").astype("string")
    )
    read = _reading(data, index, model)
    before = read(images, lambda grey: grey, ~everyone)
    val = images[images.split == "val"]
    return World(
        before=before,
        after={
            "vendor change": read(renamed, lambda grey: grey**0.8, theirs),
            "inverted LUT": read(images, lambda grey: 1 - grey, theirs),
            "exposure shift": read(images, lambda grey: grey**1.25, everyone),
            "prevalence shift": before,
        },
        n_val=val.study_id.nunique(),
        weight=val.patient_id.nunique() / val.study_id.nunique(),
    )


def _with_auc(world: World, auc: float, *, seed: int) -> World:
    """Make up the logits before, normal within each class; a change moves them on."""
    rng = np.random.default_rng(seed)
    apart = np.sqrt(2) * norm.ppf(auc)  # of two normals of variance 1
    is_asf = world.before.abnormal.to_numpy()
    made_up = apart * (is_asf - 0.5) + rng.normal(size=len(is_asf))
    scale = 1 / world.before.logit.std()
    moved = {
        change: made_up + scale * (pool.logit - world.before.logit).to_numpy()
        for change, pool in ({"": world.before} | world.after).items()
    }
    pools = {
        change: pool.assign(logit=moved[change].round(4), flagged=moved[change] >= 0)
        for change, pool in ({"": world.before} | world.after).items()
    }
    return dataclasses.replace(world, before=pools.pop(""), after=pools)


def _reading(
    data: Path, index: pd.DataFrame, model: Bundle
) -> Callable[[pd.DataFrame, Callable[[np.ndarray], np.ndarray], np.ndarray], Pool]:
    reader = Reader(model, accelerator="cpu")
    threshold = {p.name: p.threshold for p in model.card.operating_points}[BALANCED]

    def read(
        images: pd.DataFrame,
        change: Callable[[np.ndarray], np.ndarray],
        changed: np.ndarray,
    ) -> Pool:
        parts = map(image_squares(data / "preprocess"), in_parts(images, 64))
        plain = np.concatenate(list(parts))
        squares = plain.copy()
        for at in np.flatnonzero(changed):  # padding, which is 0, stays
            grey = change(plain[at] / np.float32(255))
            squares[at] = np.where(plain[at] > 0, (255 * grey).round(), 0)
        answers = reader.read_parts([squares])
        told = pd.DataFrame(
            [image_statistics(one / np.float32(255)) for one in squares]
        )
        facts = index.set_index("image_id").loc[images.image_id].reset_index()
        facts = facts.assign(**{name: told[name] for name in told})
        studies = join_studies(
            images,
            answers.logit,
            rule=model.card.study_rule,
            temperature=model.card.temperature,
        )
        rows = reference_studies(
            images,
            facts,
            studies,
            distance=answers.distance,
            directions=named_directions(answers.features, reader.familiar),
        )
        pairs = zip(squares, plain, strict=True)
        ruled = [_refused(one) and not _refused(was) for one, was in pairs]
        told_of = answers.unfamiliar | np.array(ruled, bool)
        refused = pd.Series(told_of, index=images.study_id)
        words = {name: object for name in rows if rows[name].dtype == "string"}
        return rows.astype(words).assign(  # objects are compared ten times as fast
            abnormal=studies.abnormal.to_numpy(),
            flagged=studies.probability.to_numpy() >= threshold,
            refused=refused.groupby(level=0).all().loc[studies.study_id].to_numpy(),
        )

    return read


def _refused(square: np.ndarray) -> bool:
    try:
        accept_picture(square / np.float32(255))
    except Rejected:
        return True
    return False


if __name__ == "__main__":
    main()
