"""Names, UIDs and dates that only the holder of the site's key can make again."""

import datetime as dt
import hashlib
import hmac
import json
import uuid
from dataclasses import dataclass

from pydicom.uid import UID_dictionary

from cxrmlops.dicom.identity import key_fingerprint

MOST_DAYS = 365  # dates go back by 1 to so many days, a number of each patient's own


@dataclass(frozen=True)
class Pseudonyms:
    """What stands for whom, for one recipient: another one gets other pseudonyms."""

    key: bytes

    @classmethod
    def for_recipient(cls, site_key: bytes, recipient: str) -> "Pseudonyms":
        """Derive a key of the site's that serves this recipient alone.

        Neither two recipients nor a recipient and the site's own tables can be joined
        by what it makes.
        """
        return cls(_keyed(site_key, "export", " ".join(recipient.casefold().split())))

    @property
    def fingerprint(self) -> str:
        """Tell keys apart without telling the key: 16 hex digits."""
        return key_fingerprint(self.key)

    def patient(self, issuer: str, number: str, *, study_uid: str) -> str:
        """Name a patient: 16 hex digits.

        A film without a patient's number is its study's own patient: films are not
        joined by a name.
        """
        parts = ("patient", issuer, number) if number else ("study", study_uid)
        return _keyed(self.key, *parts).hex()[:16]

    def days(self, patient: str) -> int:
        """Return how many days a patient's dates go back: 1 to MOST_DAYS."""
        drawn = int.from_bytes(_keyed(self.key, "days", patient)[:8], "big")
        return 1 + drawn % MOST_DAYS

    def date(self, day: dt.date | None, patient: str) -> str:
        """Shift a date, YYYYMMDD; "" stays "", and so does a day before the calendar.

        Intervals between dates of one patient are kept.
        """
        earliest = dt.date.min + dt.timedelta(days=MOST_DAYS)
        if day is None or day < earliest:
            return ""
        return f"{day - dt.timedelta(days=self.days(patient)):%Y%m%d}".zfill(8)

    def uid(self, uid: str) -> str:
        """Replace a UID, always by the same one below 2.25 (PS3.5 B.2).

        What the standard itself registers (SOP classes, say) names nobody and is kept.
        """
        if uid in UID_dictionary or not uid:
            return uid
        made = uuid.UUID(bytes=_keyed(self.key, "uid", uid)[:16], version=4)
        return f"2.25.{made.int}"


def _keyed(key: bytes, *parts: str) -> bytes:
    text = json.dumps(parts, separators=(",", ":"))
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
