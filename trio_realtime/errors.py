"""Every exception of the library, split by who caused it.

::

    TrioRealtimeError
    ├── UserError                     your call or declaration was wrong; nothing was sent
    │   └── SettingsError             a setting was: names the setting, and the nearest right one
    ├── RealtimeConnectionError       the outside: the connection could not be made, or broke
    │   ├── RealtimeHandshakeError    the server refused the WebSocket or the opening settings
    │   ├── RealtimeRequestError      the server refused a request of the REST API
    │   └── RealtimeConnectionClosed  the server closed it, with a code that is not a clean end
    ├── RealtimeSessionClosed         you used a session (or connection) that is over
    ├── RealtimeProtocolError         the server sent what the protocol does not allow
    ├── EventBufferOverflow           the application stopped reading its events
    ├── WebhookVerificationError      a request is no webhook of OpenAI's, or too old
    │   └── WebhookReplayError        it was accepted before
    ├── ModelBehaviorError            the model did something nobody can act on
    │   └── ToolArgumentsError        it called a tool with wrong arguments
    └── ToolError                     a tool failed, and the tool asked that failures be raised
        ├── ToolTimeoutError          it ran out of time
        ├── ToolInputGuardrailTripwireTriggered
        └── ToolOutputGuardrailTripwireTriggered

By default no message holds what a user said, a tool's arguments, or a secret.
"""

from collections.abc import Mapping


class TrioRealtimeError(Exception):
    """Base of everything this library raises on purpose."""


class UserError(TrioRealtimeError):
    """A call or a declaration was wrong; the message says what would be right.

    Raised at the door: before anything was sent, and without harm to the session.
    """


class SettingsError(UserError):
    """A setting has an unknown name, a wrong type or an impossible value.

    ``path`` is where, from the outside in: ``"audio.input.turn_detection.threshold"``.
    """

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(message)
        self.path = path


class RealtimeConnectionError(TrioRealtimeError):
    """The connection could not be made, or broke. The cause is in ``__cause__``."""


class RealtimeHandshakeError(RealtimeConnectionError):
    """The server refused the session: the WebSocket handshake, or the settings that open it.

    ``status`` is the HTTP status of the handshake. With 101 the WebSocket was opened, and the
    server then refused the client or the session's settings, as OpenAI does with a wrong key, an
    unknown model or a wrong setting. ``code`` is then its error code (``"invalid_api_key"``),
    ``param`` the field it is about (``"session.audio.output.voice"``) and ``close_code`` that of
    the close frame, each where the server gave one.

    ``headers`` are the response's headers with lower-case names and ``body`` the first kilobytes of
    its body, where OpenAI says why; both are empty with 101.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        code: str | None = None,
        param: str | None = None,
        close_code: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers: Mapping[str, str] = dict(headers or {})
        self.body = body
        self.code = code
        self.param = param
        self.close_code = close_code


class RealtimeRequestError(RealtimeConnectionError):
    """The server refused a request of the REST API.

    ``status`` is the HTTP status, ``headers`` the response's with lower-case names (among them
    ``x-request-id``), ``body`` its first kilobytes, and ``code`` the error code in it, if any.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
        code: str | None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers: Mapping[str, str] = dict(headers)
        self.body = body
        self.code = code


class RealtimeConnectionClosed(RealtimeConnectionError):
    """The server closed the connection with a code that is not a clean end.

    ``code`` is the WebSocket close code of RFC 6455, section 7.4 (1006: none was received), and
    ``reason`` what the server said with it. Codes 1000 and 1001 end a session without an error.
    """

    def __init__(self, message: str, *, code: int, reason: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason


class RealtimeSessionClosed(TrioRealtimeError):
    """A session or connection was used before it was opened or after it was over.

    After a failure, the failure is in ``__cause__``.
    """


class RealtimeProtocolError(TrioRealtimeError):
    """The server sent what the protocol does not allow.

    Usually the ``error`` of an ``error`` event, since one bad frame does not end a session.
    """


class EventBufferOverflow(TrioRealtimeError):
    """The application left more events unread than ``event_buffer_size`` allows.

    The session fails rather than let control wait behind an unread queue.
    """


class WebhookVerificationError(TrioRealtimeError):
    """A request is not a webhook of OpenAI's, or is too old. Answer it with 400."""


class WebhookReplayError(WebhookVerificationError):
    """A webhook that was accepted before came again. Answer it with 200: the first answer may not
    have reached OpenAI."""


class ModelBehaviorError(TrioRealtimeError):
    """The model did something that cannot be acted on, such as a call of an unknown tool."""


class ToolError(TrioRealtimeError):
    """A tool failed, and its settings say that failures end the session."""


class ToolTimeoutError(ToolError):
    """A tool ran longer than its ``timeout``, in seconds.

    Ends the session if the tool has ``timeout_behavior="raise_exception"``; a
    ``timeout_error_function`` is called with it. Its message is what the model is told by default.
    """

    def __init__(self, tool_name: str, timeout: float) -> None:
        super().__init__(f"Tool '{tool_name}' timed out after {timeout:g} seconds.")
        self.tool_name = tool_name
        self.timeout = timeout
        self.timeout_seconds = timeout  # the name that the OpenAI Agents SDK gives it


class ToolInputGuardrailTripwireTriggered(ToolError):
    """An input guardrail of a tool answered ``raise_exception``."""


class ToolOutputGuardrailTripwireTriggered(ToolError):
    """An output guardrail of a tool answered ``raise_exception``."""
