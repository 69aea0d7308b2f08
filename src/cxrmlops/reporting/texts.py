"""
Sentences that people read, one catalogue per language of site.yaml.

English stays ASCII: it must fit into any character set that a source film declares.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from cxrmlops.dicom.results.answers import (
    PRODUCT,
    StudyAnswer,
    Wording,
    result_of,
)
from cxrmlops.dicom.results.stated import stated, without_view
from cxrmlops.records.model_identity import ModelIdentity
from cxrmlops.reporting.overlay import Caption
from cxrmlops.reporting.texts_zh import ZH
from cxrmlops.vocabulary.findings import Finding, OperatingPoint, Result, answer
from cxrmlops.vocabulary.reasons import reason_sentence

EN = {
    "asf": "any significant finding suspected",
    "nsf": "no significant finding detected",
    "equivocal": "indeterminate, between the two thresholds",
    "not_evaluable": "not evaluable",
    "out_of_scope": "out of scope",
    "balanced": "balanced",
    "high_sensitivity": "high sensitivity",
    "summary": "AI RESULT: {answer}. Probability of any significant finding "
    "{probability} % ({points}).",
    "summary_point": "{name} threshold {threshold} %: {answer}",
    "summary_not_evaluable": "AI RESULT: NOT EVALUABLE. {reason} "
    "This is no statement about the patient.",
    "summary_images": "{n} images analysed; study answer by the rule '{rule}'.",
    "summary_left_out": "Not analysed: {reasons}.",
    "summary_view": "View not stated in the header of {n} of {images} images.",
    "summary_accessions": "The images come under {n} accession numbers.",
    "summary_issuers": "The images name {n} issuers of the patient ID: check that they "
    "are of one patient.",
    "summary_model": "Model {name}, bundle {version}.",
    "disclaimer": "Investigational AI output, not for primary diagnosis. Not verified "
    "by a physician. The map shows regions that influenced the score; it does not "
    "outline disease. 'No significant finding' does not exclude disease.",
    "sr_tracking": f"{PRODUCT} study result",
    "sr_probability": "Probability of any significant finding",
    "sr_image_probability": "Probability of any significant finding on this image",
    "sr_balanced": "Balanced operating threshold: at or above it the answer is any "
    "significant finding",
    "sr_high_sensitivity": "High-sensitivity operating threshold: below it a "
    "significant finding is unlikely",
    "sr_not_evaluable": "Share of the images here that could not be evaluated",
    "caption_title": "AI: {answer}",
    "caption_probability": "Probability of any significant finding {probability} %",
    "caption_model": "Model {name}, bundle {version}",
    "caption_no_statement": "This is no statement about the patient: the film was not "
    "read.",
    "caption_plain": "No map: the score is below the balanced threshold.",
    "caption_scale": "evidence in logits above the balanced threshold, "
    "one scale for all cases",
    "caption_scale_other": "{method}, rescaled for this film: not comparable between "
    "cases",
    "page_title": "AI reading list",
    "stage_shadow": "Stage: shadow.",
    "stage_shadow_means": "Not for care of patients: these answers were not delivered "
    "to the archive that the images come from.",
    "stage_supervised": "Stage: supervised.",
    "stage_supervised_means": "A radiologist must confirm every answer below before "
    "anybody acts on it.",
    "page_model": "Model",
    "page_analysed": "Analysed",
    "page_studies": "Studies",
    "page_files": "Files",
    "page_files_scored": "scored",
    "page_files_rejected": "rejected",
    "page_rank": "No.",
    "page_images": "Film and evidence",
    "page_answer": "Answer and probability",
    "page_accession": "Accession",
    "page_date": "Study date",
    "page_reasons": "Rejected files",
    "page_reason": "Reason",
    "page_count": "Files",
    "page_image": "Film",
    "page_map": "Evidence",
    "page_no_map": "no map: below the balanced threshold",
    "page_no_picture": "no picture",
    "page_sort": "Click a column head to sort.",
    "page_part": "Studies %d to %d of %d, most urgent first; a column head sorts "
    "its own page. Page",
    "page_more": "Show more studies",
    "page_legend": "Colour: evidence in logits above the balanced threshold, one scale "
    "for all cases: how far the whole film would lie above it if all of it looked like "
    "that place.",
    "page_empty": "No study in this run.",
    "why_overdue": "waited longest",
    "why_score": "by score",
    "why_not_evaluable": "needs a person: not evaluable",
    "why_audit": "audit sample: second look",
    "why_out_of_scope": "not read by the model",
}

_CATALOGUES: dict[str, Mapping[str, str]] = {"en": EN, "zh": ZH}
_CODES = {
    "en": ("en-US", "English (United States)"),
    "zh": ("zh-CN", "Chinese (Simplified)"),
}


def catalogue(language: str) -> Mapping[str, str]:
    """Return all sentences in one language."""
    return _CATALOGUES[language]


def finding_words(finding: Finding | None, language: str) -> str:
    """Name an answer; None is not evaluable."""
    return catalogue(language)[finding.value.lower() if finding else "not_evaluable"]


def result_words(result: Result | None, language: str) -> str:
    """Name what both points together say; None is not evaluable."""
    return catalogue(language)[_RESULTS[result] if result else "not_evaluable"]


_RESULTS = {
    Result.ABNORMAL: "asf",
    Result.EQUIVOCAL: "equivocal",
    Result.NORMAL: "nsf",
}


def wording(language: str) -> Wording:
    """Return the sentences of a structured report."""
    words = catalogue(language)
    return Wording(
        language=_CODES[language],
        tracking=words["sr_tracking"],
        probability=words["sr_probability"],
        image_probability=words["sr_image_probability"],
        balanced=words["sr_balanced"],
        high_sensitivity=words["sr_high_sensitivity"],
        not_evaluable=words["sr_not_evaluable"],
    )


def summary(
    study: StudyAnswer,
    model: ModelIdentity,
    *,
    left_out: Sequence[str] = (),
    language: str = "en",
) -> str:
    """Say a study's answer in a few sentences, disclaimer included.

    Args:
        study: the answer.
        model: who read.
        left_out: reasons of further images of the study that were not analysed.
        language: of the sentences.
    """
    words = catalogue(language)
    parts = [_answer_sentence(study, model, language)]
    if study.probability is not None and len(study.images) > 1:
        parts.append(
            words["summary_images"].format(n=len(study.images), rule=model.study_rule)
        )
    parts += _header_sentences(study, words)
    if left_out:
        counted = sorted(Counter(left_out).items())
        reasons = ", ".join(f"{n} x {_short(key, language)}" for key, n in counted)
        parts.append(words["summary_left_out"].format(reasons=reasons))
    parts.append(words["summary_model"].format(name=model.name, version=model.version))
    parts.append(words["disclaimer"])
    return " ".join(parts)


def caption(
    probability: float, model: ModelIdentity, *, method: str, language: str = "en"
) -> Caption:
    """Return what the band above an overlay says.

    Args:
        probability: of this film, 0-1.
        model: who read.
        method: what made the map: `evidence`, or a method of pytorch-grad-cam.
        language: of the sentences; the built-in font has Latin letters only.
    """
    words = catalogue(language)
    result = result_of(probability, model)
    shows_map = result is Result.ABNORMAL
    scale = "caption_scale" if method == "evidence" else "caption_scale_other"
    facts = [
        words["caption_probability"].format(probability=f"{100 * probability:.1f}"),
        words["caption_model"].format(name=model.name, version=model.version),
    ]
    if not shows_map:
        facts.append(words["caption_plain"])
    return Caption(
        title=words["caption_title"].format(answer=result_words(result, language)),
        alert=result is not Result.NORMAL,
        facts=tuple(facts),
        disclaimer=words["disclaimer"],
        probability=probability,
        thresholds=tuple((words[p.name], p.threshold) for p in model.operating_points),
        scale=words[scale].format(method=method) if shows_map else "",
    )


def caption_not_evaluable(
    reason: str, model: ModelIdentity, *, language: str = "en"
) -> Caption:
    """Return what a page says of a film without an answer."""
    words = catalogue(language)
    return Caption(
        title=words["caption_title"].format(answer=words["not_evaluable"].upper()),
        alert=True,
        facts=(
            reason_sentence(reason, language),
            words["caption_no_statement"],
            words["caption_model"].format(name=model.name, version=model.version),
        ),
        disclaimer=words["disclaimer"],
        probability=None,
        thresholds=(),
        scale="",
    )


def _short(reason: str, language: str) -> str:
    if language == "zh":
        return reason_sentence(reason, language).rstrip("。")
    return reason.replace("_", " ")


def _header_sentences(study: StudyAnswer, words: Mapping[str, str]) -> list[str]:
    """Return what the headers leave open or contradict each other in."""
    images = [image.source for image in study.images]
    said = []
    missing = without_view(images)
    if missing and study.probability is not None:
        said.append(words["summary_view"].format(n=missing, images=len(images)))
    for name, keyword in (
        ("accessions", "AccessionNumber"),
        ("issuers", "IssuerOfPatientID"),
    ):
        if (n := len(stated(images, keyword))) > 1:
            said.append(words[f"summary_{name}"].format(n=n))
    return said


def _answer_sentence(study: StudyAnswer, model: ModelIdentity, language: str) -> str:
    words = catalogue(language)
    if study.probability is None:
        sentence = reason_sentence(study.reason, language)
        return words["summary_not_evaluable"].format(reason=sentence).replace("..", ".")
    points = "; ".join(
        _point(study.probability, p, language) for p in model.operating_points
    )
    return words["summary"].format(
        answer=result_words(result_of(study.probability, model), language).upper(),
        probability=f"{100 * study.probability:.2f}",
        points=points,
    )


def _point(probability: float, point: OperatingPoint, language: str) -> str:
    words = catalogue(language)
    return words["summary_point"].format(
        name=words[point.name],
        threshold=f"{100 * point.threshold:.2f}",
        answer=finding_words(answer(probability, point), language),
    )
