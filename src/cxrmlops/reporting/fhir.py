"""
One study's answer as a FHIR transaction (R4; checked with the R4B models).

Device, Observation and DiagnosticReport, the latter two *preliminary*. Each entry is a
conditional update by a DICOM UID, so sending it twice changes nothing. Patient and
ImagingStudy belong to the site: they are named by their identifiers, never written.
"""

import datetime as dt
import json
from typing import Any
from urllib.parse import quote

from fhir.resources.R4B.bundle import Bundle

from cxrmlops.dicom.identity import derived_uid
from cxrmlops.dicom.read.headers import ImageHeader
from cxrmlops.dicom.results.answers import (
    MANUFACTURER,
    StudyAnswer,
    percent,
    result_of,
)
from cxrmlops.dicom.results.codes import QUALITY, RESULT
from cxrmlops.dicom.results.derived import device_uid
from cxrmlops.dicom.results.stated import stated
from cxrmlops.records.model_identity import ModelIdentity
from cxrmlops.vocabulary.findings import OperatingPoint, Result
from cxrmlops.vocabulary.reasons import REASONS

SCT = "http://snomed.info/sct"
DCM = "http://dicom.nema.org/resources/ontology/DCM"
LOINC = "http://loinc.org"
HL7 = "http://terminology.hl7.org/CodeSystem"
DICOM_UID = "urn:dicom:uid"

Json = dict[str, Any]


def build_bundle(
    answer: StudyAnswer,
    model: ModelIdentity,
    *,
    header: ImageHeader,
    report_uid: str,
    conclusion: str,
    disclaimer: str,
) -> str:
    """Build the transaction of one study.

    Args:
        answer: the study's answer.
        model: who read.
        header: of the study's first film.
        report_uid: SOP Instance UID of the structured report it belongs to.
        conclusion: summary for people.
        disclaimer: part of it that stands alone in notes.

    Returns:
        JSON text; the same arguments give the same text.
    """
    device = _device(model, disclaimer)
    observation = _observation(answer, model, header, report_uid, disclaimer)
    report = _report(answer, header, report_uid, conclusion)
    resources = [device, observation, report]
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [_entry(resource) for resource in resources],
    }
    Bundle.model_validate(bundle)
    return json.dumps(bundle, indent=1) + "\n"


def _entry(resource: Json) -> Json:
    """Update what has this identifier, or make it: the second time changes nothing."""
    known = resource["identifier"][0]
    sought = quote(f"{known['system']}|{known['value']}", safe=":")
    return {
        "fullUrl": _reference(known["value"])["reference"],
        "resource": resource,
        "request": {
            "method": "PUT",
            "url": f"{resource['resourceType']}?identifier={sought}",
        },
    }


def _device(model: ModelIdentity, disclaimer: str) -> Json:
    return {
        "resourceType": "Device",
        "identifier": [_uid(device_uid(model))],
        "status": "active",
        "manufacturer": MANUFACTURER,
        "serialNumber": model.bundle_hash[:16],
        "deviceName": [{"name": model.name, "type": "model-name"}],
        "version": [{"type": {"text": "model bundle"}, "value": model.bundle_hash}],
        "note": [{"text": disclaimer}],
    }


def _observation(
    answer: StudyAnswer,
    model: ModelIdentity,
    header: ImageHeader,
    report_uid: str,
    disclaimer: str,
) -> Json:
    result = result_of(answer.probability, model)
    text = "AI assessment: any significant finding on chest radiograph"
    return _without_nothing(
        {
            "resourceType": "Observation",
            "identifier": [_uid(_observation_uid(report_uid))],
            "status": "preliminary",
            "category": [_concept(f"{HL7}/observation-category", "imaging", "Imaging")],
            "code": _concept(DCM, "121071", "Finding") | {"text": text},
            "basedOn": _orders(answer),
            "subject": _subject(header),
            "effectiveDateTime": _date(header),
            "issued": answer.analysed_at.isoformat(),
            "device": _reference(f"urn:oid:{device_uid(model)}"),
            "derivedFrom": [_study(header)],
            "bodySite": _concept(SCT, "816094009", "Chest"),
            "method": {"text": f"{model.name}, bundle {model.version_told}"},
            "note": [{"text": disclaimer}],
            "component": _components(answer, model),
        }
        | _value(result, answer.reason)
    )


