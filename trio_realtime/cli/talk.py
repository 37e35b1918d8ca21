"""``trio-realtime talk``: connects a server, a session, the user's side and the display."""

import sys
from collections.abc import AsyncGenerator
from contextlib import ExitStack
from typing import Any, TextIO

import trio

from ..agents.agent import RealtimeAgent
from ..events import RealtimeError
from ..sessions.run_config import ALL_EVENT_TYPES
from ..sessions.runner import RealtimeRunner
from .arguments import Options
from .failures import CommandError
from .floor import Floor, describe
from .recordings import Answer, Recording, check_can_save, open_recording
from .servers import Server, open_server
from .show import Show
from .sound_card import SoundCard, find_sound_card
from .speaking import Conversation, given_lines, speak_lines, speak_recording, typed_lines


async def talk(options: Options) -> None:
    """Hold the conversation that the options describe. Files and devices are checked first.

    Raises:
        CommandError: a file, a device or the server failed.
        TrioRealtimeError: the session failed, or a setting is wrong.
    """
    if options.save is not None:
        check_can_save(options.save)
    with ExitStack() as files:
        recording = None
        if options.wav is not None:
            opened = open_recording(options.wav)
            recording = await trio.to_thread.run_sync(files.enter_context, opened)
        sound_card = find_sound_card() if options.mic else None
        devices = None if sound_card is None else sound_card.describe()
        show = make_show(options)
        async with open_server(options) as server:
            if server.notice is not None:
                show.notice(server.notice)
            if devices is not None:
                show.notice(f"Speak ({devices}); Ctrl-C ends the conversation.")
            await _converse(options, server, show, recording, sound_card)


def make_show(options: Options) -> Show:
    """How the options want the conversation shown."""
    if options.json:
        from .jsonl import JsonLines

        return JsonLines()
    from .screen import Screen
    from .terminal import Terminal
    from .transcript import Transcript

    typed_here = _is_interactive(options) and sys.stdout.isatty()
    return Screen(
        Terminal(sys.stdout, color=options.color),
        # What was typed at the prompt is on the screen already.
        Transcript(echo_typed=not typed_here),
        quiet=options.quiet,
        interactive=typed_here,
        continuous=options.mic,
    )


async def _converse(
    options: Options,
    server: Server,
    show: Show,
    recording: Recording | None,
    sound_card: SoundCard | None,
) -> None:
    agent = RealtimeAgent[Any](name="agent", instructions=options.instructions)
    runner = RealtimeRunner(agent, config=_run_config(options))
    model_config = dict(server.model_config)
    if sound_card is not None:
        model_config["playback_tracker"] = sound_card.tracker
    answer = Answer()
    session = await runner.run(model_config=model_config)
    try:
        async with session, trio.open_nursery() as nursery:
            conversation = Conversation(session=session, floor=Floor(options.timeout), show=show)
            nursery.start_soon(_listen, options, conversation, answer, sound_card)
            await _speak(options, conversation, recording, server, sound_card)
            nursery.cancel_scope.cancel()
    finally:
        # Also when interrupted, so that the audio received so far is saved.
        saved = options.save if answer.pcm else None
        if saved is not None:
            answer.save(saved)
        show.finish(session.usage, answer, saved)
    if options.save is not None and saved is None:
        raise CommandError(f"no audio came, so {options.save} was not written")


async def _speak(
    options: Options,
    conversation: Conversation,
    recording: Recording | None,
    server: Server,
    sound_card: SoundCard | None,
) -> None:
    """The user's side, until the user has nothing more to say."""
    if recording is not None:
        await speak_recording(
            conversation,
            recording,
            name=str(options.wav),
            pace=server.pace,
            detected=options.turn_detection != "none",
        )
    elif sound_card is not None:
        await sound_card.speak(conversation.session, conversation.show)
    else:
        await speak_lines(conversation, _lines(options, conversation.show))


def _lines(options: Options, show: Show) -> AsyncGenerator[str]:
    if options.text is not None:
        return given_lines(options.text)
    return typed_lines(_stdin().fileno(), show)


async def _listen(
    options: Options, conversation: Conversation, answer: Answer, sound_card: SoundCard | None
) -> None:
    """Read the session's events until it is over, which ends the conversation."""
    show, floor = conversation.show, conversation.floor
    interactive = _is_interactive(options)
    async for event in conversation.session:
        answer.take(event)
        if sound_card is not None:
            sound_card.take(event)
        problem = floor.take(event)
        show.event(event)
        if problem is not None and not interactive:
            raise CommandError(problem)
        if problem is not None:
            show.problem(problem)
        elif isinstance(event, RealtimeError):
            show.problem(describe(event))
    raise CommandError("the server ended the session")


def _is_interactive(options: Options) -> bool:
    """Whether a person is there to see an error and go on."""
    if options.wav is not None or options.text is not None:
        return False
    return options.mic or _stdin().isatty()


def _stdin() -> TextIO:
    stdin: TextIO | None = sys.stdin
    if stdin is None:
        raise CommandError("there is no standard input; use --wav or --text")
    return stdin


def _run_config(options: Options) -> dict[str, Any]:
    kinds = {"server": "server_vad", "semantic": "semantic_vad"}
    detection = {"type": kinds[options.turn_detection]} if options.turn_detection in kinds else None
    settings: dict[str, Any] = {"turn_detection": detection}
    if options.voice is not None:
        settings["voice"] = options.voice
    if options.model is not None:
        settings["model_name"] = options.model
    events = ALL_EVENT_TYPES if options.raw else ALL_EVENT_TYPES - {"raw_model_event"}
    return {"events": events, "model_settings": settings}
