"""Anything that can happen to a ledger, in any order: nothing lost, nothing twice."""

import shutil
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select, update

from cxrmlops.backlog import lease_holders, leases, ledger, operator_actions, progress
from cxrmlops.backlog.database import open_database, transaction
from cxrmlops.backlog.folder_scan import BacklogImage
from cxrmlops.backlog.ledger import DELIVERED, FOUND, IN_WORK, REJECTED, WITHDRAWN
from cxrmlops.backlog.progress import Answer, Written
from cxrmlops.backlog.reconciliation import AT_REST, check_balance
from cxrmlops.backlog.schema import OPEN, chunks, objects, studies
from cxrmlops.system.errors import ParamsError, ServiceError

LEGAL = AT_REST | {
    "found": ("",),
    "claimed": ("",),
    "scored": ("scored", "rejected"),
    "written": ("scored", "rejected"),
}
MODELS = st.sampled_from(["old", "new"])
STUDIES = st.integers(1, 4)


class Night(RuleBasedStateMachine):
    """Runs, killed ones, sleeping ones, people and films, on one ledger."""

    empty: Path  # a ledger without rows: making one takes long

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="cxr-machine-"))
        shutil.copy(self.empty, self.folder / "ledger.db")
        self.engine = open_database(f"sqlite:///{self.folder}/ledger.db")
        self.images: dict[str, set[int]] = {}
        self.held: list[leases.Chunk] = []
        self.dead: set[str] = set()
        self.runs, self.model = 0, "old"
        self.settled: set[int] = set()
        self.sent: set[str] = set()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(leases, "this_process", lambda: f"run {self.runs}")
        self.patch.setattr(
            lease_holders, "is_alive", lambda holder: holder not in self.dead
        )

    def teardown(self):
        self.patch.undo()
        self.engine.dispose()
        shutil.rmtree(self.folder)

    def rows(self, table):
        with transaction(self.engine) as connection:
            return connection.execute(select(table)).all()

    # --- films

    @rule(study=STUDIES, image=st.integers(1, 3))
    def an_image_arrives(self, study, image):
        self.images.setdefault(f"1.{study}", set()).add(image)

    @rule(study=STUDIES, image=st.integers(1, 3))
    def an_image_goes(self, study, image):
        self.images.get(f"1.{study}", set()).discard(image)

    # --- runs

    @rule(model=MODELS, rescore=st.booleans())
    def a_run_looks(self, model, rescore):
        self.model = model
        arrived = {
            uid: [
                BacklogImage(f"{uid}/{n}", 1, 1, f"{uid}.{n}", uid)
                for n in sorted(those)
            ]
            for uid, those in self.images.items()
            if those
        }
        ledger.enter(self.engine, arrived, model_key=model, rescore=rescore)
        known = [row for row in self.rows(studies) if row.state != WITHDRAWN]
        for uid, those in arrived.items():
            uids = {image.sop_instance_uid for image in those}
            assert any(
                row.study_uid == uid and uids <= set(row.sop_uids) for row in known
            ), "a film that lies there is on no list"

    @rule(size=st.integers(1, 3), same=st.booleans())
    def a_run_claims(self, size, same):
        self.runs += not (same and self.runs)
        chunk = self.claim(size)
        if chunk is not None:
            self.held.append(chunk)

    def claim(self, size):
        return leases.claim(
            self.engine,
            model_key=self.model,
            size=size,
            run=f"run {self.runs}",
            started="2024-01-31T02:00:00+00:00",
            lease_seconds=3600,
        )

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def a_run_is_killed(self, data):
        chunk = data.draw(st.sampled_from(self.held))
        name = next(row.holder for row in self.rows(chunks) if row.id == chunk.id)
        if name != f"run {self.runs}":
            self.dead.add(name)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def a_run_sleeps(self, data):
        chunk = data.draw(st.sampled_from(self.held))
        with transaction(self.engine) as connection:
            mine = chunks.c.id == chunk.id
            connection.execute(update(chunks).where(mine).values(lease_until=0.0))

    # --- work, also by those that slept

    def attempt(self, chunk, step, *words) -> bool:
        """Try a step; it may fail only if the chunk was taken from us."""
        (before,) = [row for row in self.rows(chunks) if row.id == chunk.id]
        ours = before.owner == chunk.owner and before.state == OPEN
        try:
            step(self.engine, chunk, *words)
        except ServiceError:
            assert not ours
            return False
        assert ours
        return True

    @precondition(lambda self: self.held)
    @rule(data=st.data(), how=st.sampled_from(["fail", "release"]))
    def a_run_gives_up(self, data, how):
        chunk = data.draw(st.sampled_from(self.held))
        self.attempt(chunk, getattr(leases, how), how)
        self.held.remove(chunk)

    @precondition(lambda self: self.held)
    @rule(
        data=st.data(),
        steps=st.integers(1, 4),
        outcome=st.sampled_from(["scored", "rejected"]),
    )
    def a_run_works(self, data, steps, outcome):
        chunk = data.draw(st.sampled_from(self.held))
        self.work(chunk, steps, outcome)

    def work(self, chunk, steps=4, outcome="scored") -> None:
        """Go on where the chunk stands, some steps far."""
        todo = [self.score, self.write, self.send, self.finish]
        for step in todo[:steps]:
            if not step(chunk, outcome):
                return

    def states(self, chunk):
        mine = {study.number for study in chunk.studies}
        return {row.state for row in self.rows(studies) if row.id in mine}

    def score(self, chunk, outcome):
        if "claimed" not in self.states(chunk):
            return True
        answers = {study.study_uid: Answer(outcome) for study in chunk.studies}
        return self.attempt(chunk, progress.record_scored, answers)

    def made(self, chunk):
        return [
            Written(f"{study.study_uid}.{study.number}.{kind}", kind, study.study_uid)
            for study in chunk.studies
            for kind in ("report", "overlay")
        ]

    def write(self, chunk, _outcome):
        return self.attempt(chunk, progress.record_written, self.made(chunk))

    def send(self, chunk, _outcome):
        return all(
            self.attempt(chunk, progress.record_receipt, one.uid, "receipt")
            for one in self.made(chunk)
        )

    def finish(self, chunk, _outcome):
        if chunk in self.held:
            self.held.remove(chunk)
        return self.attempt(chunk, progress.finish)

    # --- people

    @rule(number=st.integers(0, 6))
    def a_person_retries(self, number):
        try:
            operator_actions.retry(
                self.engine, [number] if number else [], reason="why not"
            )
            self.settled.discard(number)
        except ParamsError:
            assert number

    @rule(number=st.integers(1, 6))
    def a_person_forgets(self, number):
        try:
            operator_actions.forget(self.engine, [number], reason="why not")
            self.settled.discard(number)
        except ParamsError:
            pass

    # --- what must hold

    @rule(model=MODELS)
    def an_undisturbed_night_leaves_nothing(self, model):
        self.dead |= {f"run {n}" for n in range(self.runs + 1)}
        self.held.clear()
        self.runs += 1
        self.a_run_looks(model, False)
        while (chunk := self.claim(2)) is not None:
            self.work(chunk)
        rows = self.rows(studies)
        assert {row.state for row in rows} <= set(AT_REST)
        assert "open" not in {row.state for row in self.rows(chunks)}
        check_balance(self.engine, f"run {self.runs}")
        for uid, those in self.images.items():
            uids = {f"{uid}.{n}" for n in those}
            answers = [
                row for row in rows if row.study_uid == uid and row.state != WITHDRAWN
            ]
            assert not uids or any(uids <= set(row.sop_uids) for row in answers)

    @invariant()
    def state_and_outcome_agree(self):
        for row in self.rows(studies):
            assert row.outcome in LEGAL[row.state], (row.state, row.outcome)

    @invariant()
    def a_study_is_in_work_once_and_in_an_open_chunk(self):
        rows = self.rows(studies)
        is_open = {row.id for row in self.rows(chunks) if row.state == OPEN}
        working = [row for row in rows if row.state in IN_WORK]
        assert {row.chunk for row in working} == is_open
        assert all(n == 1 for n in Counter(row.study_uid for row in working).values())
        waiting = Counter(
            (row.study_uid, row.model_key) for row in rows if row.state == FOUND
        )
        assert all(n == 1 for n in waiting.values())

    @invariant()
    def what_is_delivered_stays_delivered(self):
        sent = {r.sop_instance_uid for r in self.rows(objects) if r.state == DELIVERED}
        settled = {
            row.id for row in self.rows(studies) if row.state in (DELIVERED, REJECTED)
        }
        assert self.sent <= sent
        assert self.settled <= settled
        self.sent, self.settled = sent, settled


@pytest.mark.integration
def test_nothing_is_lost_and_nothing_done_twice_whatever_happens(tmp_path):
    Night.empty = tmp_path / "ledger.db"
    open_database(f"sqlite:///{Night.empty}").dispose()

    run_state_machine_as_test(
        Night,
        settings=settings(
            max_examples=30,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
