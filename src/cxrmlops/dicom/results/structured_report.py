"""
One study's answer as a DICOM structured report (TID 1500, groups of TID 1410).

The header names patient, films, model and predecessors; the groups with the answers are
in measurement_group.py. Nothing here is final: UNVERIFIED and PRELIMINARY, always.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import highdicom as hd
from highdicom.sr import CodedConcept
from pydicom.charset import default_encoding
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from cxrmlops.dicom.read.attributes import text
from cxrmlops.dicom.read.foreign_code import suppress_warnings
from cxrmlops.dicom.results import codes as ours
from cxrmlops.dicom.results.answers import (
    MANUFACTURER,
    PRODUCT,
    ObjectReference,
    StudyAnswer,
    Wording,
    headline,
)
from cxrmlops.dicom.results.derived import (
    common,
    complete,
    device_uid,
    local_time,
    object_uid,
    reference,
)
from cxrmlops.dicom.results.measurement_group import Group, groups
from cxrmlops.dicom.results.stated import stated
from cxrmlops.records.model_identity import ModelIdentity

SERIES_NUMBER = 9001
_RELATION = hd.sr.RelationshipTypeValues


def report_uid(
    answer: StudyAnswer,
    model: ModelIdentity,
    *,
    comprehensive_3d: bool,
    predecessors: Sequence[ObjectReference] = (),
) -> str:
    """Name the report of this answer, before it is built or looked up."""
    made_from = _made_from(answer, predecessors)
    return object_uid(_kind(comprehensive_3d), made_from, model)


def _made_from(
    answer: StudyAnswer, predecessors: Sequence[ObjectReference]
) -> list[str]:
    sources = [image.source for image in answer.images]
    uids = [str(source.SOPInstanceUID) for source in sources]
    replaced = [f"replaces {one.sop_instance_uid}" for one in predecessors]
    study = str(sources[0].StudyInstanceUID)
    return [study, *uids, *answer.files, *replaced]


def build_report(  # noqa: PLR0913
    answer: StudyAnswer,
    model: ModelIdentity,
    *,
    wording: Wording,
    comment: str,
    overlays: Sequence[Dataset] = (),
    predecessors: Sequence[ObjectReference] = (),
    comprehensive_3d: bool = True,
    institution: str = "",
) -> Dataset:
    """Build the report of one study.

    The same arguments give the same bytes: nothing is read from the clock.

    Args:
        answer: films with their headers and answers.
        model: who read.
        wording: the report's sentences in one language.
        comment: summary and disclaimer, read by people.
        overlays: secondary captures made for this study.
        predecessors: reports that this one replaces, e.g. after a late image.
        comprehensive_3d: Comprehensive 3D SR; else Comprehensive SR, for a PACS that
            refuses it. The tree is the same: it has no SCOORD3D.
        institution: where the model runs; "" leaves the attribute out.

    Returns:
        A data set with file meta information, UNVERIFIED and PRELIMINARY.
    """
    with suppress_warnings():
        refs = [reference(image.source) for image in answer.images]
        when = local_time(answer.images[0].source, answer.analysed_at)
        parts = groups(answer, model, refs, wording)
        _explain(parts[0], overlays, comment)
        document = (
            hd.sr.Comprehensive3DSR if comprehensive_3d else hd.sr.ComprehensiveSR
        )
        root = _report(parts, model, refs, wording)[0]
        tree = root.ContentSequence
        root.ContentSequence = []  # highdicom would copy it and walk it thrice
        made = document(
            evidence=[*refs, *overlays],
            content=root,
            institution_name=institution or None,
            requested_procedures=_requests(refs),
            previous_versions=[_predecessor(p) for p in predecessors] or None,
            sop_instance_uid=report_uid(
                answer,
                model,
                comprehensive_3d=comprehensive_3d,
                predecessors=predecessors,
            ),
            series_instance_uid=object_uid(
                f"series/{_kind(comprehensive_3d)}",
                _made_from(answer, predecessors),
                model,
            ),
            coding_schemes=[ours.CODING_SCHEME],
            **_NUMBERS_AND_FLAGS,
            **common(model, when, _description(answer, model, predecessors)),
        )
        made.ContentSequence = tree
        _need_no_correction(tree)
        return complete(made, answer.images[0].source, when)


# Nobody has attested a report of ours.
_NUMBERS_AND_FLAGS: dict[str, Any] = {
    "series_number": SERIES_NUMBER,
    "instance_number": 1,
    "is_complete": True,
    "is_final": False,
    "is_verified": False,
}


def _description(
    answer: StudyAnswer,
    model: ModelIdentity,
    predecessors: Sequence[ObjectReference],
) -> str:
    """Put the answer first; each report has a series, for each has an answer."""
    kind = "newer report" if predecessors else "report"
    return f"{headline(answer.probability, model)}, {kind} (investigational)"


def _kind(comprehensive_3d: bool) -> str:
    return "sr3d" if comprehensive_3d else "sr"


def _report(
    parts: Sequence[Group],
    model: ModelIdentity,
    refs: Sequence[Dataset],
    wording: Wording,
) -> hd.sr.MeasurementReport:
    device = hd.sr.DeviceObserverIdentifyingAttributes(
        uid=device_uid(model),
        name=PRODUCT,
        manufacturer_name=MANUFACTURER,
        model_name=model.name,
        serial_number=model.bundle_hash[:16],
    )
    code, meaning = wording.language
    return hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(
            observer_device_context=hd.sr.ObserverContext(codes.DCM.Device, device)
        ),
        procedure_reported=_procedure(refs[0]),
        imaging_measurements=parts,
        title=codes.DCM.ImagingMeasurementReport,
        language_of_content_item_and_descendants=(
            hd.sr.LanguageOfContentItemAndDescendants(
                CodedConcept(code, "RFC5646", meaning)
            )
        ),
        referenced_images=[r for r in refs if _fits_library(r)] or None,
    )


def _explain(
    group: Group,
    overlays: Sequence[Dataset],
    comment: str,
) -> None:
    """Add links to the overlays and the summary for people."""
    content = group[0].ContentSequence
    for overlay in overlays:
        content.append(
            hd.sr.ImageContentItem(
                name=codes.DCM.VisualExplanation,
                referenced_sop_class_uid=overlay.SOPClassUID,
                referenced_sop_instance_uid=overlay.SOPInstanceUID,
                relationship_type=_RELATION.CONTAINS,
            )
        )
    content.append(
        hd.sr.TextContentItem(
            codes.DCM.Comment, comment, relationship_type=_RELATION.CONTAINS
        )
    )


def _need_no_correction(items: Iterable[Dataset]) -> None:
    """Tell pydicom that items are as they are written, a tenth of a report's time.

    It would look through the whole tree at each of its levels for elements whose VR
    depends on others; content items have none.
    """
    for item in items:
        item.set_original_encoding(False, True, default_encoding)
        for element in item.elements():
            if element.VR == "SQ":
                _need_no_correction(element.value)


def _fits_library(ref: Dataset) -> bool:
    """Return whether TID 1603 can be filled; the image is evidence in any case."""
    orientation, spacing = ref.get("PatientOrientation"), ref.get("ImagerPixelSpacing")
    return bool(
        orientation
        and len(orientation) == 2
        and all(orientation)
        and spacing
        and len(spacing) == 2
        and ref.get("Rows")
        and ref.get("Columns")
        and ref.get("Modality")
    )


def _procedure(ref: Dataset) -> CodedConcept:
    for item in ref.get("ProcedureCodeSequence") or []:
        scheme = item.get("CodingSchemeDesignator")
        if item.get("CodeValue") and scheme:  # no long code, no URN
            return CodedConcept(item.CodeValue, scheme, item.CodeMeaning)
    return ours.CHEST_RADIOGRAPH


def _requests(refs: Sequence[Dataset]) -> list[Dataset] | None:
    """Return the orders that this report answers, if the sources know them.

    Accession numbers that are not the report's own stand here too, with or without an
    order: films of one study may come under several.
    """
    requests: list[Dataset] = []
    for ref in refs:
        for known in ref.get("RequestAttributesSequence") or []:
            number = known.get("AccessionNumber") or ref.AccessionNumber
            _add(requests, _request(ref, number, known))
    numbers = stated(refs, "AccessionNumber")
    if numbers not in ([], stated(refs[:1], "AccessionNumber")):
        said = stated(requests, "AccessionNumber")
        for ref in refs:
            if (number := text(ref, "AccessionNumber")) and number not in said:
                said.append(number)
                _add(requests, _request(ref, ref.AccessionNumber, Dataset()))
    return requests or None


def _request(ref: Dataset, number: str, known: Dataset) -> Dataset:
    item = Dataset()
    item.StudyInstanceUID = ref.StudyInstanceUID
    item.ReferencedStudySequence = []
    item.AccessionNumber = number
    for keyword, empty in _REQUEST.items():
        setattr(item, keyword, known.get(keyword, empty))
    return item


def _add(requests: list[Dataset], request: Dataset) -> None:
    if request not in requests:
        requests.append(request)


_REQUEST: dict[str, object] = {
    "PlacerOrderNumberImagingServiceRequest": "",
    "FillerOrderNumberImagingServiceRequest": "",
    "RequestedProcedureID": "",
    "RequestedProcedureDescription": "",
    "RequestedProcedureCodeSequence": [],
}


def _predecessor(known: ObjectReference) -> Dataset:
    item = Dataset()
    item.StudyInstanceUID = known.study_instance_uid
    item.SeriesInstanceUID = known.series_instance_uid
    item.SOPClassUID = known.sop_class_uid
    item.SOPInstanceUID = known.sop_instance_uid
    return item
