"""Tables of the ledger's database. Changed by a migration, never in place.

Times of work are UTC, ISO 8601; leases are seconds since 1970, to compare and to add.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

OPEN, DONE, DISSOLVED = "open", "done", "dissolved"  # of a chunk

metadata = MetaData()

# Every file that was ever seen in the backlog: what is known is not read again.
images = Table(
    "images",
    metadata,
    Column("place", Text, primary_key=True),  # path below the backlog folder
    Column("bytes", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("sop_instance_uid", Text, nullable=False),  # "" when unreadable
    # or "file:<hash>", or "passed over: <reason>"
    Column("study_uid", Text, nullable=False, index=True),
    Column("patient_id", Text, nullable=False, server_default=""),  # for the audit
    # SHA-256 of the file; "" in rows of the versions before, until the file changes
    Column("content", Text, nullable=False, server_default=""),
    # when this content was first seen, seconds since 1970; 0: by a version before
    Column("seen_at", Float, nullable=False, server_default="0"),
    # why its study is not entered yet; "" it is
    Column("waits", Text, nullable=False, server_default=""),
)

# Files that were fetched from an archive: nothing else in the spool is ever removed.
fetched = Table(
    "fetched",
    metadata,
    Column("place", Text, primary_key=True),  # path below the backlog folder
    Column("content", String(64), nullable=False),  # SHA-256 of the file
)

# The unit of work. Its members and its start of analysis never change, so that a second
# try after a kill writes the same bytes.
chunks = Table(
    "chunks",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("model_key", Text, nullable=False),
    Column("started", Text, nullable=False),  # start of analysis, ISO 8601
    Column("state", Text, nullable=False),  # OPEN, DONE or DISSOLVED
    Column("owner", Text, nullable=False),  # of the lease; "" nobody
    Column("run", Text, nullable=False),  # nightly run that tried last
    Column("lease_until", Float, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("reason", Text, nullable=False),  # why the last try ended early
    Column("holder", Text, nullable=False, server_default=""),  # a process
    Column("listed_at", Text),  # when a reading list first showed it
    Column("error", Text, nullable=False, server_default=""),  # kind; "" none
    Index("ix_chunks_state", "state", "lease_until"),
    Index("ix_chunks_run", "run", "state"),
)

# Nights that a schedule or a click started: one is at work at a time.
nights = Table(
    "nights",
    metadata,
    Column("flow_run", Text, primary_key=True),  # as Prefect calls it
    Column("began_at", Text, nullable=False),
    Column("ended_at", Text),  # also where its death was seen
    Column("is_killed", Integer, nullable=False, server_default="0"),
    Column("holder", Text, nullable=False),  # a process
    Column("lease_until", Float, nullable=False),
)

# One row per study, set of its films, and model.
studies = Table(
    "studies",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("study_uid", Text, nullable=False),
    Column("source_key", String(64), nullable=False),  # of `contents`
    Column("model_key", Text, nullable=False),
    Column("images", JSON, nullable=False),  # places, sorted
    Column("sop_uids", JSON),  # sorted; nothing in rows of the first version
    Column("contents", JSON),  # SHA-256 of its files, sorted; see `ledger`
    Column("state", Text, nullable=False),
    # "", scored, rejected, failed or forgotten
    Column("outcome", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("alone", Integer, nullable=False),  # 1: its chunk holds nothing else
    Column("chunk", String(16), ForeignKey("chunks.id")),
    Column("run", Text, nullable=False),  # nightly run that claimed it last
    Column("attempts", Integer, nullable=False, server_default="0"),  # times claimed
    Column("row", JSON),  # what the balance and the histogram ask of the answer
    Column("found_at", Text, nullable=False),
    Column("claimed_at", Text),
    Column("scored_at", Text),
    Column("written_at", Text),
    Column("delivered_at", Text),
    UniqueConstraint("study_uid", "source_key", "model_key"),
    Index("ix_studies_next", "model_key", "state", "alone", "id"),  # the next to claim
    Index("ix_studies_state", "state", "study_uid"),  # which are in work
    Index("ix_studies_chunk", "chunk"),
)

# What was made of a study, and who has it.
objects = Table(
    "objects",
    metadata,
    Column("sop_instance_uid", Text, primary_key=True),
    Column("kind", Text, nullable=False),  # report or overlay
    Column("series_instance_uid", Text, nullable=False),
    Column("sop_class_uid", Text, nullable=False),
    Column("study", Integer, ForeignKey("studies.id"), nullable=False, index=True),
    Column("state", Text, nullable=False),  # written or delivered
    Column("receipt", Text, nullable=False),
    Column("written_at", Text, nullable=False),
    Column("delivered_at", Text),
    # address that has it, or nowhere; "" in rows of the versions before
    Column("target", Text, nullable=False, server_default=""),
)

# What the challenger says of a study that the model in use has answered.
challenges = Table(
    "challenges",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("study", Integer, ForeignKey("studies.id"), nullable=False),
    Column("bundle_hash", String(64), nullable=False),  # of the challenger
    # waiting, scored, rejected, failed or withdrawn
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("attempts", Integer, nullable=False),  # runs that began to read it
    Column("accession_number", Text, nullable=False),
    Column("champion", JSON, nullable=False),  # outcome, probability, answers
    Column("challenger", JSON),  # likewise; nothing while it waits
    Column("entered_at", Text, nullable=False),
    Column("answered_at", Text),
    UniqueConstraint("study", "bundle_hash"),
    Index("ix_challenges_state", "bundle_hash", "state"),
)

# What a person decided about a study that waits, and why. Rows are only added.
decisions = Table(
    "decisions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("study", Integer, ForeignKey("studies.id"), nullable=False, index=True),
    Column("action", Text, nullable=False),  # retry or forget
    Column("chunk", String(16)),  # that the study was in
    Column("reason", Text, nullable=False),
    Column("user", Text, nullable=False),  # as the system knows the person
    Column("at", Text, nullable=False),
)

# Who put which model in use, and why. Each row seals the one before it.
history = Table(
    "history",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),  # from 1
    Column("event", Text, nullable=False),  # see promotion/approval_log.py
    Column("version", Text, nullable=False),
    Column("bundle_hash", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Text, nullable=False),
    Column("seal", String(64), nullable=False),  # hash of this row and the last seal
)

# Each model that was measured on each test set: a test set wears out.
looks = Table(
    "looks",
    metadata,
    Column("bundle_hash", Text, primary_key=True),
    Column("test_hash", Text, primary_key=True),
    Column("at", Text, nullable=False),
)
