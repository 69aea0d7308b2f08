"""
Our exceptions, named after who has to act.

* CxrError
  + ParamsError    you: edit params.yaml or site.yaml
  + DataError      the data owner: the named rows or files are wrong
    - LeakError      the same patient, or the test set, where it must not be
  + ResourceError  the machine's owner: disk, memory or accelerator is missing
  + BundleError    the model's owner: this bundle cannot be used here
    - ReplacedError  another bundle lies where the run's own lay: run again
  + Rejected       nobody: this image cannot be read by the model, and says why
  + WithheldError  who exports: this object must not leave the site, and says why
  + ServiceError   nobody yet: PACS or MLflow did not answer, try again
  + AccessError    the archive's owner: it does not let us in, or lacks a service
  + RefusedError   us and the archive's owner: it will never take this object
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError

SHOWN = 5  # rows named in a message; the rest are counted


class CxrError(Exception):
    """Base of every error this package raises on purpose."""


class ParamsError(CxrError):
    """A value in params.yaml or site.yaml is missing, unknown or out of range."""


class DataError(CxrError):
    """Input data breaks a promise the next stage relies on."""

    def __init__(self, message: str, rows: Sequence[str] = ()) -> None:
        more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
        shown = ", ".join(rows[:SHOWN]) + more
        super().__init__(f"{message} [{shown}]" if rows else message)
        self.rows = tuple(rows)


class LeakError(DataError):
    """A patient on two sides of a split, or the test set where it must not be."""


class ResourceError(CxrError):
    """This machine lacks disk space, memory or an accelerator, or computes wrongly."""


class BundleError(CxrError):
    """A model bundle is missing, tampered with, or made for other pixels."""


class ReplacedError(BundleError):
    """Another bundle lies where the one lay that this run began with."""


class Rejected(CxrError):
    """One image the model must not score; `reason` is counted and reported.

    `detail` goes to result tables only and names attributes and limits, never a
    patient; logs show `reason`.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class WithheldError(CxrError):
    """An object that must not leave the site; a plain sentence that names nobody."""


class ServiceError(CxrError):
    """A service outside this machine did not do its part; safe to retry."""


class AccessError(CxrError):
    """An archive does not let us in, or does not offer what we need.

    Another try gives the same; its owner has to change a setting, or we an address.
    """


class RefusedError(CxrError):
    """An archive will never take this one object; others may pass."""


def wrong_values(error: "ValidationError") -> str:
    """Name every value that pydantic refuses, with its place; never the value."""
    return "; ".join(
        f"{'.'.join(map(str, one['loc'])) or 'whole file'}: "
        f"{one['msg'].removeprefix('Value error, ')}"
        for one in error.errors(include_input=False, include_url=False)
    )
