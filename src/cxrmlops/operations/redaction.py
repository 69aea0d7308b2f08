"""Sentences for people outside: what might tell of a patient is taken out again.

Our own sentences name no patient. This is the second fence, before words leave the
site's own machines: UIDs, long numbers, and rows or files named in brackets.
"""

import re

MOST = 1500  # characters
_ROWS = re.compile(r"\[[^\]]*\]?")
_UID = re.compile(r"\d+(?:\.\d+){4,}")
_LONG_NUMBER = re.compile(r"(?<![\w.:-])\d{6,}(?![\w.:-])")
_NAME = re.compile(r"\b[^\s^]+\^[^\s]+")  # as DICOM writes names of people
_IMAGE = re.compile(r"\S*/\S+\.(?:dcm|png|jpe?g)\b", re.IGNORECASE)


def redacted(text: str) -> str:
    """Take out what might tell of a patient, and cut what is too long."""
    for pattern, word in (
        (_ROWS, "[...]"),
        (_IMAGE, "(file)"),
        (_NAME, "(name)"),
        (_UID, "(UID)"),
        (_LONG_NUMBER, "(number)"),
    ):
        text = pattern.sub(word, text)
    return text if len(text) <= MOST else f"{text[:MOST]}..."
