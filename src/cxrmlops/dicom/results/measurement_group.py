"""
Groups of a structured report (TID 1501): one answer with its numbers and codes.

OHIF 3 shows a report only if every group has a number (NUM), every NUM a child, and the
first NUM of each group a region (SCOORD) as its first child.
"""

from collections.abc import Sequence

import highdicom as hd
import numpy as np
from highdicom.sr import CodedConcept
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from cxrmlops.dicom.results import codes as ours
from cxrmlops.dicom.results.answers import (
    MANUFACTURER,
    ImageAnswer,
    StudyAnswer,
    Wording,
    finding_of,
    percent,
)
from cxrmlops.dicom.results.derived import object_uid
from cxrmlops.records.model_identity import ModelIdentity
from cxrmlops.vocabulary.reasons import REASONS

_RELATION = hd.sr.RelationshipTypeValues


def groups(
    answer: StudyAnswer,
    model: ModelIdentity,
    refs: Sequence[Dataset],
    wording: Wording,
) -> list[hd.sr.MeasurementsAndQualitativeEvaluations]:
    """Return the study's group, then one per film if there are several."""
    study = _group(
        ImageAnswer(refs[0], answer.probability, answer.quality, _reason(answer)),
        model,
        refs,
        wording,
        tracked=[refs[0].StudyInstanceUID],
    )
    if len(refs) == 1:
        return [study]
    return [study] + [
        _group(
            image,
            model,
            [ref],
            wording,
            tracked=[ref.StudyInstanceUID, ref.SOPInstanceUID],
        )
        for image, ref in zip(answer.images, refs, strict=True)
    ]


def _reason(answer: StudyAnswer) -> str:
    return next((image.reason for image in answer.images if image.reason), "")


def _group(
    image: ImageAnswer,
    model: ModelIdentity,
    refs: Sequence[Dataset],
    wording: Wording,
    *,
    tracked: Sequence[str],
) -> hd.sr.MeasurementsAndQualitativeEvaluations:
    finding = finding_of(image.probability, model)
    return hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(
            uid=object_uid("tracking", tracked, model), identifier=wording.tracking
        ),
        finding_type=ours.RESULT[finding] if finding else None,
        finding_sites=[hd.sr.FindingSite(ours.CHEST)],
        algorithm_id=_algorithm(model),
        measurements=_measurements(image, model, refs, wording),
        qualitative_evaluations=_evaluations(image, model),
        source_images=[
            hd.sr.SourceImageForMeasurementGroup(r.SOPClassUID, r.SOPInstanceUID)
            for r in refs
        ],
    )


def _algorithm(model: ModelIdentity) -> hd.sr.AlgorithmIdentification:
    points = [
        f"operating_point.{p.name}={p.threshold:.4f} ({p.rule})"
        for p in model.operating_points
    ]
    return hd.sr.AlgorithmIdentification(
        name=model.name,
        version=model.version,
        manufacturer=MANUFACTURER,
        family=codes.DCM.ArtificialIntelligence,
        parameters=[
            *points,
            f"study_rule={model.study_rule} of the probabilities of the study's images",
            f"architecture={model.architecture}",
            f"input_pixels={model.size}",
            f"calibration_temperature={model.temperature:.4f}",
            f"preprocessing_sha256={model.preprocessing_hash}",
            f"bundle_sha256={model.bundle_hash}",
        ],
    )


def _measurements(
    image: ImageAnswer,
    model: ModelIdentity,
    refs: Sequence[Dataset],
    wording: Wording,
) -> list[hd.sr.Measurement]:
    quality = float(ours.QUALITY_RATING[image.quality])
    rating = (codes.DCM.ImageQualityRating, quality, codes.UCUM.NoUnits)
    outlines = [_outline(r) for r in refs if r.get("Rows") and r.get("Columns")]
    if image.probability is None:
        return [_number(*rating, wording.quality, outlines=outlines)]
    probability = _number(
        codes.DCM.Probability,
        percent(image.probability),
        codes.UCUM.Percent,
        wording.probability,
        outlines=outlines,
        of_what=ours.ABNORMAL_RESULT,
    )
    limits = [
        _number(ours.UPPER_LIMIT, percent(p.threshold), codes.UCUM.Percent, text)
        for p, text in (
            (model.balanced, wording.balanced),
            (model.high_sensitivity, wording.high_sensitivity),
        )
    ]
    return [probability, *limits, _number(*rating, wording.quality)]


def _number(
    name: CodedConcept,
    value: float,
    unit: CodedConcept,
    meaning: str,
    *,
    outlines: Sequence[hd.sr.CoordinatesForMeasurement] = (),
    of_what: CodedConcept | None = None,
) -> hd.sr.Measurement:
    """Return a NUM; its outlines come first, or OHIF does not find them."""
    measurement = hd.sr.Measurement(
        name=name, value=value, unit=unit, referenced_coordinates=list(outlines) or None
    )
    number = measurement[0]
    if "ContentSequence" not in number:
        number.ContentSequence = hd.sr.ContentSequence()
    if of_what:  # TID 300 row 2: probability of what
        number.ContentSequence.append(
            hd.sr.CodeContentItem(
                codes.DCM.Finding, of_what, relationship_type=_RELATION.HAS_CONCEPT_MOD
            )
        )
    number.ContentSequence.append(  # TID 300 row 16
        hd.sr.TextContentItem(
            ours.MEANING, meaning, relationship_type=_RELATION.HAS_CONCEPT_MOD
        )
    )
    return measurement


def _outline(ref: Dataset) -> hd.sr.CoordinatesForMeasurement:
    """Outline what the network saw: the film from edge to edge (TID 320)."""
    bottom, right = float(ref.Rows), float(ref.Columns)
    corners = [[0, 0], [right, 0], [right, bottom], [0, bottom], [0, 0]]
    return hd.sr.CoordinatesForMeasurement(
        graphic_type=hd.sr.GraphicTypeValues.POLYLINE,
        graphic_data=np.array(corners, dtype=np.float32),
        source_image=hd.sr.SourceImageForRegion(ref.SOPClassUID, ref.SOPInstanceUID),
        purpose=codes.DCM.SourceOfMeasurement,
    )


def _evaluations(
    image: ImageAnswer, model: ModelIdentity
) -> list[hd.sr.QualitativeEvaluation]:
    finding = finding_of(image.probability, model)
    pairs = [(codes.DCM.QualityAssessment, ours.QUALITY[image.quality])]
    if finding is None:
        failure = ours.QUALITY_FINDING[REASONS[image.reason].quality_finding]
        pairs += [
            (codes.DCM.QualityFinding, failure),
            (codes.DCM.Normality, codes.SCT.NormalityUndetermined),
            (codes.DCM.LevelOfSignificance, codes.SCT.SignificanceUndetermined),
        ]
    else:
        pairs += [
            (codes.DCM.Normality, ours.NORMALITY[finding]),
            (codes.DCM.LevelOfSignificance, ours.SIGNIFICANCE[finding]),
        ]
    return [hd.sr.QualitativeEvaluation(name, value) for name, value in pairs]
