"""Audio that is held back until it is checked: what is cut meanwhile is never heard."""

from hypothesis import given
from hypothesis import strategies as st

from trio_realtime.context import RunContext
from trio_realtime.events import RealtimeAudioEnd, RealtimeEventInfo
from trio_realtime.sessions.guardrails.held_audio import HeldAudio

INFO = RealtimeEventInfo(context=RunContext(context=None))

ACTIONS = st.sampled_from(["hold a", "hold b", "hold c", "drop a", "drop b", "release", "all"])


def piece(item_id: str) -> RealtimeAudioEnd:
    return RealtimeAudioEnd(item_id=item_id, content_index=0, info=INFO)


@given(st.lists(ACTIONS, max_size=40))
def test_what_was_dropped_is_never_released_and_nothing_else_is_lost(actions: list[str]) -> None:
    """As if all that is held were looked through at each interruption."""
    audio, expected = HeldAudio(), list[tuple[int, RealtimeAudioEnd]]()
    for said, action in enumerate(actions):
        kind, _, name = action.partition(" ")
        if kind == "hold":
            audio.hold(piece(name), said)
            expected.append((said, piece(name)))
        elif kind == "drop":
            audio.drop(name)
            expected = [held for held in expected if held[1] != piece(name)]
        elif kind == "release":
            free = [held[1] for held in expected if held[0] < said // 2]
            expected = expected[len(free) :]
            assert audio.release(said // 2) == free
        else:
            assert audio.release_all() == [held[1] for held in expected]
            expected = []
        assert bool(audio) == bool(expected)
