"""The two folders of an export, whose they are, and the lists in them."""

from pathlib import Path

from cxrmlops.data.spreadsheet import to_csv
from cxrmlops.dicom.deidentification.profile import STATED
from cxrmlops.export.journal import Journal
from cxrmlops.export.one_file import HELD, REFUSED, FileDone
from cxrmlops.export.plan import Asked
from cxrmlops.records.export import ExportedFile, ExportIdentity, ExportManifest
from cxrmlops.system.errors import DataError
from cxrmlops.system.files import write_text

POLICY = 1  # raise it when rules or pixels change: a folder holds one policy
SEND, STAYS = "to_send", "stays_here"
_COLUMNS = ("outcome", "file", "why", "exported_uid", "picture", "words")


def claim(out: Path, key_fingerprint: str, recipient: str) -> None:
    """Note whose an export is, before anything else is written.

    Raises:
        DataError: it is another one's, or holds what no export wrote.
    """
    path = out / STAYS / "export.json"
    mine = ExportIdentity(
        recipient=recipient, key_fingerprint=key_fingerprint, policy=POLICY
    )
    if path.exists():
        if ExportIdentity.read(path) != mine:
            raise DataError(
                f"{out} holds an export for another recipient, key or version; name "
                "another folder"
            )
        return
    if (out / SEND).exists():
        raise DataError(f"{out / SEND} is there and no export's; name another folder")
    mine.write(path, private=True)


def write_lists(
    out: Path,
    journal: Journal,
    asked: list[Asked],
    done: list[FileDone],
    *,
    text_reader: str,
) -> None:
    """Write what leaves, of this run and those before; and what this run held back."""
    entries = sorted(journal.entries.values(), key=lambda entry: entry.file)
    ExportManifest(
        key_fingerprint=ExportIdentity.read(
            out / STAYS / "export.json"
        ).key_fingerprint,
        policy=POLICY,
        profile=tuple(code for code, _ in STATED),
        text_reader=text_reader,
        studies=len({entry.file.partition("/")[0] for entry in entries}),
        patients=len({entry.patient for entry in entries}),
        files=tuple(ExportedFile(file=one.file, sha256=one.sha256) for one in entries),
    ).write(out / SEND / "manifest.json")
    rows = [
        _row(one, found)
        for one, found in zip(asked, done, strict=True)
        if found.outcome in (HELD, REFUSED)
    ]
    write_text(out / STAYS / "not_exported.csv", to_csv(_COLUMNS, rows), private=True)


def _row(one: Asked, found: FileDone) -> dict[str, object]:
    return {
        "outcome": found.outcome,
        "file": one.path,
        "why": found.why,
        "exported_uid": Path(found.file).stem,
        "picture": found.picture,
        "words": " | ".join(word.text for word in found.words),
    }
