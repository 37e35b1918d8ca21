"""Questions that the model is asked out of band, with typed answers. Pure.

The type of the answer becomes the parameter of a function that the model has to call. So the model
is given its schema, and the answer is checked as the arguments of a tool are.
"""

from typing import Any, TypeVar, cast

from ...agents.tools import FunctionTool, function_tool
from ...errors import ModelBehaviorError, UserError
from ...events import RealtimeResponseDone
from ...items import (
    AssistantAudio,
    AssistantMessageItem,
    AssistantText,
    InputText,
    RealtimeToolCallItem,
    UserMessageItem,
)
from ...models.inputs import ResponseOptions
from .responses import RealtimeResponse

T = TypeVar("T")


def answer_tool(output_type: Any) -> FunctionTool[Any]:
    """The function by which the model answers.

    Raises:
        UserError: it is no type (the name of a type is none), or one without a schema.
    """
    if isinstance(output_type, str):
        raise UserError("output_type must be a type, not its name")

    def answer(answer: Any) -> None: ...

    answer.__annotations__ = {"answer": output_type, "return": None}
    return function_tool(description_override="Give the answer.")(answer)


def question(prompt: str, tool: FunctionTool[Any] | None, *, with_history: bool) -> ResponseOptions:
    """The options of the response that answers the question."""
    shown = UserMessageItem(item_id="", content=(InputText(text=prompt),))
    return ResponseOptions(
        instructions=prompt if with_history else None,
        input=None if with_history else [shown],
        tools=None if tool is None else [tool],
        tool_choice="none" if tool is None else tool.name,
        output_modalities=["text"],
    )


def check_answered(done: RealtimeResponseDone) -> None:
    """Raise `ModelBehaviorError` unless the model finished its answer."""
    if done.status != "completed":
        why = done.reason or (done.error.code or done.error.type if done.error else None)
        raise ModelBehaviorError(
            f"the answer was {done.status}" + (f" ({why})" if why else "") + ", so it is none"
        )


def answered_text(response: RealtimeResponse) -> str:
    """What the model wrote; if it wrote nothing, what it said."""
    parts = [
        part
        for item in response.output
        if isinstance(item, AssistantMessageItem)
        for part in item.content
    ]
    texts = [part.text for part in parts if isinstance(part, AssistantText)]
    spoken = [part.transcript or "" for part in parts if isinstance(part, AssistantAudio)]
    return "".join(texts or spoken)


def answered_value(response: RealtimeResponse, tool: FunctionTool[Any], _type: type[T]) -> T:
    """What the model answered by calling the function.

    Raises:
        ModelBehaviorError: it did not call the function, or its argument is not of the type.
    """
    for item in response.output:
        if isinstance(item, RealtimeToolCallItem) and item.name == tool.name:
            return cast("T", tool.bind(item.arguments).kwargs["answer"])
    raise ModelBehaviorError("the model did not answer in the form it was asked for")
