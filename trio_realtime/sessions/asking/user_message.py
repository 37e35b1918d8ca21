"""What `send_message` accepts, checked at the door and put into one form. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

from ..._util.did_you_mean import MAX_NAME, hint
from ..._util.type_checks import check, elements, entries, is_list
from ...errors import UserError
from ...items import InputImage, InputText

Part: TypeAlias = InputText | InputImage
UserInput: TypeAlias = str | Mapping[str, Any] | Sequence[Part | Mapping[str, Any]]
"""Text; the parts of a message; or the SDK's ``{"type": "message", "role": "user", "content": …}``.

A part is an `InputText` or `InputImage`, or a mapping in wire form: ``{"type": "input_text",
"text": …}`` or ``{"type": "input_image", "image_url": …, "detail": …}``."""

_DETAILS = ("auto", "low", "high")


def content_parts(message: UserInput) -> tuple[Part, ...]:
    """The parts of the message.

    Raises:
        UserError: it is empty, or a part is not one a user message can have.
    """
    if isinstance(message, str):
        return (_text(message, "the message"),)
    if isinstance(message, Mapping):
        envelope = dict(entries(message, "message"))
        _check_envelope(envelope)
        message = envelope.get("content", ())
    if not is_list(message):
        raise UserError(
            "a message must be text, a sequence of parts, or a mapping with a list of parts under "
            f"'content', not {type(message).__name__}"
        )
    if not message:
        raise UserError("a message must have at least one part")
    parts = enumerate(elements(message, "content"))
    return tuple(_part(part, f"content[{index}]") for index, part in parts)


def _check_envelope(message: Mapping[Any, object]) -> None:
    for name in message:
        if name not in {"type", "role", "content"}:
            raise UserError(f"a message has type, role and content, but not {_quoted(name)}")
    kind, role = message.get("type", "message"), message.get("role", "user")
    if kind != "message":
        raise UserError(f"the type of a message is 'message', not {_quoted(kind)}")
    if role != "user":
        raise UserError(f"send_message speaks for the user; role must not be {_quoted(role)}")


def _part(part: object, path: str) -> Part:
    if isinstance(part, InputText):
        return _text(part.text, path)
    if isinstance(part, InputImage):
        return _image(part.image_url, part.detail, path)
    if not isinstance(part, Mapping):
        raise UserError(
            f"{path} must be an InputText, an InputImage or a mapping, not {type(part).__name__}"
        )
    fields = dict(entries(cast("Mapping[object, object]", part), path))
    kind = fields.get("type")
    if kind == "input_text":
        return _text(fields.get("text"), path)
    if kind == "input_image":
        return _image(fields.get("image_url"), fields.get("detail"), path)
    near = hint(kind, ("input_text", "input_image"), cutoff=0.4)
    raise UserError(f"{path}: a part is 'input_text' or 'input_image', not {_quoted(kind)}{near}")


def _quoted(value: object) -> str:
    """A word for a message, if it is one and not too long; of what is no word, its type."""
    return repr(value[:MAX_NAME]) if isinstance(value, str) else type(value).__name__


def _text(text: object, path: str) -> InputText:
    if not isinstance(text, str):
        raise UserError(f"{path}: text must be a string, not {type(text).__name__}")
    if not text:
        raise UserError(f"{path}: text must not be empty")
    check(str, text, path)
    return InputText(text=text)


def _is_image_url(url: str) -> bool:
    """Whether a model could find an image there, as far as the form of the URL says."""
    scheme, _, rest = url.partition(":")
    if scheme.lower() in {"http", "https"}:
        return rest.startswith("//") and len(rest) > len("//")
    header, comma, data = rest.partition(",")
    kind, *options = header.lower().split(";")
    return (
        scheme.lower() == "data"
        and kind.startswith("image/")
        and "base64" in options
        and bool(comma and data)
    )


def _image(image_url: object, detail: object, path: str) -> InputImage:
    if not isinstance(image_url, str) or not _is_image_url(image_url):
        raise UserError(
            f"{path}: image_url must be a string: a data URL (data:image/png;base64,...) or the "
            "https URL of an image; what is in a file has to be put into a data URL"
        )
    if detail is not None and detail not in _DETAILS:
        raise UserError(
            f"{path}: detail must be one of {', '.join(_DETAILS)}, not {_quoted(detail)}"
        )
    return InputImage(image_url=image_url, detail=None if detail is None else str(detail))
