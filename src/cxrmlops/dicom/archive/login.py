"""Which variables hold the login of an archive: of each, its own, sent nowhere else."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Login:
    """Names of environment variables; the secrets themselves are read at the door."""

    token: str
    user: str
    password: str

    def __str__(self) -> str:
        """Say what a person sets."""
        return f"{self.token}, or {self.user} and {self.password}"


SOURCE = Login("CXR_ARCHIVE_TOKEN", "CXR_ARCHIVE_USER", "CXR_ARCHIVE_PASSWORD")
RESULTS = Login(
    "CXR_RESULTS_ARCHIVE_TOKEN",
    "CXR_RESULTS_ARCHIVE_USER",
    "CXR_RESULTS_ARCHIVE_PASSWORD",
)
