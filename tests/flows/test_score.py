import json
import os
import time
from base64 import b64decode
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from pydicom import dcmread
from sqlalchemy import select

from cxrmlops.backlog import ledger
from cxrmlops.backlog.database import open_database, transaction
from cxrmlops.backlog.delivery import Folder
from cxrmlops.backlog.open_studies import open_studies
from cxrmlops.backlog.schema import studies
from cxrmlops.model.bundle import bundle_hash
from cxrmlops.operations import heartbeat
from cxrmlops.promotion import approval_log
from cxrmlops.registry import versions
from cxrmlops.registry.tracking import find_or_make_run
from cxrmlops.stages import score as score_stage
from cxrmlops.system.errors import BundleError, ParamsError, ServiceError
from flows import chunk as chunk_file
from flows import score as flow_file
from flows.approve import approve
from flows.by_hand import completed
from flows.outcome import RedactForeignErrors, unreachable
from flows.score import score
from tests import make
from tests.flows.conftest import stand_in
from tests.make_records import make_verdict
from tests.pipeline.project import command

pytestmark = [
    pytest.mark.services,
    pytest.mark.usefixtures("prefect"),
    pytest.mark.filterwarnings("ignore:.*type hint.*:UserWarning"),
]
CLOCK = "2024-01-31T02:00:00+00:00"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    return make.make_reading_bundle(tmp_path_factory.mktemp("model") / "bundle")


@pytest.fixture
def site(project, bundle, monkeypatch) -> Path:
    """A site with a clock that stands still, no worker processes, no retries."""
    set_up(project, monkeypatch)
    return project


def set_up(folder: Path, patch: pytest.MonkeyPatch, **score_params: object) -> None:
    patch.setenv("CXR_CLOCK", CLOCK)
    patch.setenv("CXR_WORKERS", "0")
    patch.setattr("flows.chunk.send.retries", 0)
    params = yaml.safe_load((folder / "params.yaml").read_text())
    params["score"] |= {"settle_minutes": 0, "chunk_studies": 2} | score_params
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    (folder / "data/raw/backlog").mkdir(parents=True)
    go_active()


def go_active() -> None:
    """Let the site deliver, as if decided long ago: the audit stream begins later."""
    with transaction(open_database()) as connection:
        approval_log.Book(connection).add(
            f"{approval_log.STAGE}active",
            version="",
            bundle_hash="",
            name="B. Person",
            reason="these tests",
        )


def arrive(folder: Path, *studies: str, images: int = 1) -> None:
    """Put films into the backlog; each study has its own patient."""
    for uid in studies:
        for number in range(images):
            lungs = make.make_lungs(rows=300, columns=280, seed=number)
            image = make.make_chest_image(
                study=uid,
                patient=f"MRN-CANARY-{uid}",
                SOPInstanceUID=f"{uid}.1.{number}",
                Rows=300,
                Columns=280,
                PixelData=lungs.astype("<u2").tobytes(),
            )
            place = folder / f"data/raw/backlog/CANARY^TWEETY/{uid}-{number}.dcm"
            make.save_image(image, place)


def archived(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        path.name: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in (folder / "data/archive").glob("*.dcm")
    }


def register(folder: Path, *bundles: Path) -> list[versions.Version]:
    """Put bundles into MLflow as versions of one training."""
    settings = {
        "train": {"architecture": "resnet18", "seed": 1},
        "preprocess": {"size": 64},
    }
    (folder / "data/split").mkdir(parents=True)
    make.make_splits().to_parquet(folder / "data/split/images.parquet")
    run_id = find_or_make_run(settings, split=folder / "data/split")
    made = []
    for bundle in bundles:
        verdict = make_verdict(bundle_hash=bundle_hash(bundle))
        made.append(versions.register(bundle, verdict=verdict, run_id=run_id)[0])
    return made


@dataclass
class Nights:
    folder: Path
    states: list
    archives: list[dict]
    counts: list[dict]


