"""
Groups of a structured report (TID 1410): one answer with its numbers and codes.

OHIF 3 shows a group's numbers, up to five, beside its outline (SCOORD) and nowhere
else: each group has one outline, well inside the film. What a number means stands in
the meaning of its code, for that is what OHIF, dsr2html and Orthanc write before it.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import highdicom as hd
import numpy as np
from highdicom.sr import CodedConcept
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from cxrmlops.dicom.read.orientation import turn_upright
from cxrmlops.dicom.results import codes as ours
from cxrmlops.dicom.results.answers import (
    BELOW_LUNGS,
    MANUFACTURER,
    ImageAnswer,
    Region,
    StudyAnswer,
    Wording,
    percent,
    result_of,
)
from cxrmlops.dicom.results.derived import object_uid
from cxrmlops.records.model_identity import ModelIdentity
from cxrmlops.vocabulary.reasons import REASONS

_RELATION = hd.sr.RelationshipTypeValues


Group: TypeAlias = (
    hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations
    | hd.sr.MeasurementsAndQualitativeEvaluations
)


def groups(
    answer: StudyAnswer,
    model: ModelIdentity,
    refs: Sequence[Dataset],
    wording: Wording,
) -> list[Group]:
    """Return the study's group, then one per film if there are several.

    The study's outline lies on the film with the highest probability; where films have
    groups of their own, theirs lie below the lungs, so that no text covers another.
    """
    shown = answer.deciding
    study = ImageAnswer(
        refs[shown],
        answer.probability,
        answer.quality,
        answer.reason,
        answer.images[shown].region,
    )
    uid = refs[0].StudyInstanceUID
    numbers = _numbers_of_study(answer, model, wording)
    made = [_group(study, numbers, model, refs, wording, tracked=[uid])]
    if len(refs) == 1:
        return made
    for image, ref in zip(answer.images, refs, strict=True):
        one = replace(image, source=ref, region=BELOW_LUNGS)
        numbers = [_number_of_image(image, wording)]
        tracked = [uid, ref.SOPInstanceUID]
        made.append(_group(one, numbers, model, [ref], wording, tracked=tracked))
    return made


def _group(
    answer: ImageAnswer,
    numbers: Sequence[hd.sr.Measurement],
    model: ModelIdentity,
    refs: Sequence[Dataset],
    wording: Wording,
    *,
    tracked: Sequence[str],
) -> Group:
    """Build one group; without rows and columns no outline can be drawn (TID 1501)."""
    result = result_of(answer.probability, model)
    parts: dict[str, Any] = {
        "tracking_identifier": hd.sr.TrackingIdentifier(
            uid=object_uid("tracking", tracked, model), identifier=wording.tracking
        ),
        "finding_type": ours.RESULT[result] if result else None,
        "algorithm_id": _algorithm(model),
        "measurements": numbers,
        "qualitative_evaluations": _evaluations(answer, model),
    }
    image = answer.source
    if image.get("Rows") and image.get("Columns"):
        made = hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations(
            referenced_region=_outline(answer.region, image), **parts
        )
    else:
        made = hd.sr.MeasurementsAndQualitativeEvaluations(**parts)
    made[0].ContentSequence.extend(
        hd.sr.SourceImageForMeasurementGroup(r.SOPClassUID, r.SOPInstanceUID)
        for r in refs
    )
    return made


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
            f"study_rule={model.study_rule} of the logits of the study's images",
            f"architecture={model.architecture}",
            f"evidence_pooling={model.pooling}",
            f"input_pixels={model.size}",
            f"calibration_temperature={model.temperature:.4f}",
            *([f"precision={model.precision}"] if model.precision else []),
            f"preprocessing_sha256={model.preprocessing_hash}",
            f"bundle_sha256={model.bundle_hash}",
        ],
    )


def _numbers_of_study(
    answer: StudyAnswer, model: ModelIdentity, wording: Wording
) -> list[hd.sr.Measurement]:
    if answer.probability is None:
        return [_not_evaluable(wording)]
    return [
        _number(
            codes.DCM.Probability,
            answer.probability,
            wording.probability,
            of_what=ours.ABNORMAL_RESULT,
        ),
        _number(ours.BALANCED, model.balanced.threshold, wording.balanced),
        _number(
            ours.HIGH_SENSITIVITY,
            model.high_sensitivity.threshold,
            wording.high_sensitivity,
        ),
    ]


def _number_of_image(image: ImageAnswer, wording: Wording) -> hd.sr.Measurement:
    if image.probability is None:
        return _not_evaluable(wording)
    return _number(
        ours.IMAGE_PROBABILITY,
        image.probability,
        wording.image_probability,
        of_what=ours.ABNORMAL_RESULT,
    )


def _not_evaluable(wording: Wording) -> hd.sr.Measurement:
    """Say it in a number, too: codes and sentences are not shown by every viewer."""
    return _number(ours.NOT_EVALUABLE, 1.0, wording.not_evaluable)


def _number(
    name: CodedConcept,
    fraction: float,
    meaning: str,
    *,
    of_what: CodedConcept | None = None,
) -> hd.sr.Measurement:
    """Return a NUM in percent.

    The finding site stands here (TID 300 row 6) and not in the group.
    """
    # Quirk: OHIF 3 shows a group's finding site as "363698007: Chest".
    measurement = hd.sr.Measurement(
        name=name,
        value=percent(fraction),
        unit=codes.UCUM.Percent,
        finding_sites=[hd.sr.FindingSite(ours.CHEST)],
    )
    number = measurement[0]
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


def _outline(region: Region, image: Dataset) -> hd.sr.ImageRegion:
    """Draw a box on the stored pixels, which may lie turned (TID 1410)."""
    left, top, right, bottom = _stored(region, image)
    across, down = (left + right) / 2, (top + bottom) / 2
    # Quirk: OHIF 3 takes a closed line of four corners for a measurement of the
    # reader's own and asks, over the film, whether to go on with it.
    points = [(left, top), (across, top), (right, top), (right, down), (right, bottom)]
    points += [(across, bottom), (left, bottom), (left, down), (left, top)]
    return hd.sr.ImageRegion(
        graphic_type=hd.sr.GraphicTypeValues.POLYLINE,
        graphic_data=np.array(points, dtype=np.float32),
        source_image=hd.sr.SourceImageForRegion(
            image.SOPClassUID, image.SOPInstanceUID
        ),
    )


def _stored(region: Region, image: Dataset) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom in pixels of the film's file."""
    turn = turn_upright(image)
    across, down = (region.left, region.right), (region.top, region.bottom)
    if turn.rows_reversed:
        across = 1 - across[1], 1 - across[0]
    if turn.columns_reversed:
        down = 1 - down[1], 1 - down[0]
    if turn.transposed:
        across, down = down, across
    columns, rows = float(image.Columns), float(image.Rows)
    return across[0] * columns, down[0] * rows, across[1] * columns, down[1] * rows


def _evaluations(
    image: ImageAnswer, model: ModelIdentity
) -> list[hd.sr.QualitativeEvaluation]:
    result = result_of(image.probability, model)
    pairs = [(codes.DCM.QualityAssessment, ours.QUALITY[image.quality])]
    if result is None:
        failure = ours.QUALITY_FINDING[REASONS[image.reason].quality_finding]
        pairs += [
            (codes.DCM.QualityFinding, failure),
            (codes.DCM.Normality, codes.SCT.NormalityUndetermined),
            (codes.DCM.LevelOfSignificance, codes.SCT.SignificanceUndetermined),
        ]
    else:
        pairs += [
            (codes.DCM.Normality, ours.NORMALITY[result]),
            (codes.DCM.LevelOfSignificance, ours.SIGNIFICANCE[result]),
        ]
    return [hd.sr.QualitativeEvaluation(name, value) for name, value in pairs]
