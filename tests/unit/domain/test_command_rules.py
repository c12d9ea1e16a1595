"""What is to be done about matches together, and how they are told."""

from foredeck.services.domain.command_rules import Match, PolicyAction, strictest, told

WARN, DENY = PolicyAction.WARN, PolicyAction.DENY


def test_only_those_of_one_action_are_told_and_each_once() -> None:
    found = [
        Match("sudo", "sudo runs it", WARN),
        Match("own", "no", DENY),
        Match("sudo", "sudo runs it", WARN),
    ]
    assert told(found, WARN) == "sudo (sudo runs it)"
    assert told(found, DENY) == "own (no)"
    assert told(found, PolicyAction.CONFIRM) == ""
    assert strictest(found) is DENY


def test_of_many_only_a_few_are_told() -> None:
    many = [Match("own", str(number), WARN) for number in range(1000)]
    assert told(many, WARN) == "own (0), own (1), own (2), own (3) and 996 more"
    assert told(many[:4], WARN) == "own (0), own (1), own (2), own (3)"
