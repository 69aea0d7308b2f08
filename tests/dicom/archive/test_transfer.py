import pytest

from cxrmlops.dicom.archive.transfer import is_uid, judge_status, name_of
from cxrmlops.errors import AccessError, RefusedError, ServiceError


@pytest.mark.parametrize(
    ("status", "receipt"),
    [
        (0x0000, "stored, status 0000H"),
        (0xB000, "stored with a warning, status B000H"),
        (0xB007, "stored with a warning, status B007H"),
        (0x0111, "present, status 0111H"),
    ],
)
def test_what_the_archive_has_gets_a_receipt(status, receipt):
    assert judge_status(status, where="PACS") == receipt


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (0xA700, ServiceError),  # out of resources
        (0xA7FF, ServiceError),
        (0x0110, ServiceError),  # processing failure
        (0x0124, AccessError),  # not authorised
        (0xA900, RefusedError),  # data set does not match SOP class
        (0xC000, RefusedError),  # cannot understand
        (0x0122, RefusedError),  # SOP class not supported
    ],
)
def test_only_what_a_second_try_can_mend_may_be_repeated(status, error):
    with pytest.raises(error, match=f"PACS .*{status:04X}H") as raised:
        judge_status(status, where="PACS")

    assert isinstance(raised.value, ServiceError) == (error is ServiceError)


@pytest.mark.parametrize("found", ["1.2.840.10008", "2.25.1", "1"])
def test_a_uid_is_digits_and_dots(found):
    assert is_uid(found)


@pytest.mark.parametrize("found", ["", "1..2", "../../etc", "1.2\\1.3", "1." * 40, "a"])
def test_what_is_no_uid_goes_into_no_address(found):
    assert not is_uid(found)


def test_a_file_is_named_after_a_uid_without_telling_it():
    assert len({name_of("1.2.3"), name_of("1.2.30")}) == 2
    assert name_of("../1").isalnum()
