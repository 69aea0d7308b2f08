import pytest

from cxrmlops.backlog.database import open_database
from flows.clean_up import clean_up

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("prefect", "project")]


@pytest.mark.parametrize("delete", [True, False])
def test_the_flow_says_what_it_removed(delete):
    open_database().dispose()

    assert clean_up(older_than=30, delete=delete) == "nothing to remove"
