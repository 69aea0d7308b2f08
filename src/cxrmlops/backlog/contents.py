"""Whether an entry of a study speaks of the files that lie there, by their content."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row

from cxrmlops.backlog.folder_scan import BacklogImage
from cxrmlops.system.files import sha256_json

REJECTED = "rejected"  # outcome of a study


def content_of(those: list[BacklogImage]) -> dict[str, Any]:
    """Return the columns that tell one set of files of a study from another."""
    uids = sorted({image.sop_instance_uid or image.study_uid for image in those})
    contents = sorted(
        {
            image.content or _unknown(image.sop_instance_uid or image.study_uid)
            for image in those
        }
    )
    is_known = any(image.content for image in those)
    return {
        "source_key": sha256_json(contents if is_known else uids),
        "sop_uids": uids,
        "contents": contents,
        "images": sorted(image.place for image in those),
    }


def _unknown(uid: str) -> str:
    """Stand for the content of a film that only its UID was noted of."""
    return f"uid:{uid}"


def is_unknown(content: str) -> bool:
    """Tell the stand-in for a content from a content."""
    return content.startswith("uid:")


def covers(row: Row[Any], content: Mapping[str, Any]) -> bool:
    """Return whether an entry speaks of all these files.

    Fewer files are nothing new, but for a study that was rejected, or in which two
    contents have one UID: to take one away may be what mends it.
    """
    uids = row.sop_uids or ()
    read, here = set(row.contents or map(_unknown, uids)), set(content["contents"])
    if not read:  # a row of the first version
        return bool(row.source_key == sha256_json(content["sop_uids"]))
    if row.outcome == REJECTED or len(read) > len(uids):
        return read == here
    return here <= read
