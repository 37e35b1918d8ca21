"""From `ResponseOptions` to the ``response`` object of ``response.create``. Pure."""

from typing import Any

from ...inputs import ResponseOptions
from .from_items import input_to_wire
from .tool_objects import tool_choice_to_wire, tools_to_wire


def response_object(options: ResponseOptions) -> dict[str, Any]:
    """Return the ``response`` object with these options. Options that were not given are left out.

    Raises:
        UserError: a tool or an item of the input cannot be sent.
    """
    response: dict[str, Any] = {}
    if options.instructions is not None:
        response["instructions"] = options.instructions
    if options.tools is not None:
        response["tools"] = tools_to_wire(options.tools)
    if options.tool_choice is not None:
        response["tool_choice"] = tool_choice_to_wire(options.tool_choice)
    if options.input is not None:
        response["input"] = [item for entry in options.input for item in input_to_wire(entry)]
    if options.metadata is not None:
        response["metadata"] = dict(options.metadata)
    if options.output_modalities is not None:
        response["output_modalities"] = [*options.output_modalities]
    if options.max_output_tokens is not None:
        response["max_output_tokens"] = options.max_output_tokens
    return response
