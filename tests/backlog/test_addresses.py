"""Source and target: which may be one, and which never in shadow."""

import socket

import pytest

from cxrmlops.backlog.addresses import (
    folder_of,
    results_address,
    results_named,
    source_address,
)
from cxrmlops.system.errors import ParamsError
from cxrmlops.vocabulary.rollout import NOWHERE, Rollout

PACS = "dicomweb:https://pacs.invalid/dicom-web"
ELSEWHERE = "dicomweb:https://research.invalid/dicom-web"


@pytest.mark.parametrize("stage", [Rollout.SUPERVISED, Rollout.ACTIVE])
def test_results_go_where_images_come_from_unless_another_place_is_named(stage):
    assert results_address(PACS, None, stage) == PACS
    assert results_address(PACS, ELSEWHERE, stage) == ELSEWHERE


def test_in_shadow_results_of_an_archive_go_nowhere_unless_a_place_is_named():
    assert results_address(PACS, None, Rollout.SHADOW) == NOWHERE
    assert results_address(PACS, ELSEWHERE, Rollout.SHADOW) == ELSEWHERE
    assert results_address(PACS, "folder:out", Rollout.SHADOW) == "folder:out"


def test_in_shadow_a_folder_takes_results_for_it_gives_no_images():
    assert results_address("folder:out", None, Rollout.SHADOW) == "folder:out"


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (PACS, PACS),
        (PACS, PACS + "/"),
        (PACS, "dicomweb:https://PACS.invalid:443/rs"),
        (PACS, "dicomweb:https://pacs.invalid/other/root"),
        (PACS, "dimse:PACS@pacs.invalid:104?calling=CXRMLOPS"),
        ("dimse:PACS@pacs.invalid:104", "dimse:OTHER@pacs.invalid:104"),
        ("dimse:PACS@pacs.invalid:104?retrieve=move", "dimse:PACS@PACS.invalid:104"),
        ("dicomweb:http://127.0.0.1:8042/a", "dicomweb:http://localhost:8042/b"),
        ("dicomweb:http://[::1]:8042/a", "dicomweb:http://localhost:8042/b"),
    ],
)
def test_in_shadow_what_is_or_may_be_the_archive_of_the_images_is_refused(
    source, target
):
    with pytest.raises(ParamsError, match="in shadow nothing is written where images"):
        results_address(source, target, Rollout.SHADOW)


def test_in_shadow_this_machine_by_its_own_name_is_this_machine():
    source = f"dicomweb:http://{socket.gethostname()}:8042/dicom-web"

    with pytest.raises(ParamsError, match="in shadow nothing is written where images"):
        results_address(source, "dicomweb:http://127.0.0.1:8042", Rollout.SHADOW)


def test_in_shadow_two_archives_of_one_host_are_told_apart_by_their_ports():
    source, target = (f"dicomweb:http://127.0.0.1:{port}/dicom-web" for port in (1, 2))

    assert results_address(source, target, Rollout.SHADOW) == target


def test_the_environment_comes_before_the_settings(monkeypatch):
    monkeypatch.setenv("CXR_ARCHIVE", PACS)
    monkeypatch.setenv("CXR_RESULTS_ARCHIVE", "folder:out")

    assert source_address("folder:in") == PACS
    assert results_named(ELSEWHERE) == "folder:out"
    assert results_address("folder:in", ELSEWHERE, Rollout.SHADOW) == "folder:out"


@pytest.mark.parametrize("wrong", ["dicomweb:https://host:port/x", "dimse:A@host:x"])
def test_an_address_without_a_port_that_is_one_is_refused(wrong):
    with pytest.raises(ParamsError, match="names no host and port"):
        results_address(PACS, wrong, Rollout.SHADOW)


def test_only_a_folder_has_a_folder():
    assert str(folder_of("folder:data/archive")) == "data/archive"
    assert folder_of(PACS) is None
