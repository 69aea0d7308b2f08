"""
How often intervals miss the truth, on either side, in simulated cohorts.

    python -m benchmarks.interval_coverage --cohorts 2000

Nominal are 2.5 % on each side. A gate looks at one end only: at the upper one of the
calibration error, at the lower one of an AUC. The error of each share is that of a
binomial: .35 points with 2,000 cohorts where 2.5 % is true.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from scipy.stats import norm

from cxrmlops.evaluation.statistics.calibration_error import calibration_error
from cxrmlops.evaluation.statistics.intervals import Interval
from cxrmlops.evaluation.statistics.ranking import auc_interval
from cxrmlops.evaluation.statistics.reliability import bin_of

SEED = 1
BINS = 10
ROUNDS = 1000  # of the calibration error
POPULATION = 2_000_000  # studies from which the true calibration error is read


@dataclass(frozen=True)
class Miscalibrated:
    """Cohorts whose scores are normal in each class, read by a reader who is off."""

    studies: int
    patients: int
    correlation: float  # of a patient's studies
    slope: float  # of the true logit on the reader's; 1 is right
    shift: float  # logits that the reader says too little
    distance: float = 2.476  # standard deviations between the classes; AUC .96
    prevalence: float = 0.5  # of ASF


@dataclass(frozen=True)
class Ranked:
    """Cohorts of given classes, one study a patient."""

    n_asf: int
    n_nsf: int
    auc: float
    spread: float = 1.0  # standard deviation of ASF; of NSF it is 1


RIGHT, LITTLE, SHIFTED, SURE, UNSURE = (
    {"slope": 1.0, "shift": 0.0},
    {"slope": 1.0, "shift": 0.15},
    {"slope": 1.0, "shift": 0.6},
    {"slope": 0.6, "shift": 0.0},
    {"slope": 1.5, "shift": 0.0},
)
COHORTS = (
    {"studies": 340, "patients": 340, "correlation": 0.0},
    {"studies": 1000, "patients": 1000, "correlation": 0.0},
    {"studies": 2000, "patients": 2000, "correlation": 0.0},
    {"studies": 2000, "patients": 1000, "correlation": 0.5},
    {"studies": 1000, "patients": 1000, "correlation": 0.0, "prevalence": 0.1},
)
CLASSES = ((10, 40), (25, 25), (25, 200), (50, 50), (50, 995), (200, 200), (1018, 995))


def main() -> None:
    """Print a table per figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cohorts", type=int, default=2000)
    cohorts = parser.parse_args().cohorts
    print("| studies | patients | r | ASF | slope | shift | true ECE | low | high |")
    print("|---|---|---|---|---|---|---|---|---|")
    for cohort in COHORTS:
        for off in (RIGHT, LITTLE, SHIFTED, SURE, UNSURE):
            setting = Miscalibrated(**cohort, **off)
            truth = true_error(setting)
            low, high = missed(errors(setting, cohorts), truth)
            _row(
                *(setting.studies, setting.patients, setting.correlation),
                *(setting.prevalence, setting.slope, setting.shift),
                *(f"{truth:.4f}", f"{low:.1f} %", f"{high:.1f} %"),
            )
    print("\n| ASF | NSF | AUC | spread of ASF | low | high |")
    print("|---|---|---|---|---|---|")
    for n_asf, n_nsf in CLASSES:
        for auc in (0.8, 0.9, 0.96):
            for spread in (1.0, 2.0):
                setting = Ranked(n_asf, n_nsf, auc, spread)
                low, high = missed(areas(setting, cohorts), auc)
                _row(n_asf, n_nsf, auc, spread, f"{low:.1f} %", f"{high:.1f} %")


def missed(intervals: Iterator[Interval], truth: float) -> tuple[float, float]:
    """Return how often, in percent, the truth lies below and above the interval."""
    found = [(each.low > truth, each.high < truth) for each in intervals]
    below, above = 100 * np.mean(found, axis=0)
    return float(below), float(above)


def errors(setting: Miscalibrated, cohorts: int) -> Iterator[Interval]:
    """Yield the calibration error of each simulated cohort."""
    rng = np.random.default_rng(SEED)
    for _ in range(cohorts):
        logit, abnormal, patient = _cohort(setting, rng, setting.studies)
        said = expit((logit - setting.shift) / setting.slope)
        yield calibration_error(
            said, abnormal, patient, bins=BINS, rounds=ROUNDS, seed=SEED
        )


def areas(setting: Ranked, cohorts: int) -> Iterator[Interval]:
    """Yield the AUC of each simulated cohort."""
    rng = np.random.default_rng(SEED)
    n = setting.n_asf + setting.n_nsf
    is_asf = np.arange(n) < setting.n_asf
    apart = norm.ppf(setting.auc) * np.sqrt(1 + setting.spread**2)
    for _ in range(cohorts):
        score = rng.normal(size=n) * np.where(is_asf, setting.spread, 1.0)
        yield auc_interval(score + apart * is_asf, is_asf, np.arange(n))


def true_error(setting: Miscalibrated) -> float:
    """Return the calibration error in a population, with bins of a tenth each."""
    rng = np.random.default_rng(SEED)
    logit, _, _ = _cohort(setting, rng, POPULATION)
    said, true = expit((logit - setting.shift) / setting.slope), expit(logit)
    gap = np.bincount(bin_of(said, bins=BINS), true - said)
    return float(np.abs(gap).sum() / POPULATION)


def _cohort(
    setting: Miscalibrated, rng: np.random.Generator, n: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the true logit of ASF, the truth and the patient of n studies."""
    patient = np.arange(n) // (setting.studies // setting.patients)
    abnormal = rng.random(n) < setting.prevalence
    own = np.sqrt(1 - setting.correlation) * rng.normal(size=n)
    shared = np.sqrt(setting.correlation) * rng.normal(size=int(patient[-1]) + 1)
    score = own + shared[patient] + setting.distance * abnormal
    odds = setting.prevalence / (1 - setting.prevalence)
    logit = setting.distance * (score - setting.distance / 2) + np.log(odds)
    return logit, abnormal, patient


def _row(*cells: object) -> None:
    print("|", " | ".join(map(str, cells)), "|", flush=True)


if __name__ == "__main__":
    main()
