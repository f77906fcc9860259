"""A certificate authority for the whole session of tests."""

from __future__ import annotations

import pytest

from tests.services.delivery.receivers import Authority, authority


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("ca"))
