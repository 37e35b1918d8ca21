"""The vocabulary of a scenario: what was heard, what is asked of a responder, what it answers.

This is the public part of the pure side. A *responder* is a function (plain or async) of a
:class:`Turn`; it returns a piece, a string (the same as :class:`Say`), a sequence of them, or None
for an empty response. The pieces of one answer make one response, in order::

    def responder(turn: Turn) -> Reply:
        if turn.tool_outputs:
            return Say(f"It is {turn.tool_outputs[-1].output}.")
        return [Say("Let me look."), CallFunction("get_weather", {"city": "Oslo"})]
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal

import attrs

from .sample_arguments import sample_arguments

LONGEST_ID = 32
"""How many characters the API lets an item's id and a call's id have."""


@attrs.frozen
class Say:
    """Speak: an assistant message with audio and transcript, or text where text is asked for.

    ``audio_ms`` is how long it takes; by default that follows from the length of the text.
    """

    text: str
    audio_ms: int | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class Text:
    """Write: an assistant message of text, whatever modality is asked for."""

    text: str


@attrs.frozen
class CallFunction:
    """Call one of the session's functions.

    ``arguments`` as a string go out as they are; a mapping is written as the session's model
    writes JSON, ``gpt-realtime`` over several lines. ``call_id`` has at most 32 characters.
    """

    name: str
    arguments: Mapping[str, Any] | str = attrs.field(factory=dict[str, Any])
    call_id: str | None = attrs.field(
        default=None,
        kw_only=True,
        validator=attrs.validators.optional(attrs.validators.max_len(LONGEST_ID)),
    )


@attrs.frozen
class CallMcpTool:
    """Call a tool of a hosted MCP server, which the service does by itself, and show the output.

    With ``error``, the call fails with these words instead. ``approval_request_id`` names the item
    by which it was asked for, if it was.
    """

    server_label: str
    name: str
    arguments: Mapping[str, Any] | str = attrs.field(factory=dict[str, Any])
    output: str = ""
    error: str | None = attrs.field(default=None, kw_only=True)
    approval_request_id: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class AskMcpApproval:
    """Ask the client whether a tool of a hosted MCP server may be called.

    The client answers with an ``mcp_approval_response`` item, and a new response begins.
    """

    server_label: str
    name: str
    arguments: Mapping[str, Any] | str = attrs.field(factory=dict[str, Any])


@attrs.frozen
class Fail:
    """End the response as ``failed``; the message spoken before stays incomplete."""

    code: str = "server_error"
    message: str = "The server had an error while processing your request."


@attrs.frozen
class Incomplete:
    """End the response as ``incomplete``, and with it the message spoken before."""

    reason: Literal["max_output_tokens", "content_filter"] = "max_output_tokens"


@attrs.frozen
class Wait:
    """Do nothing for so many seconds of the clock, whatever the simulator's speed."""

    seconds: float


Piece = Say | Text | CallFunction | CallMcpTool | AskMcpApproval | Fail | Incomplete | Wait
Reply = Piece | str | Sequence[Piece | str] | None


@attrs.frozen
class Heard:
    """What the user is supposed to have said in one utterance.

    The responder knows it at once. Where the session transcribes input, the transcript follows
    after ``delay`` seconds, or fails with ``failure`` as the error's message.
    """

    text: str
    delay: float = attrs.field(default=0.0, kw_only=True)
    failure: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen(kw_only=True)
class Utterance:
    """Audio the user committed, for a ``hears`` function to put words to.

    ``audio`` is in ``format``, one of ``audio/pcm`` (16 bit, 24 kHz), ``audio/pcmu`` and
    ``audio/pcma`` (8 kHz); ``number`` counts the connection's utterances from 0.
    """

    number: int
    item_id: str
    audio: bytes = attrs.field(repr=False)
    format: str
    audio_ms: int


Hears = Sequence[str | Heard] | Callable[[Utterance], str | Heard]
"""The words of each utterance in order, or a function that says them.

A string alone is the first utterance.
"""


def hearing(hears: Hears) -> Callable[[Utterance], Heard]:
    """A scenario as a function. Where a sequence has ended, what is heard says it is simulated."""

    scenario = (hears,) if isinstance(hears, str) else hears

    def hear(utterance: Utterance) -> Heard:
        if callable(scenario):
            words = scenario(utterance)
        elif utterance.number < len(scenario):
            words = scenario[utterance.number]
        else:
            words = f"(simulated: {utterance.audio_ms / 1_000:.1f} s of speech)"
        return Heard(words) if isinstance(words, str) else words

    return hear