@pytest.fixture(scope="module")
def nights(tmp_path_factory, prefect, empty_mlflow, bundle):
    """Two nights with the champion over the same backlog."""
    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        stand_in(folder, patch, empty_mlflow)
        set_up(folder, patch)
        register(folder, bundle)
        approve(name="A. Person", reason="gates passed")
        arrive(folder, "1.2.1", "1.2.2", "1.2.3")
        arrive(folder, "1.2.4", images=2)
        (folder / "data/raw/backlog/notes.txt").write_text("not a film")
        told = Nights(folder, [], [], [])
        for _ in range(2):
            told.states.append(score(return_state=True))
            told.archives.append(archived(folder))
            told.counts.append(ledger.counts(open_database()))
        yield told


@pytest.mark.usefixtures("nights")
def test_an_approval_is_in_the_history_and_makes_a_champion():
    _, row = approval_log.entries()  # after the site's stage

    assert (row.event, row.name, row.version) == ("approved", "A. Person", "1")
    assert versions.get("champion").number == "1"


def test_each_study_has_its_report_and_each_image_its_overlay(nights):
    assert nights.states[0].message == "in 5, scored 4, rejected 1, failed 0"
    assert nights.counts[0] == {"delivered": 4, "rejected": 1}

    objects = [dcmread(path) for path in (nights.folder / "data/archive").iterdir()]

    reports = [str(one.StudyInstanceUID) for one in objects if one.Modality == "SR"]
    assert sorted(reports) == ["1.2.1", "1.2.2", "1.2.3", "1.2.4"]
    assert len(objects) == 4 + 5


def test_a_second_night_finds_nothing_to_do(nights):
    assert nights.states[1].is_completed()
    assert nights.states[1].message == "nothing new"
    assert nights.archives[1] == nights.archives[0]
    assert nights.counts[1] == nights.counts[0]


def test_the_reading_list_of_the_night_is_one_page(nights):
    page = nights.folder / "data/report/reading_list.html"

    assert page.stat().st_mode & 0o777 == 0o600
    assert all(f"A-1.2.{n}" in page.read_text() for n in (1, 2, 3, 4))


def of_first(nights) -> tuple:
    """Return the run of the first night and its artifacts, those of its tasks too."""
    number = nights.states[0].state_details.flow_run_id
    wanted = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[number]))
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(number)
        return run, client.read_artifacts(artifact_filter=wanted)


def test_a_night_is_named_by_its_date_and_tagged_with_the_version_that_read(nights):
    run, _ = of_first(nights)

    assert run.name == f"night {CLOCK[:10]}"
    assert run.tags == ["version 1"]


def test_the_summary_of_a_night_balances_and_leads_to_its_result(nights):
    _, shown = of_first(nights)

    (page,) = (one for one in shown if one.key == "night-summary")
    assert page.task_run_id is None  # else it is not on the page of the run
    assert "**in 5 = scored 4 + rejected 1 + failed 0 + waiting 0**" in page.data
    assert "| rejected | 1 | The file is not a DICOM file or picture" in page.data
    assert "cxr-sigfind version 1 (champion): " in page.data
    assert ", read in fp32 (" in page.data  # and why: its bundle measured nothing
    assert f"`{nights.folder}/data/report/reading_list.html`" in page.data
    assert "(data:image/jpeg;base64," in page.data


def test_the_progress_of_a_night_ends_when_every_study_has_an_outcome(nights):
    _, shown = of_first(nights)

    (bar,) = (one for one in shown if one.key == "night-progress")
    assert bar.task_run_id is None
    assert (float(bar.data), bar.description) == (100.0, "5 of 5 studies")


def test_what_another_model_has_answered_is_counted_before_it_is_read_again(
    nights, tmp_path, monkeypatch
):
    other = make.make_reading_bundle(tmp_path / "other", seed=1)
    monkeypatch.chdir(nights.folder)
    monkeypatch.setenv("CXR_CLOCK", CLOCK)
    before = heartbeat.FILE.read_bytes()

    told = score(str(other), rescore="count", return_state=True)

    assert told.message == (
        "would be read and reported again: 5 studies that another model has answered "
        "and whose films lie in the backlog; 0 more if the archive gives their films. "
        "Nothing was sent"
    )
    assert ledger.counts(open_database()) == nights.counts[1]
    assert heartbeat.FILE.read_bytes() == before  # it was no night


