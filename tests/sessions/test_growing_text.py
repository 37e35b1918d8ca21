"""When a growing text is to be checked."""

from hypothesis import given, settings
from hypothesis import strategies as st

from trio_realtime.sessions.guardrails.growing_text import GrowingText


def test_a_check_is_due_each_time_the_text_has_grown_by_the_length() -> None:
    text = GrowingText(10)
    assert [text.add("12345") for _ in range(4)] == [False, True, True, True]
    assert text.take() == "12345" * 4
    assert not text.due
    assert text.add("1234567890")


def test_nothing_is_due_before_anything_was_said() -> None:
    text = GrowingText(1)
    assert not text.due
    assert not text.unchecked
    assert not text.add("")
    assert text.checked == 0


def test_a_short_text_is_never_due_but_it_is_unchecked() -> None:
    text = GrowingText(100)
    text.add("short")
    assert not text.due
    assert text.unchecked
    assert text.take() == "short"
    assert (text.unchecked, text.checked) == (False, 5)


def test_several_lengths_at_once_are_one_check() -> None:
    text = GrowingText(3)
    assert text.add("x" * 10)
    text.take()
    assert not text.add("x")  # 11 characters: 12 is the next multiple
    assert text.add("x")


@given(st.integers(1, 12), st.lists(st.text(max_size=9)), st.data())
@settings(max_examples=80, deadline=None)
def test_every_multiple_of_the_length_is_checked_and_no_character_is_lost(
    interval: int, deltas: list[str], data: st.DataObject
) -> None:
    text, so_far, checked = GrowingText(interval), "", 0
    for delta in deltas:
        so_far += delta
        assert text.add(delta) == text.due == (len(so_far) // interval > checked // interval)
        if text.due and data.draw(st.booleans()):
            assert text.take() == so_far
            checked = len(so_far)
        assert text.checked == checked
        assert text.unchecked == (len(so_far) > checked)
    assert text.take() == so_far
