"""Which hosts workers can do without."""

from compound.cluster.worker_group.host_health import avoidable


def test_a_silent_host_is_avoided_where_another_can_take_the_workers() -> None:
    assert avoidable({"a"}, {"a", "b"}) == {"a"}
    assert avoidable({"a", "b"}, {"a", "b", "c"}) == {"a", "b"}


def test_the_only_able_host_is_not_avoided() -> None:
    assert avoidable({"a"}, {"a"}) == set()
    assert avoidable({"a", "b"}, {"a", "b"}) == set()
    assert avoidable(set(), {"a"}) == set()
