import json

import pytest

from cxrmlops.operations.backup_manifest import describe, read_manifest
from cxrmlops.system.errors import DataError


def test_every_file_but_the_manifest_is_described_by_hash_and_size(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b").write_text("abc")
    (tmp_path / "manifest.json").write_text("{}")

    (name,) = found = describe(tmp_path)

    assert (name, found[name].bytes) == ("a/b", 3)
    assert found[name].sha256.startswith("ba7816bf8f01cfea")  # FIPS 180-2 B.1


@pytest.mark.parametrize("content", [{}, {"format": 2}, [], "x"])
def test_a_manifest_of_another_format_is_refused(tmp_path, content):
    (tmp_path / "manifest.json").write_text(json.dumps(content))

    with pytest.raises(DataError, match="cannot be read by this version"):
        read_manifest(tmp_path)
