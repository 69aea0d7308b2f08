import pytest
import torch

from cxrmlops.model.device import (
    choose_device,
    choose_precision,
    enough_memory,
    open_fabric,
    repeatable,
)
from cxrmlops.system.errors import ResourceError

CPU = torch.device("cpu")


def no_gpu(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_gpu_without_one_is_one_sentence(monkeypatch):
    no_gpu(monkeypatch)

    with pytest.raises(ResourceError, match="finds no CUDA GPU.*set it to auto or cpu"):
        open_fabric(accelerator="gpu")


def test_more_gpus_than_there_are_is_one_sentence(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)

    with pytest.raises(ResourceError, match=r"train.devices is 4.*has 1 GPU\(s\)"):
        open_fabric(accelerator="auto", devices=4)


@pytest.mark.parametrize(
    ("accelerator", "has_gpu", "expected"),
    [("auto", False, "cpu"), ("auto", True, "cuda"), ("cpu", True, "cpu")],
)
def test_auto_takes_the_gpu_if_there_is_one(
    monkeypatch, accelerator, has_gpu, expected
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)

    assert choose_device(accelerator).type == expected


@pytest.mark.parametrize(
    ("asked", "device", "expected"),
    [
        ("auto", "cpu", "32-true"),
        ("auto", "cuda", "bf16-mixed"),
        ("bf16-mixed", "cpu", "bf16-mixed"),
        ("32-true", "cuda", "32-true"),
    ],
)
def test_auto_precision_is_16_bit_on_a_gpu_only(asked, device, expected):
    assert choose_precision(asked, torch.device(device)) == expected


def test_a_block_is_repeatable_and_leaves_no_trace():
    draws = []
    for _ in range(2):
        with repeatable(3, device=CPU):
            assert torch.are_deterministic_algorithms_enabled()
            draws.append(torch.rand(3))

    assert torch.equal(*draws)
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.parametrize(
    ("error", "where"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"), "GPU"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "machine"),
    ],
)
def test_too_little_memory_names_the_setting_and_what_next(error, where):
    with (
        pytest.raises(
            ResourceError, match=f"{where} has too.*train.batch_size 32; halve"
        ),
        enough_memory("train.batch_size 32"),
    ):
        raise error


def test_other_trouble_is_not_taken_for_a_lack_of_memory():
    with pytest.raises(RuntimeError, match="shapes"), enough_memory("anything"):
        raise RuntimeError("shapes do not match")