def _value(result: Result | None, reason: str) -> Json:
    if result is None:
        meaning = REASONS[reason]
        code = meaning.absent
        absent = _concept(f"{HL7}/data-absent-reason", code, code.capitalize())
        text = f"Study not evaluable. {meaning.english}"
        return {"dataAbsentReason": absent | {"text": text}}
    coded = RESULT[result]
    letter, word = _INTERPRETATION[result]
    return {
        "valueCodeableConcept": _concept(SCT, coded.value, coded.meaning),
        "interpretation": [
            _concept(f"{HL7}/v3-ObservationInterpretation", letter, word)
        ],
    }


_INTERPRETATION = {
    Result.ABNORMAL: ("A", "Abnormal"),
    Result.EQUIVOCAL: ("E", "Equivocal"),
    Result.NORMAL: ("N", "Normal"),
}


def _components(answer: StudyAnswer, model: ModelIdentity) -> list[Json]:
    quality = QUALITY[answer.quality]
    components: list[Json] = [
        {
            "code": _concept(DCM, "111050", "Quality Assessment"),
            "valueCodeableConcept": _concept(DCM, quality.value, quality.meaning),
        }
    ]
    if answer.probability is None:
        return components
    probability = _concept(DCM, "122157", "Probability")
    probability["text"] = "Probability of any significant finding"
    return [
        {
            "code": probability,
            "valueQuantity": _percent(answer.probability),
            "referenceRange": [_range(point) for point in model.operating_points],
        },
        *components,
    ]


def _range(point: OperatingPoint) -> Json:
    name = point.name.replace("_", " ")
    text = f"{name} operating threshold; at or above it: any significant finding"
    return {"high": _percent(point.threshold), "text": text}


def _report(
    answer: StudyAnswer,
    header: ImageHeader,
    report_uid: str,
    conclusion: str,
) -> Json:
    text = "AI chest radiograph result (not a radiology report)"
    code = _concept(LOINC, "18748-4", "Diagnostic imaging study") | {"text": text}
    return _without_nothing(
        {
            "resourceType": "DiagnosticReport",
            "identifier": [_uid(report_uid)],
            "status": "preliminary",
            "category": [_concept(f"{HL7}/v2-0074", "RAD", "Radiology")],
            "code": code,
            "basedOn": _orders(answer),
            "subject": _subject(header),
            "effectiveDateTime": _date(header),
            "issued": answer.analysed_at.isoformat(),
            "imagingStudy": [_study(header)],
            "result": [_reference(f"urn:oid:{_observation_uid(report_uid)}")],
            "conclusion": conclusion,
        }
    )


def _observation_uid(report_uid: str) -> str:
    return derived_uid("fhir-observation", [report_uid], "")


def _subject(header: ImageHeader) -> Json | None:
    """Name the patient by the number in the images; empty numbers name nobody."""
    if not header.patient_id:
        return {"display": "unknown"}
    issuer = {"assigner": {"display": header.issuer_of_patient_id}}
    number = {"value": header.patient_id}
    return {"identifier": number | (issuer if header.issuer_of_patient_id else {})}


def _study(header: ImageHeader) -> Json:
    return {"type": "ImagingStudy", "identifier": _uid(header.study_instance_uid)}


def _orders(answer: StudyAnswer) -> list[Json] | None:
    """Name the orders by every accession number that the films come under."""
    numbers = stated([image.source for image in answer.images], "AccessionNumber")
    kind = _concept(f"{HL7}/v2-0203", "ACSN", "Accession ID")
    return [
        {"type": "ServiceRequest", "identifier": {"type": kind, "value": number}}
        for number in numbers
    ] or None


def _date(header: ImageHeader) -> str | None:
    """Return the study date, which a de-identified film may lack."""
    date: dt.date | None = header.study_date
    return date.isoformat() if date else None


def _reference(urn: str) -> Json:
    """Point to an entry of this transaction by the UID in its fullUrl."""
    return {"reference": urn}


def _uid(uid: str) -> Json:
    return {"system": DICOM_UID, "value": f"urn:oid:{uid}"}


def _percent(fraction: float) -> Json:
    unit = {"unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}
    return {"value": percent(fraction), **unit}


def _concept(system: str, code: str, display: str) -> Json:
    return {"coding": [{"system": system, "code": code, "display": display}]}


def _without_nothing(resource: Json) -> Json:
    return {key: value for key, value in resource.items() if value is not None}
