"""Checks of model, code and key: what a night reads with, and what approval asks."""

from pathlib import Path

from cxrmlops.dicom.identity import key_file, key_fingerprint, pseudonym_key
from cxrmlops.operations.finding import Finding, broken, note, well
from cxrmlops.operations.service_checks import check_ledger, check_mlflow
from cxrmlops.params import load_params, load_site, scope_of
from cxrmlops.records.cohort import CohortSummary
from cxrmlops.system.errors import DataError
from cxrmlops.vocabulary.scope import require_scope

CHAMPION, MODEL, CODE, KEY = "champion", "model", "code", "pseudonyms"
WEIGHTS = "weights"
APPROVE = 'cxrmlops approve --name "..." --reason "..."'


def check_champion() -> Finding:
    """Look whether a version is in use that people decided on, and can be read."""
    if waits := _without_registry(CHAMPION):
        return waits
    from cxrmlops.model.bundle import read_card  # torch and mlflow: seconds
    from cxrmlops.promotion.approval import champion_bundle
    from cxrmlops.registry import versions

    if versions.with_alias(versions.CHAMPION) is None:
        return note(CHAMPION, "no version is in use: a night would refuse", APPROVE)
    folder = champion_bundle()  # its hash is checked
    card = read_card(folder)
    require_scope(card.name, card.scope, scope_of(load_params().cohort, load_site()))
    return well(CHAMPION, f"{card.name}, bundle {folder.name[:12]}, can be read")


def check_model() -> Finding:
    """Let the champion read its own made-up films on this machine, as a night does."""
    if waits := _without_registry(MODEL):
        return waits
    from cxrmlops.model.scoring_reader import open_reader
    from cxrmlops.promotion.approval import champion_bundle

    reader = open_reader(champion_bundle(), **load_params().score.reading)
    told = reader.choice.told()
    return well(MODEL, f"this machine computes the champion's own answers, in {told}")


def check_code() -> Finding:
    """Look whether a model trained now could be approved."""
    from cxrmlops.registry.lineage import code_state  # mlflow's switches

    state = code_state()
    commit, dirty = state.commit[:12], state.dirty
    if dirty == "unknown":
        return note(
            CODE,
            "not a git checkout: a model's code is the wheel that travels with it",
            "work in a checkout to know the commit of each model",
        )
    if dirty == "unreadable":
        return broken(
            CODE,
            "there is a checkout, and git cannot read it",
            "git config --global --add safe.directory FOLDER",
        )
    if dirty == "no":
        return well(CODE, f"commit {commit}, nothing uncommitted")
    refused = load_params().promotion.clean_code
    return note(
        CODE,
        f"uncommitted changes after commit {commit}: a model trained now "
        + ("could not be approved" if refused else "could not be made again"),
        "git commit -a, before you train",
    )


def check_weights() -> Finding:
    """Look whether the weights that a training begins with are on this machine."""
    from cxrmlops.model.pretrained import absent  # torchvision: seconds

    asked = load_params().train
    if asked.weights is None:
        return well(WEIGHTS, "training begins without weights, as params.yaml says")
    url = absent(asked.architecture, asked.weights)
    if url is None:
        return well(WEIGHTS, f"{asked.weights} is on this machine")
    return note(
        WEIGHTS,
        f"{asked.weights} is not on this machine; a training fetches it",
        f"without a network: put {url} beside params.yaml",
    )


def check_key() -> Finding:
    """Look whether there is a key of the pseudonyms, and that of the cohort; make none.

    The key itself is never shown.
    """
    file = key_file()
    if file is not None and not file.exists():
        return note(
            KEY,
            "there is no key yet; the first cohort makes one",
            "set CXR_PSEUDONYM_KEY to a secret of your own, and keep it safe",
        )
    now = key_fingerprint(pseudonym_key())
    summary = Path("data") / CohortSummary.file
    try:
        before = CohortSummary.read(summary).key_fingerprint
    except DataError:  # none yet, or of another version
        before = now
    if before != now:
        return broken(
            KEY,
            f"the key (fingerprint {now}) is not that of data/cohort ({before})",
            "set CXR_PSEUDONYM_KEY to the former key; see docs/how-to/operate.md",
        )
    kept = "CXR_PSEUDONYM_KEY" if file is None else str(file)
    return well(KEY, f"key in {kept}, fingerprint {now}; keep a copy elsewhere")


def _without_registry(name: str) -> Finding | None:
    """Return why nobody can be asked; asking would make or change a database."""
    for asked in (check_ledger(), check_mlflow()):
        if asked.state != "ok":
            said = f"not looked at: {asked.name}: {asked.said}"
            return note(name, said, asked.do)
    return None