@attrs.frozen
class ToolOutput:
    """What a function call came to. ``name`` is empty when its call is not in sight."""

    call_id: str
    name: str
    output: str


@attrs.frozen(kw_only=True)
class Turn:
    """What a responder is asked to answer.

    ``items`` is the context of the response as the protocol's objects: the conversation, or the
    ``input`` of ``response.create``; spoken items show as transcript what was heard.
    ``cause`` is who asked: the client with ``response.create``, the end of the user's speech, or
    the idle timeout. Instructions, tools and the rest are the response's own where the client set
    them, else the session's. ``number`` counts the connection's responses from 0.
    """

    number: int
    response_id: str
    cause: Literal["client", "speech", "idle"]
    items: Sequence[Mapping[str, Any]]
    instructions: str
    tools: Sequence[Mapping[str, Any]]
    tool_choice: str | Mapping[str, Any]
    output_modalities: Sequence[str]
    metadata: Mapping[str, str] | None
    out_of_band: bool

    @property
    def user_text(self) -> str:
        """What the last user message says, typed or heard; empty when there is none."""
        for item in reversed(self.items):
            if item.get("role") == "user":
                words = (part.get("text") or part.get("transcript") for part in item["content"])
                return " ".join(word for word in words if word)
        return ""

    @property
    def mcp_approval(self) -> bool | None:
        """What the client has just answered to `AskMcpApproval`; None if it has not."""
        last: Mapping[str, Any] = self.items[-1] if self.items else {}
        if last.get("type") != "mcp_approval_response":
            return None
        return bool(last["approve"])

    @property
    def tool_outputs(self) -> Sequence[ToolOutput]:
        """The function outputs that came after the last message, oldest first."""
        names = {
            item["call_id"]: item["name"] for item in self.items if item["type"] == "function_call"
        }
        outputs: list[ToolOutput] = []
        for item in reversed(self.items):
            if item["type"] == "message":
                break
            if item["type"] == "function_call_output":
                call_id = item["call_id"]
                outputs.insert(0, ToolOutput(call_id, names.get(call_id, ""), item["output"]))
        return outputs


_CALL = re.compile(r"\b[Cc]all ([\w-]+)")
"""What a user says who wants a function called, as in "Please call weather."."""

Responder = Callable[[Turn], Reply | Awaitable[Reply]]


def pieces(reply: Reply) -> list[Piece]:
    """A reply as a list of pieces."""
    if reply is None:
        return []
    listed = [reply] if isinstance(reply, str | Piece) else reply
    return [Say(piece) if isinstance(piece, str) else piece for piece in listed]


def default_responder(turn: Turn) -> Reply:
    """Answers what can be answered without understanding anything, and says that it does not."""
    if turn.tool_outputs:
        return " ".join(
            f"The function {each.name} returned: {each.output}." for each in turn.tool_outputs
        )
    if (answer := turn.mcp_approval) is not None:
        return "The MCP tool may be called." if answer else "The MCP tool may not be called."
    if turn.cause == "idle":
        return "Are you still there?"
    demanded = _demanded_function(turn)
    if demanded is not None:
        return CallFunction(demanded["name"], sample_arguments(demanded.get("parameters")))
    return " ".join(_remarks(turn)) or "Hello, this is the simulator."


def _demanded_function(turn: Turn) -> Mapping[str, Any] | None:
    """The function that ``tool_choice`` leaves no way around, or that the user says to call."""
    functions = [tool for tool in turn.tools if tool["type"] == "function"]
    if isinstance(turn.tool_choice, Mapping):
        name = turn.tool_choice.get("name")
        if name is None:
            return None
        return next((tool for tool in functions if tool["name"] == name), {"name": name})
    if turn.tool_choice == "required" and functions:
        return functions[0]
    if turn.tool_choice == "none":
        return None
    said = _CALL.findall(turn.user_text)
    return next((tool for tool in functions if tool["name"] in said), None)


def _remarks(turn: Turn) -> list[str]:
    users = [item for item in turn.items if item.get("role") == "user"]
    content: list[dict[str, Any]] = users[-1]["content"] if users else []
    typed = [part["text"] for part in content if part["type"] == "input_text"]
    spoken = [part.get("transcript") for part in content if part["type"] == "input_audio"]
    images = sum(part["type"] == "input_image" for part in content)
    remarks = [f"You wrote: {' '.join(typed)}"] if typed else []
    if spoken:
        words = " ".join(word for word in spoken if word) or "nothing"
        remarks.append(f"I cannot understand speech; the scenario says you said: {words}")
    if images:
        remarks.append(f"I count {images} image{'s' if images > 1 else ''}.")
    return remarks
