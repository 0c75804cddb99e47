"""What is wrong in the environment is named, and is never a traceback."""

import pytest

from careline_runtime.errors import Misconfigured
from careline_runtime.settings import ServiceSettings


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("CARELINE_LOG_LEVEL", "LOUD", "CARELINE_LOG_LEVEL: Input should be 'DEBUG', 'INFO'"),
        ("CARELINE_LOG_FORMAT", "xml", "CARELINE_LOG_FORMAT: Input should be"),
        ("CARELINE_ATTEMPTS", "0", "CARELINE_ATTEMPTS: Input should be greater"),
        ("HTTP_PORT_SCORING", "eighty", "http_port: Input should be a valid integer"),
    ],
)
def test_a_wrong_setting_is_named(
    name: str, value: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured, match=f"^environment of scoring: {words}"):
        ServiceSettings.for_service("scoring")
