"""The examination's page: is it the lung it looks at, or a shortcut?"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from cxrmlops.records.estimate import in_words
from cxrmlops.records.examination import Examination, Probe
from cxrmlops.reporting.interval_plots import Row, forest_plot
from cxrmlops.reporting.pages import environment, inline
from cxrmlops.system.files import write_text

KINDS = {
    "acquisition": "How the film was made",
    "person": "Who was filmed",
    "outside": "Parts outside the chest",
    "picture": "The picture without detail",
}
PROBES: dict[str, str] = {  # name -> what it reads
    "manufacturer": "vendor",
    "size": "rows, columns, bits stored",
    "frame": "outermost sixteenth of the square",
    "corners": "four corners, where markers lie",
    "intensity": "mean, spread, percentiles of grey",
    "thumbnail": "16 x 16 thumbnail",
}
LOCALISATION = {  # name of a figure -> what it says
    "area": "boxes' share of the film",
    "pointing": "pointing game: largest evidence inside a box",
    "pointing_gain": "pointing game less boxes' share",
    "inside": "share of the coloured evidence inside",
    "inside_gain": "share inside less boxes' share",
    "pixel_auc": "pixel AUC: evidence inside against outside, mean over films",
    "iou": "IoU of boxes and evidence above a level chosen on other patients",
}


def write_examination(path: Path, examination: Examination, *, name: str) -> None:
    """Write one HTML file that needs no other file, no network and no script.

    Args:
        path: of the page.
        examination: what it shows.
        name: of the model.
    """
    prepared = environment()
    prepared.filters["interval"] = partial(in_words, n=False)
    prepared.filters["probe"] = _words
    text = prepared.get_template("examination.html").render(
        examination=examination,
        name=name,
        localisation=LOCALISATION,
        shortcuts=inline(_forest(examination.shortcuts)),
    )
    write_text(path, text)


def _forest(probes: Sequence[Probe]) -> str:
    rows = []
    for kind, words in KINDS.items():
        rows.append(Row(words, None, heading=True))
        for probe in probes:
            if probe.kind == kind:
                limits = probe.auc.limits if probe.auc else None
                rows.append(Row(_words(probe.name), limits))
    return forest_plot(rows, overall=0.5, label="AUC for ASF on val; dashed: chance")


def _words(name: str) -> str:
    return PROBES.get(name, name)
