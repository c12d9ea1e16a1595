"""Identifiers: fresh ones, and those that come from what they are for."""

from foredeck.services.domain.ids import id_of, new_id


def test_fresh_ones_differ_and_can_be_told_apart_by_a_person() -> None:
    found = {new_id() for _ in range(1000)}
    assert len(found) == 1000
    for one in found:
        assert len(one) == 12
        assert set(one) <= set("0123456789abcdefghjkmnpqrstvwxyz")


def test_the_one_of_a_key_is_always_the_same() -> None:
    assert id_of("step:1:call") == id_of("step:1:call") == "w13cxnzychm7"
    assert len({id_of(f"step:1:call-{n}") for n in range(1000)}) == 1000
    assert len(id_of("")) == len(id_of("\udc80")) == 12
