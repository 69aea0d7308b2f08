"""Headers within limits."""

import datetime as dt
import hashlib
import io
import math
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import dcmwrite
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from cxrmlops.dicom.read.headers import (
    DicomFile,
    describe,
    read_header,
    read_identity,
    read_whole,
)
from cxrmlops.dicom.read.source import Limits, opened
from cxrmlops.system.errors import Rejected
from tests.make import make_chest_image, save_image


def nested(depth: int) -> Dataset:
    item = Dataset()
    item.CodeValue = "X"
    for _ in range(depth):
        outer = Dataset()
        outer.ReferencedImageSequence = Sequence([item])
        item = outer
    return item


def without_meta(image: Dataset, path: Path, syntax: str) -> Path:
    """Write the bare dataset, as ACR-NEMA senders do."""
    implicit, little = syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian
    file = io.BytesIO()
    bare = Dataset(image)
    dcmwrite(file, bare, implicit_vr=implicit, little_endian=little)
    path.write_bytes(file.getvalue())
    return path


def test_a_header_has_everything_but_pixels(tmp_path):
    path = save_image(make_chest_image(), tmp_path / "film")

    header = read_header(path)

    assert "PixelData" not in header
    assert header.PatientName == "Canary^Tweety"
    assert "PixelData" in read_whole(path)


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian]
)
def test_a_file_without_preamble_is_read_and_its_syntax_guessed(tmp_path, syntax):
    path = without_meta(make_chest_image(), tmp_path / "film", syntax)

    header = describe(read_header(path))

    assert header.transfer_syntax_uid == syntax
    assert header.view == "PA"
    assert (header.rows, header.columns) == (4, 8)


def test_a_deflated_image_is_read(tmp_path):
    image = make_chest_image()
    image.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    path = save_image(image, tmp_path / "film")

    assert describe(read_header(path)).patient_id == "MRN-1"
    assert len(read_whole(path).PixelData) == 64


@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, None]
)
def test_what_is_kept_of_a_header_reads_like_the_header_of_the_file(tmp_path, syntax):
    image = make_chest_image()
    image.file_meta.TransferSyntaxUID = syntax or ExplicitVRBigEndian
    path = tmp_path / "film"
    if syntax is None:
        without_meta(image, path, ExplicitVRBigEndian)
    else:
        save_image(image, path)
    with opened(path) as source:
        file = DicomFile(source)
        kept = file.header_bytes()
        assert "PixelData" in file.with_pixels()  # reading goes on where it was
    (tmp_path / "kept").write_bytes(kept)

    assert b"PixelData" not in kept
    assert len(kept) < path.stat().st_size + 400
    assert read_header(tmp_path / "kept") == read_header(path)


def test_content_is_the_hash_of_the_bytes_and_the_image_can_be_read_behind_it(tmp_path):
    path = save_image(make_chest_image(), tmp_path / "film")

    with opened(path) as source:
        content = source.content()
        header = DicomFile(source).header

    assert content == hashlib.sha256(path.read_bytes()).hexdigest()
    assert header.Rows == 4


def test_who_an_image_is_of_is_told_without_the_rest_of_its_header(tmp_path):
    path = save_image(make_chest_image(), tmp_path / "film")
    whole = describe(read_header(path))
    content = path.read_bytes()
    beyond = content.index(b"\x28\x00\x10\x00US")  # Rows
    path.write_bytes(content[:beyond])

    with opened(path) as source:
        found = read_identity(source)

    assert found.study_instance_uid == whole.study_instance_uid
    assert found.sop_instance_uid == whole.sop_instance_uid
    assert found.patient_id == whole.patient_id
    assert found.rows == 0


def test_who_an_image_is_of_is_told_even_if_its_attributes_do_not_ascend(tmp_path):
    path = save_image(make_chest_image(), tmp_path / "film")
    content = path.read_bytes()
    start = content.index(b"\x08\x00\x16\x00UI")
    late = content.index(b"\x28\x00\x02\x00US")
    end = content.index(b"\xe0\x7f\x10\x00OW")
    path.write_bytes(
        content[:start] + content[late:end] + content[start:late] + content[end:]
    )

    with opened(path) as source:
        found = read_identity(source)

    assert found.study_instance_uid == make_chest_image().StudyInstanceUID
    assert found.rows == 4


def test_a_deflate_bomb_is_refused_before_it_has_grown(tmp_path):
    image = make_chest_image()
    image.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    path = save_image(image, tmp_path / "film")
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    content = path.read_bytes()
    head = content[: 144 + int.from_bytes(content[140:144], "little")]
    zeros = b"\0" * (1 << 20)
    body = b"".join(packer.compress(zeros) for _ in range(64)) + packer.flush()
    path.write_bytes(head + body)

    with pytest.raises(Rejected, match="inflates to more than") as refused:
        read_header(path)

    assert refused.value.reason == "too_large"