def test_a_delivered_chunk_keeps_its_rows_and_no_reading_pictures(nights):
    chunks = list((nights.folder / "data/score").iterdir())

    assert all((chunk / "images.parquet").exists() for chunk in chunks)
    assert not [chunk for chunk in chunks if (chunk / "images").exists()]


@pytest.mark.usefixtures("nights")
def test_prefect_knows_no_patient_no_uid_and_no_file_of_the_backlog():
    with get_client(sync_client=True) as client:
        known = [
            *client.read_logs(),
            *client.read_flow_runs(),
            *client.read_task_runs(),
            *client.read_artifacts(),
        ]
    said = "\n".join(one.model_dump_json() for one in known)
    for path in Path(os.environ["PREFECT_HOME"]).rglob("storage/*"):
        said += _stored(path.read_bytes())

    assert "studies" in said
    for canary in ("CANARY", "Tweety", "TWEETY", "MRN", "1.2.4", "A-1.2", ".dcm"):
        assert canary not in said


def _stored(content: bytes) -> str:
    """Give what Prefect keeps of a result: JSON around base64, or as it is."""
    with suppress(ValueError):
        content += b64decode(json.loads(content)["result"])
    return content.decode("latin-1")


def test_one_bad_study_fails_alone(site, bundle, monkeypatch):
    arrive(site, "1.2.1", "1.2.2", "1.2.3")
    usual = score_stage.run

    def explode(*, paths, **others):
        if any("1.2.2" in path.name for path in paths):
            raise MemoryError("1.2.2 of CANARY^TWEETY")
        usual(paths=paths, **others)

    monkeypatch.setattr(chunk_file.score_stage, "run", explode)

    state = score(str(bundle), return_state=True)

    assert state.is_failed()
    assert state.name == "1 of 3 studies failed"
    with pytest.raises(SystemExit, match="error: in 3, scored 2"):
        completed(lambda: state, tag="night")
    assert state.message == (
        "in 3, scored 2, rejected 0, failed 1; 1 studies failed and wait for a person, "
        "see: cxrmlops backlog"
    )
    (stuck,) = open_studies(open_database())
    assert "MemoryError, see data/score/" in stuck.reason
    assert "CANARY" not in stuck.reason
    (notes, *_) = sorted((site / "data/score").glob("*.failed.txt"))
    assert notes.stat().st_mode & 0o777 == 0o600
    assert "CANARY" in notes.read_text()


def test_a_night_in_which_everything_fails_alike_stops_and_leaves_the_rest(
    site, bundle, monkeypatch, capsys
):
    arrive(site, *(f"1.2.{n}" for n in range(1, 13)))

    def refuse(**_):
        raise AssertionError("daemonic processes are not allowed to have children")

    with monkeypatch.context() as patch:
        patch.setattr(chunk_file.score_stage, "run", refuse)
        state = score(str(bundle), return_state=True)

    assert (state.type.value, state.name) == ("FAILED", "Stopped")
    assert "tries failed alike (AssertionError, see data/score/" in state.message
    assert "were left and wait; repair that, then run again" in state.message
    with pytest.raises(SystemExit, match="error: stopped: all of the first"):
        completed(lambda: state, tag="night")
    left = ledger.counts(open_database())
    assert left["found"] >= 9
    assert left.get("failed", 0) <= 3
    if "failed" in left:
        command("backlog")
        told = capsys.readouterr().out
        assert "AssertionError: daemonic processes are not allowed to have" in told
    again = score(str(bundle), return_state=True)
    assert again.is_completed()
    assert again.message.startswith(f"in {left['found']}, scored {left['found']},")


