"""One name for one network, whatever its job was planned for."""

import pytest

from compound.orchestrator.wording.network_names import label_in, network_names

NAME = "d1.00-w1.40-r8"


@pytest.mark.parametrize(
    "job",
    [f"{NAME}-s0", f"{NAME}-s12-e3", f"{NAME}-s0-lr0.15", f"gate-{NAME}-s1", f"phi-0.5-{NAME}-s0"],
)
def test_a_jobs_label_holds_that_of_its_network(job: str) -> None:
    assert label_in(job) == NAME


def test_a_label_of_another_form_stays() -> None:
    assert label_in("resnet-50") == "resnet-50"


def test_networks_of_one_label_have_their_hash_and_a_network_of_two_keeps_the_first() -> None:
    planned = [
        ("aaaa1111", f"{NAME}-s0"),
        ("bbbb2222", f"gate-{NAME}-s0"),
        ("cccc3333", "gate-d3.98-w1.00-r16-s0"),
        ("cccc3333", "phi2-d4.00-w1.00-r16-s0"),
    ]
    assert network_names(planned) == {
        "aaaa1111": f"{NAME}-aaaa",
        "bbbb2222": f"{NAME}-bbbb",
        "cccc3333": "d3.98-w1.00-r16",
    }
