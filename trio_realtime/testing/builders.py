"""What a model says, as the model events of a whole turn: for `Emit` and `FakeConnection.emit`.

The order is that of the OpenAI Realtime API as `models.openai` translates it. For anything else,
make the events of `models.events` yourself. Pure functions; ids are the caller's.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, Final, TypeAlias

from ..context import Usage
from ..items import (
    AssistantAudio,
    AssistantContent,
    AssistantMessageItem,
    AssistantText,
    InputAudio,
    InputText,
    RealtimeToolCallItem,
    UserMessageItem,
)
from ..models import events as model

Turn: TypeAlias = tuple[model.RealtimeModelEvent, ...]

CHUNK: Final = 4_800
"""Bytes in an audio event: 100 ms of mono PCM16 at 24 kHz."""


def spoken_response(
    response_id: str,
    item_id: str,
    text: str,
    *,
    audio: bytes | None = None,
    previous_item_id: str | None = None,
    usage: Usage | None = None,
) -> Turn:
    """A response in which the model says ``text``: a transcript delta for each word, audio between.

    ``audio`` is mono PCM16 at 24 kHz, little-endian, sent in pieces of 100 ms; by default it is
    100 ms of silence for each word.
    """
    words = re.findall(r"\S+\s*", text)
    if audio is None:
        audio = bytes(CHUNK * len(words))
    chunks = [audio[start : start + CHUNK] for start in range(0, len(audio), CHUNK)]
    said: list[model.RealtimeModelEvent] = []
    for word, chunk in zip_longest(words, chunks):
        if word is not None:
            said.append(
                model.RealtimeModelTranscriptDeltaEvent(
                    item_id=item_id, delta=word, response_id=response_id
                )
            )
        if chunk is not None:
            said.append(
                model.RealtimeModelAudioEvent(
                    data=chunk, response_id=response_id, item_id=item_id, content_index=0
                )
            )
    said.append(
        model.RealtimeModelAudioDoneEvent(item_id=item_id, content_index=0, response_id=response_id)
    )
    content = AssistantAudio(transcript=text)
    return (
        model.RealtimeModelTurnStartedEvent(response_id=response_id),
        *_begun(response_id, item_id, previous_item_id),
        *said,
        *_finished(response_id, item_id, previous_item_id, content),
        *_ended(response_id, usage),
    )


def written_response(
    response_id: str,
    item_id: str,
    text: str,
    *,
    previous_item_id: str | None = None,
    usage: Usage | None = None,
) -> Turn:
    """A response in which the model writes ``text``, a delta for each word."""
    deltas = [
        model.RealtimeModelOutputTextDeltaEvent(
            item_id=item_id, delta=word, response_id=response_id
        )
        for word in re.findall(r"\S+\s*", text)
    ]
    content = AssistantText(text=text)
    return (
        model.RealtimeModelTurnStartedEvent(response_id=response_id),
        *_begun(response_id, item_id, previous_item_id),
        *deltas,
        *_finished(response_id, item_id, previous_item_id, content),
        *_ended(response_id, usage),
    )


def call(
    item_id: str,
    name: str,
    arguments: Mapping[str, Any] | str = "{}",
    *,
    call_id: str | None = None,
) -> model.RealtimeModelToolCallEvent:
    """One call of a function tool, for `tool_calls`.

    ``arguments`` is JSON text, or what becomes it. The call id is made of the item id where none is
    given.
    """
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments)
    return model.RealtimeModelToolCallEvent(
        id=item_id, name=name, arguments=arguments, call_id=call_id or f"call_{item_id}"
    )


def tool_call(
    response_id: str,
    item_id: str,
    name: str,
    arguments: Mapping[str, Any] | str = "{}",
    *,
    call_id: str | None = None,
) -> Turn:
    """A response in which the model calls one function tool; see `call`."""
    return tool_calls(response_id, [call(item_id, name, arguments, call_id=call_id)])


def tool_calls(
    response_id: str,
    calls: Sequence[model.RealtimeModelToolCallEvent],
    *,
    previous_item_id: str | None = None,
    usage: Usage | None = None,
) -> Turn:
    """A response in which the model calls function tools, each made with `call`."""
    return (
        model.RealtimeModelTurnStartedEvent(response_id=response_id),
        *_called(response_id, calls, previous_item_id),
        *_ended(response_id, usage),
    )


def user_message(item_id: str, text: str, *, previous_item_id: str | None = None) -> Turn:
    """The server's echo of a message that the user typed."""
    item = UserMessageItem(
        item_id=item_id,
        previous_item_id=previous_item_id,
        content=(InputText(text=text),),
        status="completed",
    )
    return _announced(item)