def test_a_night_whose_model_is_replaced_stops_and_reads_nothing_with_the_other(
    site, tmp_path, monkeypatch
):
    mine = make.make_reading_bundle(tmp_path / "mine")
    first = bundle_hash(mine)
    arrive(site, "1.2.1", "1.2.2", "1.2.3", "1.2.4", "1.2.5", "1.2.6")
    usual = score_stage.run

    def replace(**others):
        usual(**others)
        make.make_reading_bundle(mine, seed=1)

    with monkeypatch.context() as patch:
        patch.setattr(chunk_file.score_stage, "run", replace)
        state = score(str(mine), return_state=True)

    assert state.is_failed()
    assert "was replaced while films were read" in state.message
    assert "run again" in state.message
    rows = [row for row in _rows() if row.row]
    assert len(rows) == 2
    assert {row.row["study"]["model_key"].split("|")[1] for row in rows} == {first}

    again = score(str(mine), return_state=True)
    assert again.message == "in 4, scored 4, rejected 0, failed 0"
    assert sum(row.outcome == "scored" for row in _rows()) == 6


def test_a_night_on_a_machine_that_computes_otherwise_reads_nothing(site, tmp_path):
    arrive(site, "1.2.1")

    state = score(str(make.make_shifted_bundle(tmp_path / "model")), return_state=True)

    assert state.is_failed()
    assert "answers its own test films differently here" in state.message
    assert not _rows()


def test_a_champion_moved_in_mid_night_reads_from_the_next_night_on(
    site, bundle, tmp_path, monkeypatch
):
    other = make.make_reading_bundle(tmp_path / "other", seed=1)
    first, second = register(site, bundle, other)
    decide_on(first)
    arrive(site, "1.2.1", "1.2.2", "1.2.3", "1.2.4")
    usual = score_stage.run

    def move(**others):
        usual(**others)
        if versions.get("champion").number == first.number:
            decide_on(second)

    with monkeypatch.context() as patch:
        patch.setattr(chunk_file.score_stage, "run", move)
        state = score(return_state=True)
    arrive(site, "1.2.5")
    score(return_state=True)

    assert state.message == "in 4, scored 4, rejected 0, failed 0"
    read_by = {
        row.study_uid: row.row["study"]["model_key"].split("|")[1] for row in _rows()
    }
    assert read_by.pop("1.2.5") == bundle_hash(other)
    assert set(read_by.values()) == {bundle_hash(bundle)}


def decide_on(version: versions.Version) -> None:
    with approval_log.open_book() as book:
        book.add(
            approval_log.APPROVED,
            version=version.number,
            bundle_hash=version.bundle_hash,
            name="A. Person",
            reason="chosen",
        )
        versions.promote(version, name="A. Person", reason="chosen")


def _rows():
    with transaction(open_database()) as connection:
        return connection.execute(select(studies)).all()


def test_an_archive_that_is_down_costs_nothing_but_time(site, bundle, monkeypatch):
    arrive(site, "1.2.1", "1.2.2")

    class Down(Folder):
        def store(self, file):
            raise ServiceError("the archive did not answer")

    with monkeypatch.context() as patch:
        patch.setattr(
            chunk_file, "open_archive", lambda *_, **__: Down(site / "data/archive")
        )
        tried = score(str(bundle), return_state=True)
    monkeypatch.setattr(chunk_file.score_stage, "run", None)  # no second inference
    monkeypatch.setattr(chunk_file.report_stage, "run", None)
    monkeypatch.setenv("CXR_CLOCK", "2031-01-01T00:00:00+00:00")
    again = score(str(bundle), return_state=True)

    assert tried.is_failed()
    assert "2 studies wait: the archive did not answer" in tried.message
    assert again.message == "in 2, scored 2, rejected 0, failed 0"
    assert len(archived(site)) == 4


def test_a_night_killed_at_any_step_ends_with_the_same_bytes(site, bundle, monkeypatch):
    arrive(site, "1.2.1", "1.2.2")
    score(str(bundle), return_state=True)
    undisturbed = {name: content for name, (content, _) in archived(site).items()}
    monkeypatch.setattr("cxrmlops.backlog.leases.LEASE_SECONDS", 0.0)

    for step in ("answer", "write", "send"):
        for path in (site / "data/archive").iterdir():
            path.unlink()
        (site / "ledger.db").unlink()
        for place in ("score", "report"):
            (site / f"data/{place}").rename(site / f"data/{place}-{step}")
        kill(site, str(bundle), monkeypatch, after=step)
        monkeypatch.setenv("CXR_CLOCK", "2031-01-01T00:00:00+00:00")
        score(str(bundle), return_state=True)
        monkeypatch.setenv("CXR_CLOCK", CLOCK)

        now = {name: content for name, (content, _) in archived(site).items()}
        assert now == undisturbed, step


