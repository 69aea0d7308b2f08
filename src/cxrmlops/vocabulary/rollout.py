"""How far a model's use at a site has come: where the answers of a night go."""

from enum import StrEnum

NOWHERE = "nowhere"  # in place of an archive's address: results stay in data/report


class Rollout(StrEnum):
    """A stage of the roll-out, from the first to the last."""

    SHADOW = "shadow"  # nothing goes to the archive that images come from
    SUPERVISED = "supervised"  # delivered; a radiologist confirms every answer
    ACTIVE = "active"  # delivered

    @property
    def rank(self) -> int:
        """Return its place in the order, from 0."""
        return list(Rollout).index(self)


FIRST = Rollout.SHADOW  # of a site where nobody has decided yet
