"""`trio_realtime.events`: which session events there are, and which of them the SDK has too."""

import dataclasses
import inspect
from typing import get_args

import pytest

from trio_realtime import ALL_EVENT_TYPES, SDK_EVENT_TYPES, RealtimeSessionEvent, SdkSessionEvent
from trio_realtime import events as events_module


def test_the_events_of_the_sdk_are_some_of_all() -> None:
    """As sets of names, and as unions of classes."""
    assert SDK_EVENT_TYPES < ALL_EVENT_TYPES
    assert set(get_args(SdkSessionEvent)) < set(get_args(RealtimeSessionEvent))
    assert len(get_args(SdkSessionEvent)) == 15


def test_every_event_class_can_be_delivered() -> None:
    """None is defined and then left out of the union; no two have one name."""
    defined = {
        cls
        for cls in vars(events_module).values()
        if inspect.isclass(cls)
        and cls.__module__ == events_module.__name__
        and hasattr(cls, "type")
    }
    assert defined == set(get_args(RealtimeSessionEvent))
    assert len(defined) == len(ALL_EVENT_TYPES)


def test_the_events_of_the_sdk_have_its_names() -> None:
    """Their classes and types are called as in the package that this one parallels."""
    peer = pytest.importorskip("agents.realtime.events")
    theirs = {
        (cls.__name__, field.default)
        for cls in get_args(peer.RealtimeSessionEvent)
        for field in dataclasses.fields(cls)
        if field.name == "type"
    }
    assert {(cls.__name__, cls.type) for cls in get_args(SdkSessionEvent)} == theirs
