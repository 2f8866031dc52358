"""The page of a proof, in a browser."""

import pytest

from tests.browser import browser, check_report, chromium  # noqa: F401
from tests.conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.real_part]


@pytest.mark.parametrize("name", ["mien-pico-int8", "mien-nano-int8", "mien-small-int8", "mien-small-ferplus-int8"])
def test_a_proof_fits_a_phone_and_has_a_dark_mode(browser, name):  # noqa: F811
    check_report(browser, ROOT / "docs" / "proofs" / f"{name}-proof.html")
