"""How params.yaml trains without first weights, for a machine without YAML."""

from cxrmlops.model.augment import Augmentation
from cxrmlops.model.learner import Hyperparameters

RECIPE = Hyperparameters(
    seed=1,
    epochs=40,
    batch_size=32,
    learning_rate=3e-4,  # from scratch; with pretrained weights 1e-4
    stem_rate=1.0,
    weight_decay=0.05,
    warmup_epochs=2,
    ema_decay=0.998,
    label_smoothing=0.05,
    class_weights=True,
    augmentation=Augmentation(7, 0.10, 0.05, 0.15, 0.01),
)
