"""What one of our objects says about where it comes from, and nothing about whom."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from cxrmlops.dicom.read.headers import read_header
from cxrmlops.dicom.results.answers import PRODUCT
from cxrmlops.system.errors import DataError, Rejected

BUNDLE = "bundle_sha256="  # of the Algorithm Parameters, see measurement_group.py
PRECISION = "precision="  # likewise


@dataclass(frozen=True)
class Provenance:
    """Where a report or an overlay comes from, in its own words; "" where silent."""

    sop_instance_uid: str
    made_by: str  # program and its version
    model_name: str
    bundle_hash: str  # 64 hex digits; of an overlay the first 16
    device_uid: str  # of the model as a device
    created: str  # DICOM date and time
    precision: str = ""  # in which the model read: fp32 or bf16; an overlay is silent


def read_provenance(path: Path) -> Provenance:
    """Read a report (TID 1500, algorithm in TID 4019) or an overlay of ours.

    Raises:
        DataError: no DICOM file, or none of ours.
    """
    try:
        made = read_header(path)
    except Rejected as error:
        raise DataError(
            f"the file is no DICOM that can be read ({error.reason}); name a report of "
            "ours, its SOP Instance UID, or a bundle's hash"
        ) from None
    if made.get("ManufacturerModelName") != PRODUCT:
        raise DataError(f"the file was not made by {PRODUCT}; name a report of ours")
    model, full = _model(made), _parameter(made, BUNDLE)
    when = ("InstanceCreationDate", "InstanceCreationTime", "TimezoneOffsetFromUTC")
    return Provenance(
        sop_instance_uid=str(made.SOPInstanceUID),
        made_by=f"{PRODUCT} {made.get('SoftwareVersions', '')}".strip(),
        model_name=str(model.get("ManufacturerModelName", "")),
        bundle_hash=full or str(model.get("DeviceSerialNumber", "")),
        device_uid=str(model.get("DeviceUID", "")),
        created=" ".join(str(made.get(keyword, "")) for keyword in when).strip(),
        precision=_parameter(made, PRECISION),
    )


def _parameter(made: Dataset, name: str) -> str:
    """Return what the first algorithm says of `name`; "" nothing."""
    found = (t.removeprefix(name) for t in _parameters(made) if t.startswith(name))
    return next(found, "")


def _parameters(item: Dataset) -> Iterator[str]:
    """Yield the parameters of every algorithm below `item`, in tree order."""
    for part in item.get("ContentSequence", []):
        name = next(iter(part.get("ConceptNameCodeSequence", [])), Dataset())
        if name.get("CodeValue") == codes.DCM.AlgorithmParameters.value:
            yield str(part.get("TextValue", ""))
        yield from _parameters(part)


def _model(made: Dataset) -> Dataset:
    """Return the equipment item of the model (PS3.3 C.12.1.1.5)."""
    items = made.get("ContributingEquipmentSequence", [])
    return next((item for item in items if "DeviceUID" in item), Dataset())
