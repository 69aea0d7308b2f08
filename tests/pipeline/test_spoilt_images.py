"""Films spoilt at random: scored or refused with a reason, the night goes on."""

import os
from hashlib import sha256

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cxrmlops.system.workers import WorkerLimits, map_isolated
from cxrmlops.vocabulary.reasons import REASONS
from tests.hostile import ENCODINGS, SPOILS, Verdict, good_image, judge, spoil_bytes

pytestmark = pytest.mark.integration

MAX_SECONDS = 8.0
MAX_MEGABYTES = 1024
WORKER_LIMITS = WorkerLimits(seconds=30, bytes=4 * 2**30)
SOME = settings(
    deadline=None,
    max_examples=50,
    derandomize=True,  # the same films every time
    database=None,
    suppress_health_check=list(HealthCheck),
)
MANY = settings(
    SOME,
    max_examples=int(os.environ.get("CXR_SOAK_IMAGES", "4000")),
    derandomize=False,
)


class ImageBytes(bytes):
    """A film that hypothesis can name: the whole of one is too long for a message."""

    def __repr__(self) -> str:
        return f"Film of {len(self)} bytes, {self.name}"

    @property
    def name(self) -> str:
        return f"{sha256(self).hexdigest()[:16]}.film"


@st.composite
def spoilt_images(draw) -> ImageBytes:
    """Draw a good film in some encoding and spoil it in one to four ways."""
    image = good_image(draw(st.sampled_from(sorted(ENCODINGS))))
    rng = draw(st.randoms(use_true_random=False))
    for spoil in draw(st.lists(st.sampled_from(SPOILS), min_size=1, max_size=4)):
        image = spoil(image, rng)
    content = image.encoded()
    return ImageBytes(
        spoil_bytes(content, rng) if draw(st.integers(0, 4)) == 0 else content
    )


def judged(content: ImageBytes, folder) -> Verdict:
    path = folder / content.name
    path.write_bytes(content)
    (done,) = map_isolated(judge, [path], workers=1, ahead=1, limits=WORKER_LIMITS)
    assert done.output is not None, (done.why, path)
    return done.output


def check(content: ImageBytes, folder) -> None:
    """Judge a film; the file of one that fails is left to look at."""
    verdict = judged(content, folder)

    assert verdict.wrong == ""
    assert verdict.reason in {"", *REASONS}
    assert verdict.seconds < MAX_SECONDS
    assert verdict.megabytes < MAX_MEGABYTES
    (folder / content.name).unlink()


@pytest.mark.parametrize("encoding", sorted(ENCODINGS))
def test_the_images_are_good_before_they_are_spoilt(tmp_path, encoding):
    verdict = judged(ImageBytes(good_image(encoding).encoded()), tmp_path)

    assert (verdict.reason, verdict.wrong, verdict.objects) == ("", "", 3)


@SOME
@given(spoilt_images())
def test_no_spoilt_image_raises_hangs_eats_memory_or_lacks_its_report(
    tmp_path_factory, content
):
    check(content, tmp_path_factory.getbasetemp())


@pytest.mark.soak
@pytest.mark.timeout(7200)
@MANY
@given(spoilt_images())
def test_none_of_thousands_of_spoilt_images_does(tmp_path_factory, content):
    check(content, tmp_path_factory.getbasetemp())
