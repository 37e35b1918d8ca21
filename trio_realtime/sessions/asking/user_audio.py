"""What `send_audio` accepts, checked at the door. Pure."""

from typing import Final, cast

from ...errors import UserError

MAX_AUDIO_BYTES: Final = 15 * 1024 * 1024
"""The most audio one ``input_audio_buffer.append`` may carry, by the API's reference."""


def audio_bytes(pcm: object) -> bytes:
    """The audio, copied if it can change.

    Raises:
        UserError: it is not bytes, or a view that is not a plain run of bytes, or more than one
            event can hold.
    """
    if isinstance(pcm, memoryview):
        _check_view(cast("memoryview[int]", pcm))
    elif not isinstance(pcm, bytes | bytearray):
        raise UserError(f"audio must be bytes, not {type(pcm).__name__}")
    pcm = cast("bytes | bytearray | memoryview[int]", pcm)
    if len(pcm) > MAX_AUDIO_BYTES:
        raise UserError(f"audio of {len(pcm)} bytes is more than the 15 MiB one event can hold")
    return bytes(pcm)


def _check_view(view: "memoryview[int]") -> None:
    """Refuse a view whose length is not the number of its bytes, or that skips some of them."""
    try:
        size, dimensions, in_one_piece = view.itemsize, view.ndim, view.contiguous
    except ValueError:
        raise UserError("audio must be bytes, not a memoryview that was released") from None
    if size != 1:
        raise UserError(
            f"audio must be bytes, not a memoryview of {size}-byte elements (format "
            f"{view.format!r}); use view.cast('B')"
        )
    if dimensions != 1 or not in_one_piece:
        raise UserError(
            "audio must be bytes in one piece, not a memoryview that skips some or has several "
            "dimensions; use bytes(view) if these are the bytes to send"
        )
