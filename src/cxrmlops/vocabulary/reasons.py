"""
Why a file gets no probability: one table for every road, language and format.

The rule, the same for a folder and an archive: what the header alone shows to be
outside the scope that the model was made for (another kind of image, part of the body,
view or age) was no question to us, so the study gets no report; an archive's image of
that kind is not even fetched. Everything else should have been read: it gets a report
that says "not evaluable", for silence would pass for "normal". No report is made where
it could stand under the wrong patient, or under nobody.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What follows from a reason."""

    OUT_OF_SCOPE = (
        "out_of_scope"  # by the header; no report, an archive's is left there
    )
    NOT_EVALUABLE = "not_evaluable"  # a report says so
    NO_IDENTITY = "no_identity"  # named in lists and counts; no report can refer to it
    COPY = "copy"  # another image of the study gives the answer


class QualityFinding(StrEnum):
    """CID 6135 "Image Quality Finding" (PS3.16): code values of the scheme DCM."""

    POSITIONING = "111209"
    NO_IMAGE = "111213"
    ARTIFACT = "111215"  # other than of grid or detector
    PROCESSING = "111219"  # inappropriate image processing
    OTHER_FAILURE = "111220"
    UNKNOWN_FAILURE = "111221"


class Absent(StrEnum):
    """FHIR's data-absent-reason of an answer that could not be given."""

    ERROR = "error"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True)
class Meaning:
    """What a reason means, in words and codes.

    `english` is ASCII: it goes into reports whose character set the source decides. It
    also words logs, Prefect's tables and FHIR's texts.
    """

    kind: Kind
    english: str  # a sentence, no patient
    chinese: str
    quality_finding: QualityFinding = QualityFinding.OTHER_FAILURE
    absent: Absent = Absent.ERROR


OUT_OF_DISTRIBUTION = "out_of_distribution"  # said by the model, not by the picture

_SCOPE, _FAULT, _NOBODY = Kind.OUT_OF_SCOPE, Kind.NOT_EVALUABLE, Kind.NO_IDENTITY

