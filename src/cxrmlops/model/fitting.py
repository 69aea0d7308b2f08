"""A whole training: from the last checkpoint to the epoch that val likes best."""

import logging
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from cxrmlops.model.checkpoint import (
    CheckpointWriter,
    best_epoch,
    load_best,
    load_checkpoint,
)
from cxrmlops.model.learner import TrainState
from cxrmlops.model.training import Epoch, Judge, LabelledImages, epochs

log = logging.getLogger(__name__)


def fit(
    learner: TrainState,
    train: LabelledImages,
    val: LabelledImages,
    *,
    patience: int | None,
    work: Path,
    on_epoch: Callable[[dict[str, float]], None],
    judge: Judge | None = None,
) -> list[Epoch]:
    """Train to the end of the schedule; leave the best weights in the network.

    Args:
        learner: fresh; brought to the last checkpoint in `work` if there is one.
        train: to learn from.
        val: picks the epoch.
        patience: epochs at full size without a lower val loss before stopping; None:
            the schedule is never cut short. Its last part, at low rates, is where most
            is gained.
        work: folder of checkpoints; the caller removes it.
        on_epoch: told the figures of each epoch, in this process's first copy only.
        judge: of the logits of val; None: `training.image_judge`.

    Returns:
        All epochs, those before a kill included.
    """
    history = load_checkpoint(work, learner)
    first = learner.fabric.is_global_zero
    if history and first:
        log.info("train: goes on after epoch %d", history[-1].epoch)
    if not (history and _enough(learner, history, patience)):
        with CheckpointWriter(work) as writer:
            for epoch in epochs(learner, train, val, judge=judge, done=len(history)):
                history.append(epoch)
                if first:
                    writer.save(learner, history)
                    _tell(epoch, learner.recipe.all_epochs)
                    on_epoch(asdict(epoch))
                if _enough(learner, history, patience):
                    break
    learner.fabric.barrier()  # the first process may still be writing
    learner.network.load_state_dict(load_best(work, history))
    learner.fabric.barrier()  # and the others still reading what it will remove
    return history


def _enough(learner: TrainState, history: list[Epoch], patience: int | None) -> bool:
    """Say whether val was no better for so many epochs, all of them at full size."""
    recipe = learner.recipe
    if patience is None or len(history) <= recipe.all_epochs - recipe.epochs:
        return False
    return len(history) - best_epoch(history).epoch >= patience


def _tell(epoch: Epoch, limit: int) -> None:
    log.info(
        "train: epoch %d of %d, %d pixels, train loss %.4f, val loss %.4f, "
        "val AUC %.4f, learning rate %.2e, %.1f images/s, %.0f s",
        epoch.epoch,
        limit,
        epoch.size,
        epoch.train_loss,
        epoch.val_loss,
        epoch.val_auc,
        epoch.learning_rate,
        epoch.images_per_second,
        epoch.seconds,
    )
