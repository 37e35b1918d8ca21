"""`trio_realtime.config_dicts`: the typed dictionaries have the keys of the settings classes."""

from typing import Any

import attrs
import pytest

from trio_realtime import (
    RealtimeModelConfig,
    RealtimeModelConfigDict,
    RealtimeRunConfig,
    RealtimeRunConfigDict,
    RealtimeSessionModelSettings,
    RealtimeSessionModelSettingsDict,
)
from trio_realtime.config import structure

LENT_BY_SESSIONS = {"playback"}
"""Fields that the library fills in itself and no application gives."""


@pytest.mark.parametrize(
    ("keys", "settings"),
    [
        (RealtimeModelConfigDict, RealtimeModelConfig),
        (RealtimeRunConfigDict, RealtimeRunConfig),
        (RealtimeSessionModelSettingsDict, RealtimeSessionModelSettings),
    ],
)
def test_the_keys_are_the_fields_of_the_class(keys: Any, settings: Any) -> None:
    """None is forgotten, none is invented, and each may be left out."""
    fields = {field.name for field in attrs.fields(settings)} - LENT_BY_SESSIONS
    assert keys.__optional_keys__ == fields
    assert keys.__required_keys__ == set()


def test_such_a_mapping_is_taken_as_settings() -> None:
    """It is a plain dictionary."""
    config: RealtimeModelConfigDict = {
        "url": "wss://example.org",
        "initial_model_settings": {"voice": "ash", "turn_detection": {"type": "server_vad"}},
    }
    assert structure(RealtimeModelConfig, config) == RealtimeModelConfig(
        url="wss://example.org",
        initial_model_settings=structure(
            RealtimeSessionModelSettings,
            {"voice": "ash", "turn_detection": {"type": "server_vad"}},
        ),
    )