def kill(folder: Path, bundle: str, monkeypatch, *, after: str) -> None:
    """Do a night's work up to one step, then vanish with the lease in the ledger."""
    from prefect.logging import disable_run_logger

    with disable_run_logger():
        night = flow_file.open_night.fn(bundle)
        flow_file.find.fn(night, False)
        chunk = flow_file.leases.claim(
            open_database(),
            model_key=night.model_key,
            size=2,
            run=night.run,
            started=night.started,
            lease_seconds=0,
        )
        chunk_file.answer.fn(chunk, night)
        if after in ("write", "send"):
            chunk_file.write.fn(chunk, night)
        if after == "send":
            chunk_file.send.fn(chunk, night)


def test_a_study_that_may_still_grow_waits(site, bundle, monkeypatch):
    arrive(site, "1.2.1", "1.2.2")
    set_settle(site, minutes=15)
    old = time.time() - 3600
    os.utime(site / "data/raw/backlog/CANARY^TWEETY/1.2.1-0.dcm", (old, old))

    state = score(str(bundle), return_state=True)

    assert state.message == "in 1, scored 1, rejected 0, failed 0"


def set_settle(folder: Path, *, minutes: int) -> None:
    params = yaml.safe_load((folder / "params.yaml").read_text())
    params["score"]["settle_minutes"] = minutes
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def test_a_late_image_gives_a_report_that_names_the_one_before(site, bundle):
    arrive(site, "1.2.1")
    score(str(bundle), return_state=True)
    (first,) = [name for name in archived(site) if is_report(site, name)]

    arrive(site, "1.2.1", images=2)
    score(str(bundle), return_state=True)

    (second,) = [n for n in archived(site) if is_report(site, n) and n != first]
    named = dcmread(site / "data/archive" / second).PredecessorDocumentsSequence
    series = named[0].ReferencedSeriesSequence[0]
    replaced = series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
    assert f"{replaced}.dcm" == first


def is_report(folder: Path, name: str) -> bool:
    return dcmread(folder / "data/archive" / name).Modality == "SR"


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("CXR_ARCHIVE=ftp:x", "expected one of folder:"),
        ("CXR_DASK=tcp://x", "cannot share an SQLite ledger"),
        ("CXR_LEDGER_URL=x", "CXR_LEDGER_URL is not an address"),
    ],
)
def test_a_night_with_a_wrong_address_claims_nothing(
    site, bundle, setting, words, monkeypatch
):
    arrive(site, "1.2.1")

    with monkeypatch.context() as patch:
        patch.setenv(*setting.split("="))
        with pytest.raises(ParamsError, match=words):
            flow_file.open_night.fn(str(bundle))

    assert ledger.counts(open_database()) == {}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", "no version of cxr-sigfind is 'champion'"),
        ("nowhere", "nowhere holds no model bundle"),
    ],
)
def test_a_night_without_a_model_claims_nothing(site, given, words):
    arrive(site, "1.2.1")

    with pytest.raises(BundleError, match=words):
        flow_file.open_night.fn(given)

    assert ledger.counts(open_database()) == {}


def test_our_own_errors_pass_and_foreign_ones_are_kept_private(tmp_path):
    with (
        pytest.raises(ParamsError, match="ours"),
        RedactForeignErrors(tmp_path / "a.txt"),
    ):
        raise ParamsError("ours")

    assert not (tmp_path / "a.txt").exists()


@pytest.mark.parametrize(
    ("error", "again"), [(ServiceError("x"), True), (ValueError("x"), False)]
)
def test_only_what_a_second_try_can_mend_is_tried_again(error, again):
    from prefect.states import Failed

    assert unreachable(None, None, Failed(data=error)) is again
