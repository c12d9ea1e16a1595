"""Every state has a look, and no look depends on colour alone."""

import pytest
from rich.cells import cell_len

from foredeck.services.domain.states import JobState, RunState, State, StepState
from foredeck.widgets.state_style import STATE_CLASSES, WORD_WIDTH, glyph_of, look_of

ALL: list[State] = [*RunState, *StepState, *JobState]


@pytest.mark.parametrize("state", ALL, ids=lambda state: f"{type(state).__name__}-{state}")
def test_every_state_has_a_glyph_of_one_cell_and_a_word(state: State) -> None:
    look = look_of(state)
    assert cell_len(look.glyph) == cell_len(look.ascii) == 1
    assert look.ascii.isascii()
    assert 0 < len(look.word) <= WORD_WIDTH
    assert look.style in STATE_CLASSES


def test_the_glyphs_of_step_states_are_all_different() -> None:
    for ascii_only in (False, True):
        glyphs = {glyph_of(state, ascii_only=ascii_only) for state in StepState}
        assert len(glyphs) == len(StepState)


def test_words_are_those_of_the_specification_where_they_fit() -> None:
    assert look_of(RunState.PARTIAL_SUCCESS).word == "partial"
    assert look_of(JobState.IN_PROGRESS).word == "running"
    assert look_of(StepState.FAILED).word == "failed"
