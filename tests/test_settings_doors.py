"""Bad settings of every kind: always a `SettingsError` that names the place, and nothing else."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import attrs
import pytest

from trio_realtime import config
from trio_realtime.agents.agent import RealtimeAgent
from trio_realtime.agents.guardrails import GuardrailFunctionOutput, output_guardrail
from trio_realtime.agents.hooks import RealtimeAgentHooks, RealtimeRunHooks
from trio_realtime.agents.mcp import MCPServerStdioParams
from trio_realtime.config import (
    RealtimeAudioOutputConfig,
    RealtimeModelConfig,
    RealtimeModelTracingConfig,
    RealtimePrompt,
    RealtimeRunConfig,
    RealtimeSessionModelSettings,
    RealtimeTurnDetectionConfig,
    structure,
)
from trio_realtime.errors import SettingsError
from trio_realtime.models.transports.text_transport import TransportSettings
from trio_realtime.telephony.settings import TwilioSettings


def refusal(make: Callable[[], object]) -> SettingsError:
    """The error of making a settings object."""
    with pytest.raises(SettingsError) as caught:
        make()
    return caught.value


@pytest.mark.parametrize(
    ("cls", "given", "message"),
    [
        (RealtimeRunConfig, {"evnts": "all"}, "evnts: unknown setting; did you mean 'events'?"),
        (
            RealtimeModelConfig,
            {"apikey": "sk"},
            "apikey: unknown setting; did you mean 'api_key'?",
        ),
        (
            RealtimeTurnDetectionConfig,
            {"type": "server_vad", "treshold": 0.5},
            "treshold: unknown setting; did you mean 'threshold'?",
        ),
        (RealtimePrompt, {"version": "2"}, "id: is required"),
        (RealtimePrompt, {"idd": "p"}, "idd: unknown setting; did you mean 'id'?"),
        (TransportSettings, {"ping_intervall": 1}, "did you mean 'ping_interval'?"),
        (TwilioSettings, {"start_timeot": 1}, "did you mean 'start_timeout'?"),
        (MCPServerStdioParams, {"comand": "x"}, "did you mean 'command'?"),
        (RealtimeRunConfig, {"x" * 100: 1}, f"{'x' * 40}...: unknown setting; expected one of"),
    ],
    ids=str,
)
def test_a_wrong_keyword_is_refused_as_a_wrong_key_is(
    cls: type, given: dict[str, Any], message: str
) -> None:
    """Called directly, a class names the setting that was meant, as it does for a mapping."""
    assert message in str(refusal(lambda: cls(**given)))
    assert message in str(refusal(lambda: structure(cls, given)))


def test_a_wrong_keyword_in_a_change_of_settings_is_refused() -> None:
    """`attrs.evolve` is a way to make settings too."""
    error = refusal(lambda: attrs.evolve(RealtimeRunConfig(), evnts="all"))  # type: ignore[call-arg]
    assert str(error) == "evnts: unknown setting; did you mean 'events'?"


def test_every_wrong_keyword_is_told() -> None:
    """The first is raised, the others are notes on it."""
    error = refusal(lambda: RealtimePrompt(idd="p", verson="2"))  # type: ignore[call-arg]
    assert str(error).startswith("idd: unknown setting")
    assert error.__notes__ == [
        "also verson: unknown setting; did you mean 'version'?",
        "also id: is required",
    ]


def test_settings_are_given_by_name() -> None:
    """A mapping given by position is no set of keywords."""
    make: Any = RealtimeRunConfig
    assert "given by name" in str(refusal(lambda: make({"events": "all"})))


def test_a_type_error_of_the_application_stays_what_it_is() -> None:
    """Only wrong names are reported as wrong names."""

    class Broken(Mapping[str, Any]):
        def __getitem__(self, key: str) -> Any: ...
        def __len__(self) -> int:
            return 1

        def __iter__(self) -> Iterator[str]:
            raise TypeError("not today")

    error = refusal(lambda: RealtimeModelConfig(headers=Broken()))
    assert str(error) == "headers: cannot be read: it raised TypeError"
    assert isinstance(error.__cause__, TypeError)


@output_guardrail
def polite(context: Any, agent: Any, text: str) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput()


@pytest.mark.parametrize(
    ("cls", "given", "message"),
    [
        (RealtimeRunConfig, {"hooks": object()}, "hooks: expected RealtimeRunHooks or None, got"),
        (RealtimeRunConfig, {"hooks": RealtimeRunHooks}, "hooks: expected RealtimeRunHooks"),
        (RealtimeRunConfig, {"hooks": RealtimeAgentHooks()}, "hooks: expected RealtimeRunHooks"),
        (RealtimeRunConfig, {"output_guardrails": polite}, "output_guardrails: expected a seq"),
        (
            RealtimeRunConfig,
            {"output_guardrails": [lambda *_: None]},
            "output_guardrails[0]: expected OutputGuardrail, got function; put @output_guard",
        ),
        (
            RealtimeRunConfig,
            {"input_guardrails": [polite]},
            "input_guardrails[0]: expected InputGuardrail, got OutputGuardrail",
        ),
        (
            RealtimeModelConfig,
            {"playback_tracker": object()},
            "playback_tracker: expected RealtimePlaybackTracker or None, got object",
        ),
        (
            RealtimeModelConfig,
            {"transport": "websockets"},
            "transport: expected TransportSettings or a mapping, got str",
        ),
        (RealtimeSessionModelSettings, {"tools": [print]}, "tools[0]: expected FunctionTool or"),
        (
            RealtimeSessionModelSettings,
            {"handoffs": [polite, RealtimeAgent("a")]},
            "handoffs[0]: expected RealtimeAgent or Handoff, got OutputGuardrail",
        ),
    ],
    ids=str,
)
def test_objects_of_the_wrong_kind_are_refused_when_they_are_given(
    cls: type, given: dict[str, Any], message: str
) -> None:
    """Hooks, guardrails, trackers and tools are checked like every other setting."""
    assert str(refusal(lambda: cls(**given))).startswith(message)


def test_objects_of_the_right_kind_are_taken() -> None:
    """The same settings with what they are for."""
    hooks: RealtimeRunHooks[Any] = RealtimeRunHooks()
    own = RealtimeRunConfig(hooks=hooks, output_guardrails=[polite])
    assert own.hooks is hooks
    assert own.output_guardrails == [polite]


# -- what no wire can carry, and what cannot even be looked at ------------------------------------
HUGE = 10**5000


def nested(levels: int, wrap: Callable[[Any], Any]) -> Any:
    """``None`` inside so many lists or mappings."""
    value: Any = None
    for _ in range(levels):
        value = wrap(value)
    return value


def test_free_json_has_a_depth() -> None:
    """Deeper than anybody writes is an error with a reason, not of the stack."""
    RealtimeModelTracingConfig(metadata=nested(60, lambda inner: [inner]))
    for wrap in (lambda inner: [inner], lambda inner: {"a": inner}):
        for levels in (70, 100_000):
            value = nested(levels, wrap)
            error = refusal(partial(RealtimeModelTracingConfig, metadata=value))
            assert str(error).endswith("nested too deeply; at most 64 levels can be sent")
    loop: dict[str, Any] = {}
    loop["a"] = loop
    assert "nested too deeply" in str(refusal(lambda: RealtimeModelTracingConfig(metadata=loop)))


@pytest.mark.parametrize("number", [HUGE, -HUGE, 2**64, -(2**63) - 1], ids=["+", "-", "65", "64"])
def test_numbers_that_cannot_be_sent_are_refused(number: int) -> None:
    """The encoder of the wire takes 64 bits; what it would refuse is refused at the door."""
    for make in (
        lambda: RealtimeModelTracingConfig(metadata={"a": number}),
        lambda: RealtimeAudioOutputConfig(speed=number),
        lambda: RealtimeModelConfig(response_timeout=number),
        lambda: RealtimeRunConfig(event_buffer_size=number),
    ):
        assert "expected an int of at most 64 bits" in str(refusal(make))


def test_text_that_cannot_be_sent_is_refused() -> None:
    """Half of a character has no UTF-8."""
    half = "half an emoji: \ud83d"
    for make, path in (
        (lambda: RealtimeSessionModelSettings(instructions=half), "instructions"),
        (lambda: RealtimeModelTracingConfig(metadata=[half]), "metadata[0]"),
        (lambda: RealtimeModelConfig(headers={"x": half}), "headers.x"),
    ):
        error = refusal(make)
        assert error.path == path
        assert "half an emoji" not in str(error)
    RealtimeSessionModelSettings(instructions="a whole one: 😀")


class Unprintable:
    """An object that cannot be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no")

    __str__ = __repr__


