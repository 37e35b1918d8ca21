"""Which responses have ended, so that none ends twice.

Gateways deliver ``response.done`` twice, and one that comes after the client gave the response up
is its second end too. Tokens must be counted once, and each end reported once. `receiving` and
`outbox` call this. Pure.
"""

from typing import Final

import attrs

_REMEMBERED: Final = 64
"""Ends that are remembered; far more than can come again late."""


@attrs.define(eq=False)
class ResponseEndings:
    """The responses of one connection that have ended."""

    _usage_known: dict[str, bool] = attrs.field(factory=dict[str, bool])
    """By response id, in the order of their ends."""

    def begun(self, response_id: str | None) -> None:
        """A response begins. Some servers use ids again."""
        self._usage_known.pop(response_id or "", None)

    def ended(self, response_id: str | None, *, usage: bool) -> tuple[bool, bool]:
        """A response ends; ``usage`` says whether its tokens are told with that.

        Returns whether this is its first end, and whether its tokens are to be counted. An end
        without an id is always taken for the first.
        """
        if not response_id:
            return True, usage
        known = self._usage_known.get(response_id)
        self._usage_known[response_id] = bool(known) or usage
        if len(self._usage_known) > _REMEMBERED:
            del self._usage_known[next(iter(self._usage_known))]
        return known is None, usage and not known