def test_sequences_may_nest_up_to_the_limit_and_no_further(tmp_path):
    shallow, deep = make_chest_image(), make_chest_image()
    shallow.ReferencedImageSequence = Sequence([nested(4)])
    deep.ReferencedImageSequence = Sequence([nested(5)])
    limits = Limits(max_nesting=5)

    read_header(save_image(shallow, tmp_path / "shallow"), limits=limits)

    with pytest.raises(Rejected, match="sequences nest beyond 5"):
        read_header(save_image(deep, tmp_path / "deep"), limits=limits)


def test_32_sequences_within_each_other_are_read_unless_told_otherwise(tmp_path):
    image = make_chest_image()
    image.ReferencedImageSequence = Sequence([nested(31)])

    read_header(save_image(image, tmp_path / "film"))


@pytest.mark.parametrize("defined_length", [True, False])
def test_a_nesting_bomb_is_refused(tmp_path, defined_length):
    body = b""
    for _ in range(2000):
        if defined_length:
            item = b"\xfe\xff\x00\xe0" + len(body).to_bytes(4, "little") + body
            size = len(item).to_bytes(4, "little")
            body = b"\x08\x00\x40\x11SQ\0\0" + size + item
        else:
            end = b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
            open_ended = b"\xff" * 4 + b"\xfe\xff\x00\xe0" + b"\xff" * 4
            body = b"\x08\x00\x40\x11SQ\0\0" + open_ended + body + end
    path = save_image(make_chest_image(), tmp_path / "film")
    head = path.read_bytes()
    at = head.index(b"\x08\x00\x05\x00CS") if b"\x08\x00\x05\x00CS" in head else None
    at = head.index(b"\x08\x00\x08\x00CS") if at is None else at
    path.write_bytes(head[:at] + body + head[at:])

    with pytest.raises(Rejected) as refused:
        read_header(path)

    assert refused.value.reason == "unreadable"


def test_pixels_announced_longer_than_the_file_are_refused_and_its_header_is_read(
    tmp_path,
):
    path = save_image(make_chest_image(), tmp_path / "film")
    content = path.read_bytes()
    at = content.index(b"\xe0\x7f\x10\x00OW") + 8
    path.write_bytes(content[:at] + b"\xf0\xff\xff\xff" + content[at + 4 :])

    assert read_header(path).Rows == 4
    with pytest.raises(Rejected, match="undecodable.*longer than the file"):
        read_whole(path)


def test_a_file_beyond_the_limit_is_refused_unread(tmp_path):
    path = save_image(make_chest_image(), tmp_path / "film")

    with pytest.raises(Rejected, match="file of .* bytes") as refused:
        read_header(path, limits=Limits(max_bytes=100))

    assert refused.value.reason == "too_large"


def test_a_header_of_endless_attributes_is_refused(tmp_path):
    path = save_image(make_chest_image(), tmp_path / "film")
    many = b"".join(
        b"\x09\x00" + n.to_bytes(2, "little") + b"LO\0\0" for n in range(16, 4000)
    )
    content = path.read_bytes()
    at = content.index(b"\x10\x00\x10\x00PN")
    path.write_bytes(content[:at] + many + content[at:])

    read_header(path)
    with pytest.raises(Rejected, match="more attributes than any film has"):
        read_header(path, limits=Limits(max_reads=2000))


@pytest.mark.parametrize("content", [b"", b"\0" * 4096, b"text " * 200, b"\xff" * 999])
def test_what_is_no_dicom_is_refused(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)

    with pytest.raises(Rejected) as refused:
        read_header(path)

    assert refused.value.reason in ("not_dicom", "unreadable")


def test_a_missing_file_and_a_folder_are_unreadable(tmp_path):
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(Rejected) as refused:
            read_header(path)
        assert refused.value.reason == "unreadable"
        assert str(tmp_path) not in str(refused.value)


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_no_damage_to_a_header_raises_anything_but_rejected(tmp_path, data):
    image = make_chest_image(SOPInstanceUID="1.2.3.4.5")
    image.ViewCodeSequence = Sequence([nested(2)])
    content = bytearray(save_image(image, tmp_path / "film").read_bytes())
    places = st.integers(128, len(content) - 1)
    for at in data.draw(st.lists(places, min_size=1, max_size=20)):
        content[at] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged"
    path.write_bytes(content[: data.draw(st.integers(100, len(content)))])

    with suppress(Rejected):
        describe(read_header(path))


def test_a_value_that_does_not_convert_is_left_out(tmp_path):
    image = make_chest_image()
    path = save_image(image, tmp_path / "film")
    content = path.read_bytes()
    at = content.index(b"\x28\x00\x02\x01US")
    odd = b"\x28\x00\x01\x10US\x03\x00abc"  # three bytes hold no 16-bit number
    path.write_bytes(content[:at] + odd + content[at:])

    header = read_header(path)

    assert (0x0028, 0x1001) not in header
    assert header.HighBit == 11
    assert header.PatientID == "MRN-1"


