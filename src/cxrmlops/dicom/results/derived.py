"""
What every object we derive has in common: patient, equipment, clock, identity.

highdicom reads some attributes of the source unconditionally, takes the wall clock in
several places and prints names in warnings. Sources lack attributes, and a second run
must give the same bytes, so all of that is dealt with here, once.
"""

import datetime as dt
import logging
import re
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import highdicom as hd
from pydicom.charset import STAND_ALONE_ENCODINGS, python_encoding
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sr.codedict import codes
from pydicom.valuerep import DA, TM

from cxrmlops.dicom.identity import derived_uid
from cxrmlops.dicom.read.attributes import study_date
from cxrmlops.dicom.read.foreign_code import suppress_warnings
from cxrmlops.dicom.results.answers import MANUFACTURER, PRODUCT
from cxrmlops.dicom.results.copied import copied_element, keep_bytes
from cxrmlops.records.model_identity import ModelIdentity
from cxrmlops.system.files import whole

SCHEMA = "6"  # raise it when the encoding of our objects changes: new UIDs then

# highdicom reads these from any source (PS3.3 Type 2: may be empty)
_TYPE_2 = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
)
_SEXES = ("", "M", "F", "O")
_UNICODE = ("ISO_IR 192", "GB18030", "GBK")

# It logs the UIDs of sources at INFO and warns with a patient's name; both identify
# (PS3.15 Annex E). `quiet` alone would not do: threads undo each other's filters.
logging.getLogger("highdicom").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", module="highdicom")


def reference(source: Dataset) -> Dataset:
    """Copy a source's header, with every attribute that highdicom reads.

    Pixels, private attributes and values that break their VR (an age `37`, a date
    `19700132`) stay behind; what is left out and required is empty. The study has the
    date that lists and other records of ours have too.
    """
    copied = Dataset()
    for element in source:
        if element.tag.group != 0x7FE0 and (kept := copied_element(element)):
            copied.add(kept)
    day = study_date(source, latest=dt.date.max)  # no clock decides what is written
    copied.StudyDate = f"{day:%Y%m%d}" if day else ""
    for keyword in _TYPE_2:
        if copied.get(keyword) is None:
            setattr(copied, keyword, "")
    if str(copied.PatientSex) not in _SEXES:
        copied.PatientSex = ""
    # Set again by `complete`: highdicom refuses terms it does not know.
    copied.pop("SpecificCharacterSet", None)
    return copied


def can_hold(source: Dataset, text: str) -> bool:
    """Return whether `text` can be written in the source's own character set."""
    terms = source.get("SpecificCharacterSet")
    return text.isascii() or (isinstance(terms, str) and terms in _UNICODE)


def object_uid(kind: str, sources: Sequence[str], model: ModelIdentity) -> str:
    """Name the object of this kind that this model derives from these sources.

    What was read in another precision is another object: its numbers may differ.
    """
    return derived_uid(f"{kind}/{SCHEMA}", sources, model.reading_key)


def device_uid(model: ModelIdentity) -> str:
    """Name the model as a device: another bundle is another device (IHE AIR)."""
    return derived_uid("device", [], model.key)


def local_time(source: Dataset, moment: dt.datetime) -> dt.datetime:
    """Express `moment` in the offset that the source's own times are in.

    Copied study times keep their meaning then: TimezoneOffsetFromUTC speaks for all
    times of an object (PS3.3 C.12.1.1.8). Whole seconds.
    """
    offset = str(source.get("TimezoneOffsetFromUTC") or "").strip()
    if re.fullmatch(r"[+-](0\d|1[0-4])[0-5]\d", offset):
        moment = moment.astimezone(dt.datetime.strptime(offset, "%z").tzinfo)
    return moment.replace(microsecond=0)


def common(model: ModelIdentity, when: dt.datetime, description: str) -> dict[str, Any]:
    """Return the arguments that every highdicom constructor of ours gets."""
    return {
        "manufacturer": MANUFACTURER,
        "manufacturer_model_name": PRODUCT,
        "software_versions": version(PRODUCT),
        "device_serial_number": model.bundle_hash[:16],
        "series_description": description,
        "series_date": when.date(),
        "series_time": when.time(),
        "content_date": when.date(),
        "content_time": when.time(),
        "contributing_equipment": [_equipment(model)],
    }


def complete(made: Dataset, source: Dataset, when: dt.datetime) -> Dataset:
    """Add what highdicom leaves out; replace every look at the clock by `when`."""
    made.InstanceCreationDate, made.InstanceCreationTime = (
        DA(when.date()),
        TM(when.time()),
    )
    if "DateOfSecondaryCapture" in made:
        made.DateOfSecondaryCapture = DA(when.date())
        made.TimeOfSecondaryCapture = TM(when.time())
    made.TimezoneOffsetFromUTC = when.strftime("%z")[:5]
    for item in made.get("ContributingEquipmentSequence", []):
        if item.get("ManufacturerModelName") == "highdicom":
            item.pop("ContributionDateTime", None)
    for keyword in ("IssuerOfPatientID", "StudyDescription"):
        if keyword in source and (kept := copied_element(source[keyword])):
            made.add(kept)
    made.pop("SpecificCharacterSet", None)
    if terms := _character_set(source):
        made.SpecificCharacterSet = terms
    keep_bytes(made)
    return made


def _character_set(source: Dataset) -> str | list[str]:
    """Return the source's own character set, so that names keep their bytes.

    One that no reader knows, or that may not stand beside others, becomes UTF-8: the
    letters were understood some way, and are written so that all understand the same.
    """
    value = source.get("SpecificCharacterSet") or ""
    terms = list(value) if isinstance(value, MultiValue) else [str(value)]
    many = len(terms) > 1
    known = all(
        term in python_encoding and not (many and term in STAND_ALONE_ENCODINGS)
        for term in terms
    )
    if not known:
        return "ISO_IR 192"
    return terms if many else terms[0]


def save(made: Dataset, path: Any) -> None:
    """Write an object whole, as a Part 10 file."""
    with suppress_warnings(), whole(path, private=True) as draft:
        made.save_as(draft, enforce_file_format=True)


def _equipment(model: ModelIdentity) -> hd.ContributingEquipment:
    item = hd.ContributingEquipment(
        MANUFACTURER,
        codes.DCM.ProcessingEquipment,
        manufacturer_model_name=model.name,
        software_versions=model.version,
        device_serial_number=model.bundle_hash[:16],
        contribution_description="AI model that produced the result",
    )
    item.DeviceUID = device_uid(model)
    return item
