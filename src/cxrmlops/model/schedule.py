"""How the learning rate rises and falls."""

from math import cos, pi


def rate_factor(step: int, *, warmup_steps: int, total_steps: int) -> float:
    """Return the fraction of the top learning rate at one step.

    Rises in a straight line over the warm-up, then falls along half a cosine
    (Loshchilov 2017) and reaches 0 just after the last step.

    Args:
        step: from 0.
        warmup_steps: steps until the top; 0 starts there.
        total_steps: steps of the whole training, warm-up included.
    """
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    done = (step - warmup_steps) / max(total_steps - warmup_steps, 1)
    return (1 + cos(pi * min(done, 1.0))) / 2
