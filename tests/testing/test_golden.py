"""The golden suite against the finished artifacts of every provider that is here."""

import pytest

from polyfn.testing import ProviderConformance

# Making a bundle takes its time.
pytestmark = pytest.mark.timeout(300)


class TestAws(ProviderConformance):
    target = "aws"


class TestGcp(ProviderConformance):
    target = "gcp"


class TestAzure(ProviderConformance):
    target = "azure"
