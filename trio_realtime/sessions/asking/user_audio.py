"""What `send_audio` accepts, checked at the door. Pure."""

from typing import Final, cast

from ...errors import UserError

MAX_AUDIO_BYTES: Final = 15 * 1024 * 1024
"""The most audio one ``input_audio_buffer.append`` may carry, by the API's reference."""


def audio_bytes(pcm: object) -> bytes:
    """The audio, copied if it can change.

    Raises:
        UserError: it is not bytes, or a view of what is not bytes (such as samples of two bytes,
            whose number is not the number of bytes), or more than one event can hold.
    """
    if not isinstance(pcm, bytes | bytearray | memoryview):
        raise UserError(f"audio must be bytes, not {type(pcm).__name__}")
    pcm = cast("bytes | bytearray | memoryview[int]", pcm)
    if isinstance(pcm, memoryview) and pcm.itemsize != 1:
        raise UserError(
            f"audio must be bytes, not a memoryview of {pcm.itemsize}-byte elements (format "
            f"{pcm.format!r}); use view.cast('B')"
        )
    if len(pcm) > MAX_AUDIO_BYTES:
        raise UserError(f"audio of {len(pcm)} bytes is more than the 15 MiB one event can hold")
    return bytes(pcm)
