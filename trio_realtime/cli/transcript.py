"""What was said, in the order in which it was said: a fold of session events. Pure.

Transcripts of the user often come after the answer has begun. An entry that is not complete, or
that follows one that is not, is *open*: it may change or move down, so the screen redraws it.
"""

import unicodedata

import attrs

from ..events import (
    RealtimeAudioInterrupted,
    RealtimeHistoryAdded,
    RealtimeResponseDone,
    RealtimeSessionEvent,
    RealtimeTranscriptDelta,
    RealtimeUserSpeechStarted,
    RealtimeUserTranscriptCompleted,
    RealtimeUserTranscriptDelta,
    RealtimeUserTranscriptFailed,
)
from ..items import InputAudio, InputText, UserMessageItem

MOST_OPEN = 6
"""How many entries may be open. The oldest is shown without its transcript if there are more."""

USER, AGENT = "you", "agent"


@attrs.frozen
class Said:
    """A line to show: who spoke, and the words."""

    who: str
    text: str


@attrs.define(eq=False)
class _Entry:
    item_id: str
    who: str
    text: str = ""
    remark: str = ""
    complete: bool = False

    def show(self, missing: str = "…") -> Said:
        text = printable(f"{self.text} {self.remark}")
        return Said(self.who, text or missing)


@attrs.define(eq=False)
class Transcript:
    """Collects what was said. Give it every event, take complete entries, and show open ones."""

    echo_typed: bool = True
    """Whether to show the user's typed messages, which a terminal shows already."""
    _entries: list[_Entry] = attrs.field(factory=list[_Entry])

    def event(self, event: RealtimeSessionEvent) -> None:
        """Take an event into account."""
        match event:
            case RealtimeUserSpeechStarted():
                self._entry(event.item_id, USER)
            case RealtimeUserTranscriptDelta():
                self._entry(event.item_id, USER).text += event.delta
            case RealtimeUserTranscriptCompleted():
                self._complete_user(event.item_id, event.transcript)
            case RealtimeUserTranscriptFailed():
                self._complete_user(event.item_id, "(not understood by the transcription)")
            case RealtimeHistoryAdded():
                self._added(event)
            case RealtimeTranscriptDelta():
                self._entry(event.item_id, AGENT).text += event.delta
            case RealtimeAudioInterrupted():
                self._remark(event.item_id, "(interrupted)")
            case RealtimeResponseDone():
                self._response_done(event)
            case _:
                pass

    def take_complete(self) -> list[Said]:
        """Remove and return the entries at the beginning that will not change any more."""
        taken: list[Said] = []
        while self._entries and (self._entries[0].complete or len(self._entries) > MOST_OPEN):
            entry = self._entries.pop(0)
            # Turn detection takes a cough for speech; its transcript is empty.
            if entry.text.strip() or entry.remark or not entry.complete:
                taken.append(entry.show("(no transcript)"))
        return taken

    def take_all(self) -> list[Said]:
        """Remove and return all entries, at the end of the conversation."""
        left, self._entries = self._entries, []
        for entry in left:
            if entry.text and not entry.complete:
                entry.remark = entry.remark or "…"
        return [entry.show("(no transcript)") for entry in left if entry.text or not entry.complete]

    def open(self) -> list[Said]:
        """The open entries, as they are now."""
        return [entry.show() for entry in self._entries]

    def _entry(self, item_id: str, who: str) -> _Entry:
        for entry in self._entries:
            if entry.item_id == item_id:
                return entry
        entry = _Entry(item_id, who)
        self._entries.append(entry)
        return entry

    def _complete_user(self, item_id: str, text: str) -> None:
        entry = self._entry(item_id, USER)
        entry.text = text
        entry.complete = True

    def _added(self, event: RealtimeHistoryAdded) -> None:
        item = event.item
        if not isinstance(item, UserMessageItem):
            return
        typed = " ".join(part.text for part in item.content if isinstance(part, InputText))
        if typed and self.echo_typed:
            self._complete_user(item.item_id, typed)
        elif any(isinstance(part, InputAudio) for part in item.content):
            self._entry(item.item_id, USER)

    def _remark(self, item_id: str, remark: str) -> None:
        for entry in self._entries:
            if entry.item_id == item_id and not entry.remark:
                entry.remark = remark

    def _response_done(self, event: RealtimeResponseDone) -> None:
        remark = {
            "completed": "",
            "cancelled": "(interrupted)",
            "failed": "(failed)",
            "incomplete": f"(cut off: {event.reason})",
        }[event.status]
        for entry in self._entries:
            if entry.who == AGENT and not entry.complete:
                entry.complete = True
                entry.remark = entry.remark or remark


def printable(text: str) -> str:
    """Text for a terminal: one line, without control characters, which could do harm there."""
    kept = "".join(
        " " if unicodedata.category(each) in {"Cc", "Zl", "Zp"} else each for each in text
    )
    return " ".join(kept.split())