def test_a_header_is_described_in_plain_values(tmp_path):
    image = make_chest_image(
        IssuerOfPatientID="North", SeriesDescription="Chest AP portable", BitsStored=12
    )
    image.ViewPosition = "AP"

    header = describe(read_header(save_image(image, tmp_path / "film")))

    assert header.issuer_of_patient_id == "North"
    assert header.study_date == dt.date(2017, 6, 1)
    assert (header.view, header.portable, header.sex) == ("AP", "yes", "F")
    assert header.age_years == 50
    assert (header.rows, header.columns, header.bits_stored) == (4, 8, 12)
    assert header.modality == "DX"


def test_what_the_header_does_not_say_is_unknown(tmp_path):
    image = make_chest_image()
    for keyword in ("PatientSex", "PatientAge", "ViewPosition", "StudyDate", "Rows"):
        delattr(image, keyword)

    header = describe(read_header(save_image(image, tmp_path / "film")))

    assert (header.sex, header.view, header.portable) == ("unknown",) * 3
    assert header.study_date is None
    assert math.isnan(header.age_years)
    assert header.rows == 0


def test_hostile_text_stays_text(tmp_path):
    image = make_chest_image(PatientID="a\\b\n\t;DROP TABLE", Manufacturer="../../etc")

    header = describe(read_header(save_image(image, tmp_path / "film")))

    assert header.patient_id == "a\\b\n\t;DROP TABLE"
    assert header.manufacturer == "../../etc"


@pytest.mark.parametrize("term", ["undefined", "zip", "idna", "ISO_IR 999"])
def test_a_character_set_that_nobody_knows_leaves_text_or_nothing(tmp_path, term):
    image = make_chest_image(SpecificCharacterSet="ISO_IR 192")
    path = save_image(image, tmp_path / "film")
    said = term.ljust(10).encode()
    path.write_bytes(path.read_bytes().replace(b"ISO_IR 192", said))

    name = read_header(path).get("PatientName", "")

    assert isinstance(str(name), str)
    assert type(name) is not list


def test_private_attributes_stay_outside(tmp_path):
    image = make_chest_image()
    image.private_block(0x0019, "VENDOR", create=True).add_new(0x01, "LO", "x")

    header = read_header(save_image(image, tmp_path / "film"))

    assert not any(element.tag.is_private for element in header)


@pytest.mark.parametrize("vr", ["SQ", "UC"])
def test_a_value_of_endless_parts_is_refused_before_they_are_made(tmp_path, vr):
    image = make_chest_image()
    path = save_image(image, tmp_path / "film")
    parts = b"\xfe\xff\x00\xe0\0\0\0\0" if vr == "SQ" else b"\\" * 8
    many = parts * 50_000
    one = b"\x08\x00\x40\x11" + vr.encode() + b"\0\0"
    one += len(many).to_bytes(4, "little") + many
    content = path.read_bytes()
    at = content.index(b"\x10\x00\x10\x00PN")
    path.write_bytes(content[:at] + one + content[at:])

    with pytest.raises(Rejected, match="more values than any film has") as refused:
        read_header(path, limits=Limits(max_values=40_000))

    assert refused.value.reason == "too_large"


@pytest.mark.parametrize("surplus", [2, 4, 6])
def test_a_sequence_longer_than_it_is_makes_a_file_unreadable(tmp_path, surplus):
    image = make_chest_image()
    image.ProcedureCodeSequence = Sequence([nested(0)])
    content = bytearray(save_image(image, tmp_path / "film").read_bytes())
    at = content.index(b"\x08\x00\x32\x10SQ") + 8
    length = int.from_bytes(content[at : at + 4], "little")
    content[at : at + 4] = (length + surplus).to_bytes(4, "little")
    path = tmp_path / "longer"
    path.write_bytes(content)

    with pytest.raises(Rejected) as refused:
        read_header(path)

    assert refused.value.reason == "unreadable"


def test_a_header_that_is_cut_is_unreadable_and_not_a_file_without_picture(tmp_path):
    content = save_image(make_chest_image(), tmp_path / "film").read_bytes()
    path = tmp_path / "cut"
    path.write_bytes(content[: content.index(b"Canary") + 3])

    with pytest.raises(Rejected, match="longer than the file") as refused:
        read_header(path)

    assert refused.value.reason == "unreadable"


def test_a_deflated_image_cut_within_its_pixels_is_refused(tmp_path):
    image = make_chest_image()
    image.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    content = save_image(image, tmp_path / "film").read_bytes()
    start = 144 + int.from_bytes(content[140:144], "little")
    whole = zlib.decompress(content[start:], -zlib.MAX_WBITS)
    at = whole.index(b"\xe0\x7f\x10\x00OW")
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    body = packer.compress(whole[: at + 12 + 40]) + packer.flush()
    path = tmp_path / "cut"
    path.write_bytes(content[:start] + body)

    assert read_header(path).Rows == 4
    with pytest.raises(Rejected, match="undecodable.*longer than the file"):
        read_whole(path)
