from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cxrmlops.model import precision
from cxrmlops.model.network import build_network, fold_norms
from cxrmlops.model.precision import (
    EXACT,
    STAGES,
    STARTS,
    Choice,
    choose,
    has_bf16,
    ready,
)
from tests.model.make import CPU, GOOD


@pytest.fixture
def _bf16(monkeypatch):
    monkeypatch.setattr(precision, "has_bf16", lambda device: True)
    monkeypatch.setattr(precision, "has_openvino", lambda: False)


@pytest.fixture
def _openvino(monkeypatch):
    monkeypatch.setattr(precision, "has_openvino", lambda: True)


@pytest.mark.usefixtures("_bf16")
@pytest.mark.parametrize("asked", ["auto", "bf16"])
def test_bf16_reads_where_it_is_there_and_agrees(asked):
    assert choose(asked, [GOOD], device=CPU) == Choice("bf16")


@pytest.mark.usefixtures("_bf16")
def test_fp32_is_followed_whatever_agrees():
    assert choose("fp32", [GOOD], device=CPU) == EXACT
    assert EXACT.told() == "fp32"


@pytest.mark.parametrize("asked", ["auto", "bf16"])
def test_a_processor_without_bf16_reads_in_fp32_and_says_so(monkeypatch, asked):
    monkeypatch.setattr(precision, "has_bf16", lambda device: False)

    choice = choose(asked, [GOOD], device=CPU)

    assert choice.precision == "fp32"
    assert choice.told() == "fp32 (this cpu has no instructions for bf16)"


@pytest.mark.usefixtures("_bf16")
@pytest.mark.parametrize("known", [[], [replace(GOOD, device="cuda")]])
def test_a_bundle_that_measured_nothing_on_such_a_device_reads_in_fp32(known):
    choice = choose("auto", known, device=CPU)

    assert choice.precision == "fp32"
    assert "was not measured on a cpu when the model was made" in choice.why


@pytest.mark.usefixtures("_bf16")
def test_a_bundle_whose_answers_differ_too_much_reads_in_fp32():
    choice = choose("auto", [replace(GOOD, largest_difference=0.06)], device=CPU)

    assert choice.precision == "fp32"
    assert "largest difference 0.0600, allowed 0.01" in choice.why


@pytest.mark.usefixtures("_bf16")
@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_maps_by_a_backward_pass_are_made_in_fp32(engine):
    choice = choose("auto", [GOOD], device=CPU, engine=engine, backward=True)

    assert choice.precision == "fp32"
    assert "backward" in choice.why


BOTH = tuple(replace(GOOD, precision=f"openvino {name}") for name in ("fp32", "bf16"))


@pytest.mark.usefixtures("_bf16", "_openvino")
def test_openvino_reads_where_it_is_asked_for_and_agrees():
    def chosen(asked, known=(GOOD, *BOTH), **settings):
        return choose(asked, known, device=CPU, **settings)

    assert chosen("auto", engine="openvino") == Choice("openvino bf16")
    assert chosen("fp32", engine="openvino") == Choice("openvino fp32")
    assert chosen("auto") == Choice("bf16")
    in_full = chosen("auto", (GOOD, BOTH[0]), engine="openvino")
    assert in_full.precision == "openvino fp32"
    assert "whether openvino bf16 agrees was not measured" in in_full.why
    late = replace(GOOD, precision="openvino bf16 from layer3")
    between = chosen("auto", (BOTH[0], late), engine="openvino")
    assert between.precision == "openvino bf16 from layer3"


@pytest.mark.usefixtures("_bf16")
def test_torch_reads_where_openvino_is_not_installed_and_the_reason_is_said():
    auto, full = (
        choose(asked, [GOOD, *BOTH], device=CPU, engine="openvino")
        for asked in ("auto", "fp32")
    )

    assert auto.precision == "bf16"
    assert full.precision == "fp32"
    assert auto.why == full.why
    assert "OpenVINO is not installed: pip install" in auto.why


@pytest.mark.usefixtures("_bf16", "_openvino")
def test_a_gpu_does_not_wait_for_openvino():
    known = [replace(GOOD, device="cuda"), *BOTH]

    choice = choose("auto", known, device=torch.device("cuda"), engine="openvino")

    assert choice == Choice("bf16", "OpenVINO reads on a CPU alone")


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"avx512_f": True, "avx512_bf16": False, "amx_bf16": False}, False),
        ({"avx512_bf16": True}, True),
        ({"amx_bf16": True}, True),
        ({}, False),
    ],
)
def test_a_cpu_has_bf16_by_its_instructions(monkeypatch, capabilities, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)

    assert has_bf16(CPU) == expected


def test_the_kernels_own_list_of_instructions_is_the_same():
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    flags = next(line for line in lines if line.startswith("flags")).split()

    assert has_bf16(CPU) == bool({"avx512_bf16", "amx_bf16"} & set(flags))


@pytest.mark.parametrize("way", list(STARTS))
def test_stages_are_rounded_from_where_the_way_says_and_the_head_never_is(way):
    network = fold_norms(build_network("resnet18_narrow").eval())

    rounded = ready(network, way, size=32, threads=1)

    first = list(STAGES).index(STARTS[way])
    for place, name in enumerate((*STAGES, "evidence")):
        expected = torch.bfloat16 if first <= place < len(STAGES) else torch.float32
        found = {one.dtype for one in rounded.get_submodule(name).parameters()}
        assert found == {expected}
    assert {one.dtype for one in network.parameters()} == {torch.float32}


def test_32_bit_need_no_copy():
    network = fold_norms(build_network("resnet18_narrow").eval())

    assert ready(network, "fp32", size=32, threads=1) is network


@pytest.mark.usefixtures("_bf16")
def test_the_fastest_way_that_agrees_is_chosen_and_why_no_faster_one_is():
    far = replace(GOOD, mean_difference=0.005)
    later = replace(GOOD, precision="bf16 from layer3")
    between = replace(far, precision="bf16 from layer2")

    choice = choose("auto", [far, between, later], device=CPU)

    assert choice.precision == "bf16 from layer3"
    assert choice.why.startswith("bf16 differs too much with this model: mean")
