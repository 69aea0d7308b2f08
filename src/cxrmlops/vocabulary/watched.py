"""What the watch compares night after night: columns of a study, by kind."""

from enum import StrEnum


class Watched(StrEnum):
    """A kind of what may drift; an alarm is of one kind, and so is its runbook line."""

    HEADERS = "headers"  # how images were made, and of whom
    PICTURE = "picture"  # grey values
    EMBEDDING = "embedding"  # what the network finds in the image
    SCORES = "scores"  # what it says of the study
    REJECTS = "rejects"  # what it was not asked, or could not answer


WORDS = (  # columns that hold a word; "unknown" where the image does not say
    "manufacturer",
    "view",
    "portable",
    "sex",
    "age_band",
    "photometric_interpretation",
    "voi",
)
SIZES = ("rows",)
PICTURE = ("mean", "std", "p01", "p50", "p99", "black", "white", "border")
DIRECTIONS = ("direction_1", "direction_2", "direction_3", "direction_4")
EMBEDDING = ("distance", *DIRECTIONS)
SCORES = ("logit",)

NUMBERS: dict[str, Watched] = {  # columns that hold a number -> kind
    **dict.fromkeys(SIZES, Watched.HEADERS),
    **dict.fromkeys(PICTURE, Watched.PICTURE),
    **dict.fromkeys(EMBEDDING, Watched.EMBEDDING),
    **dict.fromkeys(SCORES, Watched.SCORES),
}
GROUPS = ("manufacturer", "view")  # columns whose levels are watched by themselves, too

UNKNOWN = "unknown"


def age_band(years: float) -> str:
    """Return the ten years that an age lies in, "90+" at most: no age by itself."""
    if not years >= 0:  # also where it is NaN
        return UNKNOWN
    decade = int(years) // 10 * 10
    return "90+" if decade >= 90 else f"{decade}-{decade + 9}"
