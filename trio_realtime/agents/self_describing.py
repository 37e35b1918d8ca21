"""Classes that write their own schemas and check their own values: those of pydantic.

A pydantic model has methods for both; a pydantic data class is asked by way of pydantic, which is
imported here alone, and only once an application has brought such a class. Nothing in `agents`
interprets the fields of either, so whatever pydantic can say about them holds.
"""

import importlib
import json
from typing import Any, cast

from trio_realtime.errors import UserError


def describes_itself(annotation: Any) -> bool:
    """Whether it is a pydantic model or a pydantic data class."""
    return callable(getattr(annotation, "model_json_schema", None)) or _is_data_class(annotation)


def own_schema(annotation: Any, where: str) -> dict[str, Any]:
    """The schema as pydantic writes it. Raises `UserError` if pydantic cannot."""
    try:
        if _is_data_class(annotation):
            adapter = importlib.import_module("pydantic").TypeAdapter(annotation)
            return cast("dict[str, Any]", adapter.json_schema())
        return cast("dict[str, Any]", annotation.model_json_schema())
    # pydantic's errors of declarations are subclasses of these.
    except (TypeError, RuntimeError, NameError, ValueError, AttributeError) as exc:
        raise UserError(
            f"{where}: {annotation.__name__} cannot become a JSON schema: {exc}"
        ) from exc


def own_value(value: Any, annotation: Any) -> Any:
    """The object that pydantic makes of a JSON value, judged as JSON. Raises its `ValueError`."""
    text = json.dumps(value)
    if _is_data_class(annotation):
        return annotation.__pydantic_validator__.validate_json(text)
    return annotation.model_validate_json(text)


def _is_data_class(annotation: Any) -> bool:
    return isinstance(annotation, type) and (
        {"__pydantic_validator__", "__dataclass_fields__"} <= vars(annotation).keys()
    )
