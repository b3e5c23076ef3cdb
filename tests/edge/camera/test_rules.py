"""The rules of --when: which answers they take, from which frame on, and which rules are refused."""

import pytest
from collected import answer

from tlpipe_edge.camera.rules import Rules, When, parse
from tlpipe_edge.camera.settings import Adjustable, Settings
from tlpipe_edge.contract.review import Reason
from tlpipe_edge.errors import WrongUsage

UNSMOOTHED = Adjustable(Settings())
ALL = When(frozenset(Reason) - {Reason.ASKED}, 60.0)


def takes(rules: Rules, now: float) -> bool:
    """Whether a frame is taken at this second."""
    reasons = rules.reasons(answer(0), now)
    rules.taken(reasons, now)
    return bool(reasons)


def test_the_rules_of_the_command_line() -> None:
    assert parse(["uncertain", "unknown"]) == When()
    assert parse(["changed", "every:2.5"]) == When(frozenset((Reason.CHANGED, Reason.EVERY)), 2.5)


@pytest.mark.parametrize("rule", ["certain", "every", "every:", "every:0", "every:0.5", "every:nan", "every:1e999", ""])
def test_another_rule_is_refused_with_those_that_there_are(rule: str) -> None:
    with pytest.raises(WrongUsage, match="is not a rule") as caught:
        parse(["unknown", rule])
    assert caught.value.advice.startswith("Choose uncertain, unknown, changed or every:N")


def test_two_intervals_are_refused() -> None:
    with pytest.raises(WrongUsage, match="every:60 is a second time"):
        parse(["every:10", "every:60"])


def test_an_answer_is_uncertain_by_the_difference_of_its_two_highest_scores() -> None:
    rules = Rules(When(), UNSMOOTHED)
    assert rules.reasons(answer(0, 0.55, second=0.4), 0) == (Reason.UNCERTAIN,)
    assert rules.reasons(answer(0, 0.60, second=0.3), 0) == ()
    assert rules.reasons(answer(0, 0.30, second=0.05), 0) == (Reason.UNKNOWN,)
    assert rules.reasons(answer(0, 0.30, second=0.25), 0) == (Reason.UNKNOWN, Reason.UNCERTAIN)


def test_a_rule_that_was_not_chosen_says_nothing() -> None:
    rules = Rules(When(frozenset((Reason.CHANGED,))), UNSMOOTHED)
    assert [rules.reasons(answer(0, score, second=0.2), 0) for score in (0.3, 0.3, 0.9, 0.9)] == [
        (),
        (),
        (Reason.CHANGED,),
        (),
    ]


def test_the_first_label_is_no_change() -> None:
    rules = Rules(ALL, UNSMOOTHED)
    labels = ("hat", "hat", "shoe", "shoe", "hat")
    found = [Reason.CHANGED in rules.reasons(answer(0, 0.9, label=label), 0) for label in labels]
    assert found == [False, False, True, False, True]


def test_every_is_in_seconds_and_goes_on_when_the_clock_is_set_back() -> None:
    rules = Rules(When(frozenset((Reason.EVERY,)), 60.0), UNSMOOTHED, last=100.0)
    times = (120.0, 159.0, 160.0, 219.0, 220.0, 50.0, 109.0, 110.0)
    assert [takes(rules, now) for now in times] == [False, False, True, False, True, True, False, True]


def test_every_holds_until_a_frame_is_taken_and_again_if_that_is_lost() -> None:
    rules = Rules(When(frozenset((Reason.EVERY,)), 60.0), UNSMOOTHED)
    assert [rules.reasons(answer(0), now) for now in (0.0, 1.0)] == [(Reason.EVERY,)] * 2
    assert takes(rules, 2.0) and not takes(rules, 3.0)
    rules.lost(1.0)
    assert not takes(rules, 4.0)
    rules.lost(2.0)
    assert takes(rules, 5.0)
    rules.taken((Reason.UNCERTAIN,), 64.0)
    assert takes(rules, 65.0)


@pytest.mark.parametrize(("smoothing", "frames"), [(0.0, 1), (0.7, 7), (0.9, 22)])
def test_what_a_change_of_the_scene_alone_can_cause_is_not_kept(smoothing: float, frames: int) -> None:
    """``frames``: the first power of the weight that is below 0.1. A certain frame between starts again."""
    rules = Rules(When(), Adjustable(Settings(smoothing=smoothing)))
    for _ in range(2):
        assert rules.reasons(answer(0, 0.9, second=0.05), 0) == ()
        found = [rules.reasons(answer(0, 0.3, second=0.25), 0) for _ in range(frames)]
        assert found[:-1] == [()] * (frames - 1) and found[-1] == (Reason.UNKNOWN, Reason.UNCERTAIN)


def test_a_model_of_one_class_is_never_uncertain() -> None:
    import dataclasses

    single = dataclasses.replace(answer(0), scores=answer(0).scores[:1])
    assert Rules(When(), UNSMOOTHED).reasons(single, 0) == ()
