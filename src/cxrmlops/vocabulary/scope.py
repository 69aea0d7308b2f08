"""
Which images a model may be asked about: what its cohort was accepted by.

`train` freezes the scope into the bundle. A site that lowers an age limit afterwards
would have a model of adults answer for children: whoever lets a bundle read compares.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from cxrmlops.system.errors import BundleError

FRONTAL = (
    "PA",
    "AP",
    "unknown",
)  # unknown: nobody states the view, the picture decides


@dataclass(frozen=True)
class Scope:
    """What an image must be, by its header and its size."""

    __pydantic_config__ = {"extra": "forbid"}  # in records: no unknown key

    chest_words: tuple[str, ...]  # in BodyPartExamined or a description, upper case
    min_age_years: float
    max_bytes: int  # of a file
    max_pixels: int  # rows x columns x frames
    views: tuple[str, ...] = FRONTAL

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Scope":
        """Read what `to_json` gave.

        Raises:
            BundleError: it is no scope.
        """
        names = {field.name for field in fields(cls)}
        if set(content) != names:
            raise BundleError(
                f"a scope has {sorted(names)}, this one {sorted(content)}; train again"
            )
        return cls(
            chest_words=tuple(content["chest_words"]),
            min_age_years=float(content["min_age_years"]),
            max_bytes=int(content["max_bytes"]),
            max_pixels=int(content["max_pixels"]),
            views=tuple(content["views"]),
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain values, lists for tuples, as JSON would give them back."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }


def make_scope(
    chest_words: Sequence[str],
    *,
    min_age_years: float,
    max_file_mib: int,
    max_pixels: int,
) -> Scope:
    """Make a scope of a site's settings; the order and case of words say nothing."""
    words = {word.strip().upper() for word in chest_words}
    return Scope(tuple(sorted(words)), min_age_years, max_file_mib * 2**20, max_pixels)


def require_scope(model: str, frozen: Scope, here: Scope) -> None:
    """Refuse a model that was made for other images than this site would show it.

    Args:
        model: its name, for the message.
        frozen: of the bundle.
        here: of this site's settings.

    Raises:
        BundleError: they differ.
    """
    pairs = [
        f"{name}: the model {was}, here {now}"
        for name, was in frozen.to_json().items()
        if was != (now := here.to_json()[name])
    ]
    if pairs:
        raise BundleError(
            f"model '{model}' was made for other films ({'; '.join(pairs)}); set "
            "site.yaml and the section cohort of params.yaml back, or train again"
        )
