"""params.yaml and site.yaml as frozen, typed objects. The only reader of both."""

import datetime as dt
from collections.abc import Hashable
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cxrmlops.system.errors import ParamsError, wrong_values
from cxrmlops.vocabulary.scope import Scope, make_scope

Fraction = Field(ge=0, le=1)
Port = Annotated[int, Field(ge=1, le=65535)]


class Section(BaseModel):
    """A section of a settings file: unknown keys are errors, values never change."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CohortParams(Section):
    """Who is in."""

    start: dt.date  # first study date
    end: dt.date  # last study date
    min_age_years: float = Field(ge=0)
    max_file_mib: int = Field(ge=1)
    max_pixels: int = Field(ge=1)  # rows x columns x frames

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end < self.start:
            raise ValueError(f"end {self.end} lies before start {self.start}")
        return self


class PreprocessParams(Section):
    """Films -> squares of uint8."""

    size: int = Field(ge=32, le=2048)  # pixels per side of the network's square
    images_per_shard: int = Field(ge=1)


class ValidateParams(Section):
    """Promises of the cohort; rows that break one are quarantined, sets stop."""

    min_studies: int = Field(ge=1)
    min_rows: int = Field(ge=1)  # of a film, pixels
    min_columns: int = Field(ge=1)
    max_quarantined: float = Fraction  # of all rows; more stops the run
    abnormal_low: float = Fraction  # share of ASF among studies
    abnormal_high: float = Fraction
    max_unknown_view: float = Fraction


class SplitParams(Section):
    """How patients are divided."""

    policy: Literal["patient", "case"]  # case: the source study's draw, leaks
    seed: int
    train: float = Field(gt=0, lt=1)
    val: float = Field(gt=0, lt=1)
    test: float = Field(gt=0, lt=1)
    near_duplicate_bits: int = Field(ge=0, le=64)  # of 512; 0: identical hash only

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        total = self.train + self.val + self.test
        if abs(total - 1) > 1e-9:
            raise ValueError(f"train + val + test should be 1, is {total:g}")
        return self

    @property
    def fractions(self) -> dict[str, float]:
        """Fraction per split, in the order they are drawn."""
        return {"train": self.train, "val": self.val, "test": self.test}


class AugmentParams(Section):
    """What a chest film can undergo. No flips: the heart is on the left."""

    rotate_degrees: float = Field(ge=0, le=15)
    scale: float = Field(ge=0, le=0.3)  # +- fraction
    shift: float = Field(ge=0, le=0.2)  # +- fraction of the side
    gamma: float = Field(ge=0, le=0.5)
    noise: float = Field(ge=0, le=0.1)


class SizeStep(Section):
    """Epochs on films smaller than `preprocess.size`, before those of full size."""

    size: int = Field(ge=32, le=2048)  # pixels per side
    epochs: int = Field(ge=1)


class TrainParams(Section):
    """How the network learns."""

    architecture: str = Field(pattern=r"^(resnet|wide_resnet|resnext)\w+$")
    weights: str | None  # null, a torchvision name, or a file of weights
    pooling: Literal["mean", "log_sum_exp"] = "mean"  # of the evidence into the logit
    output_stride: Literal[32, 16] = 32  # pixels between the map's cells
    accelerator: Literal["auto", "cpu", "gpu"]
    devices: int = Field(ge=1)
    nodes: int = Field(ge=1)
    precision: Literal["auto", "32-true", "bf16-mixed"]  # auto: bf16 on a GPU
    compile: bool = False  # a GPU's kernels for this network: minutes, then faster
    seed: int
    seeds: int = Field(ge=1, le=20, default=1)  # networks: seed, seed + 1, ...
    epochs: int = Field(ge=1)  # at full size
    progressive: list[SizeStep] = []  # before those
    patience: int | None = Field(ge=1, default=None)  # epochs without a better val loss
    batch_size: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    stem_rate: float = Field(gt=0, le=1, default=1.0)  # of it, for the first stage
    weight_decay: float = Field(ge=0)
    warmup_epochs: float = Field(ge=0)
    ema_decay: float = Field(ge=0, lt=1)  # per step; 0 switches it off
    label_smoothing: float = Field(ge=0, lt=0.5)
    class_weights: bool
    study_rule: Literal["max", "mean"]  # joins a study's images, here and at night
    high_sensitivity: float = Field(gt=0.5, lt=1)  # recall ASF asked of val
    augment: AugmentParams

    @model_validator(mode="after")
    def _grows(self) -> Self:
        sizes = [step.size for step in self.progressive]
        if sizes != sorted(set(sizes)):
            raise ValueError(f"progressive: sizes should grow, are {sizes}")
        return self


class EvaluateParams(Section):
    """How test is read."""

    bootstrap_rounds: int = Field(ge=100)
    seed: int
    ece_bins: int = Field(ge=5)
    prevalences: list[Annotated[float, Field(gt=0, lt=1)]]  # of ASF, for PPV, NPV


class ExamineParams(Section):
    """How a model is examined, on train and val alone."""

    studies: int = Field(ge=1)  # of val, drawn for what needs the network
    map_images: int = Field(ge=2)  # of those, one a study, whose heat maps are checked
    road_images: int = Field(ge=2)  # of those, removed piece by piece: minutes at 512
    boxes: Path | None = None  # table of boxes: NIH's, RSNA's or VinDr's form
    seed: int


class GateParams(Section):
    """What a candidate must show before it may be registered: interval bounds."""

    min_auc_lower: float = Field(ge=0.5, le=1)
    min_recall_asf_lower: float = Fraction  # balanced point
    min_recall_nsf_lower: float = Fraction
    min_high_sensitivity_lower: float = Fraction  # recall ASF, high-sensitivity point
    max_ece: float = Fraction  # upper bound
    min_subgroup_auc_lower: float = Fraction
    min_large_subgroup_auc_lower: float = Fraction
    min_subgroup_per_class: int = Field(ge=10)  # fewer: only shown harm refuses
    large_subgroup_per_class: int = Field(ge=10)
    min_subgroup_n: int = Field(ge=1)  # of an examined figure; fewer: not assessed
    min_test_studies: int = Field(ge=1)
    min_thumbnail_margin: float = Field(ge=-1, le=1)  # AUC over a 16 x 16 thumbnail
    max_shortcut_auc: float = Field(ge=0.5, le=1)  # of one attribute alone, upper bound
    max_shortcut_excess: float = Field(ge=0, le=1)  # of frame, corners, upper bound
    max_auc_inflation: float = Field(ge=0, le=1)  # AUC less AUC within levels, upper
    min_auc_change: float = Field(ge=-1, le=0)  # of a film shown differently, lower
    max_randomised_weights_correlation: float = Fraction  # maps of redrawn weights
    min_repeated_correlation: float = Fraction  # of maps of films hardly changed, lower
    min_road: float  # logit units over a map that points nowhere, lower
    max_corner_concentration: float = Field(ge=1)  # evidence over area, upper
    min_pointing_gain: float = Field(ge=-1, le=1)  # pointing game over area, lower
    min_inside_gain: float = Field(ge=-1, le=1)  # evidence in boxes over area, lower
    min_pixel_auc: float = Fraction  # evidence inside against outside, lower
    min_map_images: int = Field(ge=2)  # fewer: not assessed
    max_not_assessed: float = Fraction  # share of all questions


class PromotionParams(Section):
    """What registration and approval ask, beside the gate."""

    max_auc_loss: float = Fraction  # lower bound of AUC less the champion's, paired
    min_compared_n: int = Field(ge=1)  # test studies of each class; fewer: not compared
    approvers: int = Field(ge=1, le=2)  # different people
    clean_code: bool  # refuse what was trained on uncommitted changes
    warn_test_set_uses: int = Field(ge=1)  # models measured on one test set


class ScoreParams(Section):
    """How a backlog is read."""

    accelerator: Literal["auto", "cpu", "gpu"]
    precision: Literal["auto", "fp32", "bf16"] = "auto"  # auto: bf16 where it agrees
    engine: Literal["torch", "openvino"] = "torch"  # of the body, on a CPU
    batch_size: int | None = Field(ge=1, default=None)  # films; None: as they fit
    compile: bool = False  # a GPU's kernels for reading in bf16: minutes, then faster
    chunk_studies: int = Field(ge=1)  # unit of work, and of what a kill can cost
    saliency_method: str  # evidence, or a method of pytorch-grad-cam
    settle_minutes: int = Field(ge=0)  # younger studies wait for late images
    window_days: int = Field(ge=0)  # study dates asked of an archive, before today
    fetch_studies: int = Field(ge=1)  # fetched while as many are read, then removed

    @property
    def reading(self) -> dict[str, Any]:
        """Return what `model.scoring_reader.open_reader` is told of it."""
        names = "accelerator", "batch_size", "precision", "engine", "compile"
        return {name: getattr(self, name) for name in (*names, "saliency_method")}


class ReportParams(Section):
    """How answers are written."""

    comprehensive_3d: bool  # false: Comprehensive SR, for a PACS that refuses 3D
    picture_side: int = Field(ge=256, le=2048)  # longest side of the overlay
    fhir: bool
    max_wait_hours: float = Field(gt=0)  # no study waits longer, whatever its score
    audit_fraction: float = Fraction  # of NSF answers, drawn for a second look


class WatchParams(Section):
    """What the watch over the nights compares, and when it raises an alarm."""

    nights: int = Field(ge=2)  # days of the long window, up to the night
    false_alarms: float = Field(gt=0, lt=0.5)  # share of undrifted nights, at most
    min_studies: int = Field(ge=5)  # of a window; fewer: not compared
    min_group_studies: int = Field(ge=5)  # of a vendor or view, here and in val
    min_shift: float = Fraction  # of distributions or shares; smaller: no alarm
    baseline_nights: int = Field(ge=1)  # first nights of a model: reference of rejects
    min_reported: int = Field(ge=5)  # of each class; fewer: not assessed
    min_auc: float = Field(ge=0.5, le=1)  # realised, upper end; below: alarm
    min_recall: float = Fraction  # realised, balanced point, upper end; below: alarm
    calibration_days: int = Field(ge=1)  # of answers that check the calibration
    max_slope_error: float = Field(gt=0, lt=1)  # of the calibration line, from 1
    max_intercept_error: float = Field(gt=0)  # logits, from 0


class Params(Section):
    """All of params.yaml."""

    cohort: CohortParams
    preprocess: PreprocessParams
    validate_: ValidateParams = Field(alias="validate")  # BaseModel owns `validate`
    split: SplitParams
    train: TrainParams
    evaluate: EvaluateParams
    examine: ExamineParams
    gate: GateParams
    promotion: PromotionParams
    score: ScoreParams
    report: ReportParams
    watch: WatchParams

    @model_validator(mode="after")
    def _steps_are_smaller(self) -> Self:
        full, steps = self.preprocess.size, self.train.progressive
        if steps and steps[-1].size >= full:
            raise ValueError(
                f"train.progressive: size {steps[-1].size} should be below "
                f"preprocess.size {full}"
            )
        return self


class Ports(Section):
    """On which ports the servers of `cxrmlops up` listen, on loopback."""

    database: Port = 5434  # PostgreSQL
    prefect: Port = 4200
    mlflow: Port = 5000
    orthanc: Port = 8042  # DICOMweb
    dicom: Port = 4242  # DIMSE
    retrieve: Port = 11112  # ours, where the archive sends what C-MOVE asked for
    viewer: Port = 3000
    worker: Port = 8280  # its health


Event = Literal[
    "night_failed",
    "night_half",
    "night_late",
    "night_missing",
    "gate_refused",
    "training_failed",
    "alarm",
]
MailAddress = Annotated[str, Field(pattern=r"^[^@\s<>,;]+@[^@\s<>,;]+$")]


class Notices(Section):
    """Who is told of what, and when a night is late or missing. No secrets."""

    events: list[Event] = list(get_args(Event))
    webhook: str | None = Field(
        default=None, pattern=r"^https?://"
    )  # takes JSON by POST; CXR_NOTICE_WEBHOOK comes first
    mail_to: list[MailAddress] = []
    mail_from: MailAddress | None = None
    mail_server: str | None = None  # host or host:port
    mail_security: Literal["starttls", "tls", "none"] = "starttls"
    late_after_hours: float = Field(gt=0, default=12)  # that one night takes
    missing_after_hours: float = Field(gt=0, default=26)  # since the last one began

    @model_validator(mode="after")
    def _can_be_sent(self) -> Self:
        if self.mail_to and not (self.mail_from and self.mail_server):
            raise ValueError("mail_to needs mail_from and mail_server")
        return self


class Site(Section):
    """All of site.yaml: one site's settings, no numbers of the model, no secrets."""

    name: str
    institution: str
    language: Literal["en", "zh"]
    time_zone: str  # IANA name
    source: Literal["hospital", "nih", "openi", "rsna"]
    films: Path  # folder
    reports: Path  # table or archive of reports
    include: Path | None = None  # text: one film's name per line; null takes all
    decisions: Path | None = None  # folder that `cxrmlops adjudicate` wrote; null: none
    chest_words: list[str]  # in BodyPartExamined or a description, upper case
    backlog: Path  # folder of films that wait for an answer
    arrived: Path | None = None  # folder: reports of scored studies; null: none come
    archive: str  # folder:, dicomweb: or dimse:...; CXR_ARCHIVE comes first
    results_archive: str | None = None  # where reports go; CXR_RESULTS_ARCHIVE first;
    # null: to `archive`, but in shadow nowhere unless that is a folder
    ports: Ports = Ports()  # of the servers of `cxrmlops up`
    viewer_url: str | None = Field(
        default=None, pattern=r"^https?://[^\s\"'<>]*\{StudyInstanceUID\}[^\s\"'<>]*$"
    )  # of a study in the site's viewer, for the reading list; null: no link
    notices: Notices = Notices()


