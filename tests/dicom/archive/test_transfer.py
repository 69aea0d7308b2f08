import pytest

from cxrmlops.dicom.archive.transfer import judge_status, name_of
from cxrmlops.system.errors import AccessError, RefusedError, ServiceError


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


def test_a_file_is_named_after_a_uid_without_telling_it():
    assert len({name_of("1.2.3"), name_of("1.2.30")}) == 2
    assert name_of("../1").isalnum()
