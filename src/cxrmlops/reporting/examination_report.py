"""The examination's page: is it the lung it looks at, or a shortcut?"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cxrmlops.files import whole
from cxrmlops.reporting.interval_plots import Row, forest_plot
from cxrmlops.reporting.pages import environment, inline
from cxrmlops.reporting.plots import Limits

Plain = Mapping[str, Any]
KINDS = {
    "acquisition": "How the film was made",
    "person": "Who was filmed",
    "outside": "Parts without lung",
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


def write_examination(path: Path, examination: Plain, card: Plain) -> None:
    """Write one HTML file that needs no other file, no network and no script.

    Args:
        path: of the page.
        examination: examination.json.
        card: of the bundle.
    """
    prepared = environment()
    prepared.filters["interval"] = _interval
    prepared.filters["probe"] = _words
    text = prepared.get_template("examination.html").render(
        examination=examination,
        card=card,
        shortcuts=inline(_forest(examination["shortcuts"])),
    )
    with whole(path) as draft:
        draft.write_text(text, encoding="utf-8")


def _forest(probes: Sequence[Plain]) -> str:
    rows = []
    for kind, words in KINDS.items():
        rows.append(Row(words, None, heading=True))
        for probe in probes:
            if probe["kind"] == kind:
                rows.append(Row(_words(probe["name"]), _limits(probe["auc"])))
    return forest_plot(rows, overall=0.5, label="AUC for ASF on val; dashed: chance")


def _words(name: str) -> str:
    return PROBES.get(name, name)


def _limits(figure: Plain | None) -> Limits | None:
    return (figure["value"], figure["low"], figure["high"]) if figure else None


def _interval(figure: Plain | None) -> str:
    """Write value and interval for a table cell."""
    if figure is None:
        return "not assessed"
    # + 0.0: what rounds to nothing has no sign
    value, low, high = (round(figure[k], 3) + 0.0 for k in ("value", "low", "high"))
    return f"{value:.3f} ({low:.3f} to {high:.3f})"
