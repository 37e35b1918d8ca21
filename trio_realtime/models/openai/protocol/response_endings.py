"""Which responses have ended, so that none ends twice.

Gateways deliver ``response.done`` twice, and one that comes after the client gave the response up
is its second end too. Tokens must be counted once, and each end reported once. `receiving` and
`outbox` call this. Pure.
"""

from typing import Final

import attrs

_REMEMBERED: Final = 64
"""How many ended responses are remembered. A repeated end comes within a few responses."""


@attrs.define(eq=False)
class ResponseEndings:
    """The responses of one connection that have ended, so that none ends twice."""

    _usage_known: dict[str, bool] = attrs.field(factory=dict[str, bool])
    """Whether the token usage is known, by response id, in the order in which they ended."""

    def begun(self, response_id: str | None) -> None:
        """Note that a response begins. Some servers use an id again."""
        self._usage_known.pop(response_id or "", None)

    def ended(self, response_id: str | None, *, usage: bool) -> tuple[bool, bool]:
        """Note that a response ends; ``usage`` says whether the server gave its token usage.

        Returns whether this is its first end, and whether the usage is to be counted. An end
        without a response id always counts as the first.
        """
        if not response_id:
            return True, usage
        known = self._usage_known.get(response_id)
        self._usage_known[response_id] = bool(known) or usage
        if len(self._usage_known) > _REMEMBERED:
            del self._usage_known[next(iter(self._usage_known))]
        return known is None, usage and not known