class Unequal:
    """An object that cannot be compared, nor be a key."""

    def __eq__(self, other: object) -> bool:
        raise ValueError("no")

    __hash__ = None  # type: ignore[assignment]


class Unreadable(Mapping[Any, Any]):
    """A mapping that does not keep what it promises."""

    def __getitem__(self, key: Any) -> Any:
        raise KeyError(key)

    def __iter__(self) -> Iterator[Any]:
        return iter([1, 2])

    def __len__(self) -> int:
        return 2


ODD: list[Any] = [
    nested(100_000, lambda inner: [inner]),
    nested(100_000, lambda inner: {"a": inner}),
    HUGE,
    float("nan"),
    Unprintable(),
    Unequal(),
    Unreadable(),
    {Unprintable(): 1},
    {1: 2},
    {"": 1},
    {"x" * 100_000: 1},
    "\ud800",
    [Unequal()],
    {"type": Unequal()},
    {"type": []},
    {"type": "audio/pcm", "rate": HUGE},
    {"a": {"type": "input_text", "text": nested(100_000, lambda inner: [inner])}},
    {"a": Unprintable()},
    {"input": {"turn_detection": {"type": []}}},
    iter([]),
    type,
]
SETTINGS: list[Any] = [
    cls
    for cls in (getattr(config, name) for name in config.__all__)
    if isinstance(cls, type) and attrs.has(cls)
]


def show_or_refuse(make: Callable[[], object]) -> None:
    """Make settings and show them; a `SettingsError` is as good."""
    with contextlib.suppress(SettingsError):
        repr(make())


@pytest.mark.parametrize("cls", SETTINGS)
def test_no_odd_value_raises_anything_but_a_settings_error(cls: Any) -> None:
    """Whatever is given for whatever setting: it is taken and can be shown, or it is refused."""
    for value in ODD:
        show_or_refuse(partial(structure, cls, value))
        for field in attrs.fields(cls):
            given = {field.name: value}
            show_or_refuse(partial(cls, **given))
            show_or_refuse(partial(structure, cls, given))
