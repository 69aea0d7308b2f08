import json
from dataclasses import replace

import pytest

from cxrmlops.system.errors import BundleError
from cxrmlops.vocabulary.scope import Scope, make_scope, require_scope

SCOPE = make_scope(
    ["Thorax ", "CHEST"], min_age_years=18, max_file_mib=1, max_pixels=100
)


def test_a_scope_survives_json():
    assert Scope.from_json(json.loads(json.dumps(SCOPE.to_json()))) == SCOPE


def test_order_and_case_of_chest_words_say_nothing():
    again = make_scope(
        ["chest", "THORAX"], min_age_years=18.0, max_file_mib=1, max_pixels=100
    )

    require_scope("m", SCOPE, again)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("min_age_years", 6.0),
        ("chest_words", ("CHEST",)),
        ("max_bytes", 1),
        ("max_pixels", 1),
        ("views", ("PA",)),
    ],
)
def test_another_scope_is_refused_and_named(name, value):
    with pytest.raises(BundleError, match=name):
        require_scope("m", SCOPE, replace(SCOPE, **{name: value}))


@pytest.mark.parametrize("spoil", [{"extra": 1}, {"views": None}])
def test_what_is_no_scope_is_refused(spoil):
    content = SCOPE.to_json() | spoil
    content = {k: v for k, v in content.items() if v is not None}

    with pytest.raises(BundleError, match="train again"):
        Scope.from_json(content)