REASONS: dict[str, Meaning] = {
    # the file
    "unreadable": Meaning(
        _NOBODY, "The file is damaged and cannot be read.", "文件损坏，无法读取。"
    ),
    "too_large": Meaning(
        _FAULT,
        "The file or its picture is larger than allowed.",
        "文件或影像超过允许的大小。",
        absent=Absent.UNSUPPORTED,
    ),
    "not_dicom": Meaning(
        _NOBODY,
        "The file is not a DICOM file or picture.",
        "不是可读取的影像文件。",
    ),
    "no_identity": Meaning(
        _NOBODY,
        "The header lacks the UIDs that a report must refer to.",
        "文件头缺少报告必须引用的UID。",
    ),
    "file_changed": Meaning(
        _NOBODY,
        "The file was changed or removed after it had been listed.",
        "文件在列出后被更改或消失。",
    ),
    # the header
    "not_an_image": Meaning(_SCOPE, "The file holds no picture.", "文件不含影像。"),
    "for_processing": Meaning(
        _SCOPE,
        "The film is raw data (FOR PROCESSING), not made for reading.",
        "原始（待处理）影像。",
    ),
    "not_cr_dx": Meaning(
        _SCOPE, "The film is not a CR or DX image.", "不是CR或DX影像。"
    ),
    "not_human": Meaning(
        _SCOPE, "The film is not of a person.", "文件头说明是动物影像。"
    ),
    "not_chest": Meaning(
        _SCOPE, "The film shows another part of the body.", "不是胸部影像。"
    ),
    "chest_unknown": Meaning(
        _SCOPE,
        "Nothing in the header says that the film shows a chest.",
        "文件头未说明是胸部影像。",
    ),
    "derived": Meaning(
        _SCOPE, "The picture was derived from another one.", "派生影像。"
    ),
    "lateral": Meaning(
        _SCOPE,
        "The film is a lateral, oblique or decubitus view, not a frontal one.",
        "侧位影像。",
    ),
    "child": Meaning(
        _SCOPE,
        "The patient is younger than the model was made for.",
        "患者年龄低于模型适用年龄。",
    ),
    "own": Meaning(
        _SCOPE, "The object was made by this program.", "本程序生成的对象。"
    ),
    # the picture
    "multi_frame": Meaning(
        _FAULT,
        "The file holds several frames.",
        "多帧影像。",
        absent=Absent.UNSUPPORTED,
    ),
    "not_grayscale": Meaning(
        _FAULT,
        "The picture is in colour.",
        "不是灰度影像。",
        absent=Absent.UNSUPPORTED,
    ),
    "undecodable": Meaning(
        _FAULT,
        "The pixels cannot be decoded.",
        "像素数据无法解码。",
        QualityFinding.UNKNOWN_FAILURE,
    ),
    "too_small": Meaning(_FAULT, "The picture is too small.", "影像太小。"),
    "partial": Meaning(
        _FAULT,
        "The picture is a strip that cannot hold a whole chest.",
        "影像为条状，不可能包含完整胸部。",
        QualityFinding.POSITIONING,
    ),
    "blank": Meaning(
        _FAULT, "The film is blank.", "影像空白。", QualityFinding.NO_IMAGE
    ),
    "noise_only": Meaning(
        _FAULT,
        "The film shows nothing but noise.",
        "影像只有噪声。",
        QualityFinding.ARTIFACT,
    ),
    "not_a_radiograph": Meaning(
        _FAULT,
        "The picture was drawn or written, it is no radiograph.",
        "影像为绘制或文字内容，不是X线影像。",
        QualityFinding.NO_IMAGE,
    ),
    OUT_OF_DISTRIBUTION: Meaning(
        _FAULT,
        "The picture is unlike all films that the model learnt from.",
        "影像与模型学习过的影像差异过大。",
    ),
    "incomplete": Meaning(
        _FAULT,
        "A part of the picture is missing.",
        "影像部分缺失。",
        QualityFinding.ARTIFACT,
    ),
    "scrambled": Meaning(
        _FAULT,
        "Rows or columns of the picture are out of order.",
        "影像的行或列顺序错乱。",
        QualityFinding.PROCESSING,
    ),
    "turned": Meaning(
        _FAULT,
        "The film does not lie upright.",
        "影像方向不正。",
        QualityFinding.POSITIONING,
    ),
    "not_frontal": Meaning(
        _FAULT,
        "No view is stated, and the picture does not look frontal.",
        "未注明体位，且影像不像正位。",
        QualityFinding.POSITIONING,
    ),
    "inverted": Meaning(
        _FAULT,
        "The film's black and white are exchanged.",
        "影像黑白反转。",
        QualityFinding.PROCESSING,
    ),
    # among others
    "duplicate": Meaning(Kind.COPY, "The same film was there before.", "重复影像。"),
    "replaced": Meaning(
        Kind.COPY,
        "The same film came again with another header; the newest counts.",
        "同一影像以不同文件头再次到达；以最新者为准。",
    ),
    "patient_mismatch": Meaning(
        _NOBODY,
        "The films of one study name two patients.",
        "同一检查的影像属于两名患者。",
    ),
    "uid_conflict": Meaning(
        _NOBODY,
        "Two different pictures carry the same SOP Instance UID.",
        "两幅不同影像使用同一SOP实例UID。",
    ),
}

_LANGUAGES = {"en": "english", "zh": "chinese"}


def reason_kind(reason: str) -> Kind:
    """Return what follows from a reason.

    Raises:
        KeyError: no such reason.
    """
    return REASONS[reason].kind


def reason_sentence(reason: str, language: str) -> str:
    """Explain a rejection in `en` or `zh`; an older row's stays as it is."""
    meaning = REASONS.get(reason)
    if meaning is None:
        return reason.replace("_", " ")
    return str(getattr(meaning, _LANGUAGES[language]))
