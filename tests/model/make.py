"""What tests of models share."""

import torch

from cxrmlops.model.agreement import Agreement

CPU = torch.device("cpu")
GOOD = Agreement(  # just within every bound
    precision="bf16",
    device="cpu",
    n=200,
    mean_difference=0.001,
    largest_difference=0.01,
    flips={"balanced": 2, "high_sensitivity": 0},
    map_difference=0.02,
)
