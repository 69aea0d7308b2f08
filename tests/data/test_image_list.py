import os

import pytest

from cxrmlops.data.image_list import is_listed, list_images, read_include
from cxrmlops.system.errors import DataError


def make(folder, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"film")


def test_files_are_listed_by_path_whatever_their_names_and_depth(tmp_path):
    make(tmp_path, "b", "a/2.dcm", "a/deep/1", "c d/é.dcm")

    images = list_images(tmp_path)

    assert [image.path for image in images] == ["a/2.dcm", "a/deep/1", "b", "c d/é.dcm"]
    assert {image.bytes for image in images} == {4}
    assert all(image.named for image in images)


def test_links_are_followed_once(tmp_path):
    make(tmp_path, "real/1.dcm")
    (tmp_path / "real/loop").symlink_to(tmp_path)
    (tmp_path / "again").symlink_to(tmp_path / "real")

    assert len(list_images(tmp_path)) == 1


def test_a_link_to_nowhere_is_an_image_that_is_missed(tmp_path):
    (tmp_path / "lost.dcm").symlink_to(tmp_path / "nowhere")

    assert [(image.path, image.bytes) for image in list_images(tmp_path)] == [
        ("lost.dcm", 0)
    ]


def test_what_is_no_file_is_passed_over(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    assert list_images(tmp_path) == []


def test_the_report_table_among_the_images_is_no_image(tmp_path):
    make(tmp_path, "1.dcm", "reports.csv")

    images = list_images(tmp_path, skip=[tmp_path / "reports.csv"])

    assert [image.path for image in images] == ["1.dcm"]


def test_a_name_that_is_not_text_is_listed_as_such(tmp_path):
    (tmp_path / os.fsdecode(b"m\xfcller.dcm")).write_bytes(b"film")

    image = list_images(tmp_path)[0]

    assert (image.path, image.named) == ("m\\udcfcller.dcm", False)


def test_a_missing_folder_is_one_sentence(tmp_path):
    with pytest.raises(DataError, match="there is no folder .*/nowhere here"):
        list_images(tmp_path / "nowhere")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_closed_folder_stops_and_is_counted(tmp_path):
    make(tmp_path, "closed/1.dcm")
    (tmp_path / "closed").chmod(0)

    with pytest.raises(DataError, match=r"1 folder\(s\) below"):
        list_images(tmp_path)

    (tmp_path / "closed").chmod(0o700)


def test_a_list_names_images_by_path_or_by_name(tmp_path):
    listing = tmp_path / "list.txt"
    listing.write_text("\ufeff# balanced\n\n a/1.png \n2.png\n")

    include = read_include(listing)

    assert is_listed("a/1.png", include)
    assert is_listed("deep/er/2.png", include)
    assert not is_listed("1.png", include)
    assert is_listed("1.png", None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no file"),
        (b"# nothing\n", "names no film"),
        (b"\xff\xfe1\x00", "not UTF-8"),
    ],
)
def test_a_list_that_cannot_be_read_says_what_to_do(tmp_path, content, message):
    listing = tmp_path / "list.txt"
    if content is not None:
        listing.write_bytes(content)

    with pytest.raises(DataError, match=message):
        read_include(listing)
