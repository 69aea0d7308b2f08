"""What a bundle's card may say; a reader of the weights relies on every value."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    ValidationError,
    model_validator,
)

from cxrmlops.system.errors import BundleError, wrong_values
from cxrmlops.vocabulary.findings import BALANCED, HIGH_SENSITIVITY

MAX_BYTES = 1024**2  # of a card; ours have 3 KiB
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]  # SHA-256
Text = Annotated[str, Field(min_length=1, max_length=1000)]
Count = Annotated[int, Field(ge=0)]


class _Strict(BaseModel):
    """No word for a number, no unknown field, nothing infinite."""

    model_config = ConfigDict(strict=True, extra="forbid")


class _Point(_Strict):
    name: Literal["balanced", "high_sensitivity"]
    threshold: FiniteFloat = Field(gt=0, lt=1)
    rule: Text


class _Lineage(_Strict):
    """Only what somebody reads has a type; further facts may stand beside it."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)

    split_hash: Hash | None = None
    test_hash: Hash | None = None
    rows_hash: Hash | None = None
    preprocessing_hash: Hash | None = None
    code_hash: Hash | None = None
    weights_hash: Hash | None = None
    params: dict[str, Any] = {}
    n: dict[str, dict[str, Count]] = {}  # side -> images, studies, patients
    training: dict[str, Any] = {}
    torch: Text = "unknown"
    torchvision: Text = "unknown"


class _Scope(_Strict):
    chest_words: list[Text] = Field(min_length=1)
    min_age_years: FiniteFloat = Field(ge=0)
    max_bytes: int = Field(ge=1)
    max_pixels: int = Field(ge=1)
    views: list[Literal["PA", "AP", "unknown"]] = Field(min_length=1)


class _Agreement(_Strict):
    precision: Literal[
        "bf16",
        "bf16 from layer2",
        "bf16 from layer3",
        "openvino fp32",
        "openvino bf16",
        "openvino bf16 from layer3",
    ]
    device: Literal["cpu", "cuda"]
    n: int = Field(ge=1)
    mean_difference: FiniteFloat = Field(ge=0, le=1)
    largest_difference: FiniteFloat = Field(ge=0, le=1)
    flips: dict[Literal["balanced", "high_sensitivity"], Count]
    map_difference: FiniteFloat = Field(ge=0)


class _Card(_Strict):
    name: Text
    architecture: Text
    size: int = Field(ge=32, le=2048)  # as params.yaml has it
    preprocessing_hash: Hash
    scope: _Scope
    temperature: FiniteFloat = Field(gt=0)
    study_rule: Literal["max", "mean"]
    operating_points: list[_Point]
    lineage: _Lineage
    pooling: Literal["mean", "log_sum_exp"]
    output_stride: Literal[32, 16]
    networks: int = Field(ge=1, le=20)
    agreement: list[_Agreement]
    version: Literal[""]  # given by the registry, never at rest
    created: Literal[""]

    @model_validator(mode="after")
    def _both_points(self) -> Self:
        names = sorted(point.name for point in self.operating_points)
        if names != [BALANCED, HIGH_SENSITIVITY]:
            raise ValueError(
                f"operating points are {', '.join(names) or 'none'}, should be "
                f"{BALANCED} and {HIGH_SENSITIVITY}, each once"
            )
        return self


class _Content(_Strict):
    format: Text
    files: dict[str, Hash]  # name -> hash of its bytes
    card: _Card


def read_content(path: Path) -> Any:
    """Read a card as plain values, not yet checked.

    Raises:
        BundleError: it is too long, no JSON, or nested without end.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):  # JSON's and UTF-8's errors are ValueErrors
        raise BundleError(
            f"{path} is no JSON of a card; fetch or train the model again"
        ) from None


def check_content(content: dict[str, Any], path: Path) -> None:
    """Refuse a card with a value that no training writes.

    Args:
        content: what `read_content` read.
        path: for the message.

    Raises:
        BundleError: every wrong value is named.
    """
    try:
        _Content.model_validate(content)
    except ValidationError as error:
        raise BundleError(
            f"{path} is no card that a training writes: {wrong_values(error)}; fetch "
            "or train the model again"
        ) from None