def user_speech(
    item_id: str,
    transcript: str | None,
    *,
    start_ms: int = 0,
    end_ms: int = 1_000,
    previous_item_id: str | None = None,
) -> Turn:
    """The user speaks, between these ms of the input audio, and is transcribed.

    Without a ``transcript`` (None) there is none: it has not arrived, or is switched off.
    """
    item = UserMessageItem(
        item_id=item_id,
        previous_item_id=previous_item_id,
        content=(InputAudio(),),
        status="completed",
    )
    heard: Turn = (
        model.RealtimeModelSpeechStartedEvent(item_id=item_id, audio_start_ms=start_ms),
        model.RealtimeModelSpeechStoppedEvent(item_id=item_id, audio_end_ms=end_ms),
        model.RealtimeModelItemPlacedEvent(item_id=item_id, previous_item_id=previous_item_id),
        *_announced(item),
    )
    if transcript is None:
        return heard
    return (
        *heard,
        model.RealtimeModelInputAudioTranscriptionCompletedEvent(
            item_id=item_id, transcript=transcript
        ),
    )


# -- parts -----------------------------------------------------------------------------------------


def _announced(item: UserMessageItem) -> Turn:
    return (
        model.RealtimeModelItemUpdatedEvent(item=item, announced=True),
        model.RealtimeModelItemUpdatedEvent(item=item),
    )


def _begun(response_id: str, item_id: str, previous_item_id: str | None) -> Turn:
    """An answer begins: the response mentions the item, then the conversation announces it."""
    mentioned = AssistantMessageItem(item_id=item_id, status="in_progress")
    placed = AssistantMessageItem(
        item_id=item_id, previous_item_id=previous_item_id, status="in_progress"
    )
    return (
        model.RealtimeModelItemUpdatedEvent(item=mentioned, response_id=response_id),
        model.RealtimeModelItemUpdatedEvent(item=placed, announced=True),
    )


def _finished(
    response_id: str, item_id: str, previous_item_id: str | None, content: AssistantContent
) -> Turn:
    placed = AssistantMessageItem(
        item_id=item_id,
        previous_item_id=previous_item_id,
        content=(content,),
        status="completed",
    )
    mentioned = AssistantMessageItem(item_id=item_id, content=(content,), status="completed")
    return (
        model.RealtimeModelItemUpdatedEvent(item=placed),
        model.RealtimeModelItemUpdatedEvent(item=mentioned, response_id=response_id),
    )


def _called(
    response_id: str,
    calls: Sequence[model.RealtimeModelToolCallEvent],
    previous_item_id: str | None,
) -> Iterator[model.RealtimeModelEvent]:
    previous = previous_item_id
    for each in calls:
        item_id = each.id or each.call_id
        for place, mentioned_by in ((previous, None), (None, response_id)):
            if mentioned_by is None:
                yield model.RealtimeModelItemPlacedEvent(item_id=item_id, previous_item_id=place)
            item = RealtimeToolCallItem(
                item_id=item_id,
                previous_item_id=place,
                call_id=each.call_id,
                name=each.name,
                arguments=each.arguments,
            )
            yield model.RealtimeModelItemUpdatedEvent(item=item, response_id=mentioned_by)
        yield model.RealtimeModelToolCallEvent(
            name=each.name,
            call_id=each.call_id,
            arguments=each.arguments,
            id=item_id,
            response_id=response_id,
        )
        previous = item_id


def _ended(response_id: str, usage: Usage | None) -> Turn:
    spent = usage or Usage(requests=1)
    return (
        model.RealtimeModelUsageEvent(usage=spent, response_id=response_id),
        model.RealtimeModelTurnEndedEvent(response_id=response_id, usage=spent),
    )
