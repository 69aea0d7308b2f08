from functools import partial

import numpy as np
import pytest
import torch

from cxrmlops.model import compilation
from cxrmlops.model.checkpoint import CheckpointWriter, load_checkpoint
from cxrmlops.model.inference import read_squares
from cxrmlops.model.network import build_network, fold_norms
from cxrmlops.model.out_of_distribution import collected
from cxrmlops.model.precision import BF16, ready
from cxrmlops.model.training import epochs
from tests.model.make import CPU
from tests.model.make_training import make_learner, make_lesson

pytestmark = pytest.mark.integration  # loads torch's compiler


@pytest.fixture
def graphs(monkeypatch) -> list[tuple[int, ...]]:
    """Trace as on a GPU, but run the traced graph as it is; name the input of each."""
    seen: list[tuple[int, ...]] = []

    def backend(graph, inputs):
        seen.append(next(tuple(one.shape) for one in inputs if one.ndim == 4))
        return graph.forward

    torch.compiler.reset()
    monkeypatch.setattr(compilation, "BACKEND", backend)
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    yield seen
    torch.compiler.reset()


def test_a_compiled_network_learns_what_the_network_learns(graphs, tmp_path):
    plain, ours = make_learner(), make_learner(compile=True)

    want = list(epochs(plain, make_lesson(), make_lesson(8)))
    found = list(epochs(ours, make_lesson(), make_lesson(8)))

    assert [e.val_loss for e in found] == [e.val_loss for e in want]
    for name, value in plain.network.state_dict().items():
        assert torch.equal(value, ours.network.state_dict()[name]), name
    # the whole network is one graph, made once: all batches are of one size
    assert graphs == [(8, 1, 32, 32)]
    # names of weights are the network's own, not those of what was compiled
    with CheckpointWriter(tmp_path) as writer:
        writer.save(ours, found)
    assert load_checkpoint(tmp_path, make_learner()) == found


def test_each_size_of_films_is_compiled_once(graphs):
    learner = make_learner(compile=True, progressive=((16, 2),))

    list(epochs(learner, make_lesson(size=32), make_lesson(8, size=32)))

    assert graphs == [(8, 1, 16, 16), (8, 1, 32, 32)]


def test_what_was_compiled_is_kept_where_it_outlives_a_restart(monkeypatch):
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    monkeypatch.setattr(torch, "compile", lambda network, **_: network)

    compilation.compiled(torch.nn.Linear(1, 1))

    kept = compilation.os.environ["TORCHINDUCTOR_CACHE_DIR"]
    assert kept.endswith(".cache/cxrmlops/torch_compile")


worth_it = partial(compilation.is_worth_compiling, setting="train.compile")


def test_a_cpu_compiles_nothing_and_says_so(caplog):
    with caplog.at_level("INFO"):
        assert not worth_it(CPU, asked=True)

    assert "train.compile is for a GPU" in caplog.text
    assert not worth_it(CPU, asked=False)
    assert worth_it(torch.device("cuda"), asked=True)


def test_compiled_stages_read_what_the_network_reads_features_included(graphs):
    network = fold_norms(build_network("resnet18_narrow"))
    squares = np.random.default_rng(0).integers(0, 256, (3, 32, 32), np.uint8)

    def read(**settings):
        made = ready(network, BF16, size=32, threads=1, **settings)
        with collected(made) as found:
            logit, evidence = read_squares(made, squares, device=CPU, batch_size=1)
        return logit, evidence, np.concatenate(found)

    for found, wanted in zip(read(compile=True), read(), strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert len(graphs) == 4