Settings = TypeVar("Settings", bound=Section)


def load_params(path: Path = Path("params.yaml")) -> Params:
    """Read and check params.yaml, or name every value that is wrong."""
    return _load(path, Params)


def load_site(path: Path = Path("site.yaml")) -> Site:
    """Read and check site.yaml, or name every value that is wrong."""
    return _load(path, Site)


def scope_of(cohort: CohortParams, site: Site) -> Scope:
    """Return the scope that the settings ask for."""
    return make_scope(
        site.chest_words,
        min_age_years=cohort.min_age_years,
        max_file_mib=cohort.max_file_mib,
        max_pixels=cohort.max_pixels,
    )


class _Loader(yaml.SafeLoader):
    """Plain values only, and no key twice: the last one would win, unsaid."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Refuse a key that stands there twice, naming the line."""
        seen: set[Any] = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if key.tag == "tag:yaml.org,2002:merge":  # <<: of several is no key
                continue
            name = self.construct_object(key, deep=True)
            if isinstance(name, Hashable) and name in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the key '{name}' is there twice",
                    problem_mark=key.start_mark,
                )
            seen |= {name} if isinstance(name, Hashable) else set()
        return dict(super().construct_mapping(node, deep=deep))


def _load(path: Path, kind: type[Settings]) -> Settings:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except FileNotFoundError:
        raise ParamsError(
            f"{path} is missing here ({Path.cwd()}); change to the project's folder, "
            "or make one with: cxrmlops init FOLDER"
        ) from None
    except OSError as error:
        raise ParamsError(
            f"{path} cannot be read ({error.strerror}); fix that and run again"
        ) from None
    except UnicodeDecodeError:
        raise ParamsError(
            f"{path} is not UTF-8 text; save it as UTF-8 and run again"
        ) from None
    except RecursionError:
        raise ParamsError(
            f"{path} is nested too deep for a settings file; correct it and run again"
        ) from None
    except yaml.YAMLError as error:
        where = " ".join(str(error).split())
        raise ParamsError(
            f"{path} is not valid YAML: {where}; fix the line and run again"
        ) from None
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise ParamsError(
            f"{path} has {error.error_count()} wrong value(s): {wrong_values(error)}; "
            "correct the file and run again"
        ) from None
