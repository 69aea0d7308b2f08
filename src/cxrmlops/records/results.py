"""What the stage `report` writes beside the objects themselves."""

from typing import ClassVar

from pydantic import RootModel

from cxrmlops.records.record import JsonFile, Part


class WrittenObject(Part):
    """An object in the results folder."""

    study_instance_uid: str
    kind: str  # report, overlay, fhir or picture
    series_instance_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    file: str  # relative to the results folder


class WrittenObjects(JsonFile, RootModel[tuple[WrittenObject, ...]]):
    """Every object that was written, and of which study."""

    file: ClassVar[str] = "report/objects.json"


class FailedStudies(JsonFile, RootModel[dict[str, str]]):
    """Study Instance UID -> why there is no report."""

    file: ClassVar[str] = "report/failures.json"
