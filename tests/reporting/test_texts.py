import re
from string import Formatter

import pytest

from cxrmlops.reporting.texts import (
    EN,
    caption,
    catalogue,
    finding_words,
    summary,
    wording,
)
from cxrmlops.reporting.texts_zh import ZH
from cxrmlops.vocabulary.findings import Finding
from cxrmlops.vocabulary.reasons import reason_sentence
from tests import make
from tests.make import make_model_identity, make_study_answer

MODEL = make_model_identity()
LANGUAGES = ("en", "zh")


def fields(text):
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_both_catalogues_have_the_same_sentences_with_the_same_gaps():
    assert set(EN) == set(ZH)
    assert {key: fields(EN[key]) for key in EN} == {key: fields(ZH[key]) for key in ZH}


def test_english_fits_into_any_character_set():
    assert all(text.isascii() for text in EN.values())


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_summary_says_answer_numbers_model_and_disclaimer(language):
    text = summary(make_study_answer(0.873), MODEL, language=language)

    for part in ("87.30", "41.37", "8.30", MODEL.name, MODEL.version):
        assert part in text
    assert catalogue(language)["disclaimer"] in text
    assert not re.search(r"[{}]", text)


def test_a_summary_counts_what_was_not_analysed():
    text = summary(
        make_study_answer(0.9, 0.2), MODEL, left_out=["lateral", "duplicate", "lateral"]
    )

    assert "2 images analysed; study answer by the rule 'max'." in text
    assert "Not analysed: 1 x duplicate, 2 x lateral." in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_not_evaluable_gives_the_reason_and_no_number(language):
    text = summary(make_study_answer(reason="blank"), MODEL, language=language)

    assert reason_sentence("blank", language) in text
    assert "%" not in text


def test_between_the_thresholds_both_answers_are_told():
    text = summary(make_study_answer(0.2), MODEL)

    assert "AI RESULT: INDETERMINATE, BETWEEN THE TWO THRESHOLDS" in text
    assert (
        "high sensitivity threshold 8.30 %: any significant finding suspected" in text
    )


def test_the_band_of_an_image_answered_nsf_says_why_there_is_no_map():
    below, above = (caption(p, MODEL, method="evidence") for p in (0.1, 0.9))

    assert below.scale == ""
    assert EN["caption_plain"] in below.facts
    assert above.scale == EN["caption_scale"]
    assert EN["caption_plain"] not in above.facts


def test_maps_of_other_methods_do_not_claim_one_scale():
    assert "not comparable" in caption(0.9, MODEL, method="gradcam").scale


def test_the_language_of_a_report_is_named_by_its_code():
    assert wording("en").language[0] == "en-US"
    assert wording("zh").language[0] == "zh-CN"


def test_no_answer_is_called_not_evaluable():
    assert finding_words(None, "en") == "not evaluable"
    assert finding_words(Finding.ASF, "zh") == ZH["asf"]


def test_a_summary_says_of_which_images_nobody_stated_the_view():
    images = [make.make_image(1), make.make_image(2, ViewPosition="PA")]

    text = summary(make.make_study_answer(0.2, 0.3, images=images), MODEL)

    assert "View not stated in the header of 1 of 2 images." in text
    stated = [make.make_image(1, ViewPosition="AP")]
    assert "View" not in summary(make.make_study_answer(0.2, images=stated), MODEL)


def test_a_summary_says_that_images_disagree_about_issuer_and_order():
    images = [
        make.make_image(n, AccessionNumber=f"A{n}", IssuerOfPatientID=f"I{n}")
        for n in (1, 2)
    ]

    text = summary(make.make_study_answer(0.2, 0.3, images=images), MODEL)

    assert "under 2 accession numbers" in text
    assert "2 issuers of the patient ID" in text
    assert not any(word in text for word in ("A1", "I2"))
