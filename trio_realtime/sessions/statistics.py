"""What `RealtimeSession.statistics` returns: a session at one moment, in numbers."""

import attrs


@attrs.frozen(kw_only=True)
class SessionStatistics:
    """A session at one moment. Nothing is counted in advance for it."""

    events_unread: int
    """Events the application has not taken; more than ``event_buffer_size`` end the session."""
    tasks_waiting_for_events: int
    tools_running: int
    approvals_waiting: int
    """Tool calls that wait for `approve_tool_call` or `reject_tool_call`."""
    history_items: int
    speaking: bool
    """Whether the model answers, or the user is still hearing it."""
