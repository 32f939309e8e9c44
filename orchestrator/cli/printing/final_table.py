"""The table of test accuracies, each beside the validation accuracy of the same weights."""

from collections.abc import Mapping

from compound.orchestrator.cli.printing.output import print_table, say
from compound.orchestrator.wording.final_texts import covers_text, final_text
from compound.orchestrator.wording.numbers import counted
from compound.schemas.final_evaluation import FinalTest, NetworkScore

COLUMNS = ("|role", "network", ">seeds", ">test", ">interval", ">spread", ">validation")
KEEP = ("role", "test", "network", "interval", "validation")


def show_final(final: FinalTest | None, names: Mapping[str, str]) -> None:
    """Print the test accuracies; without any, what is known of the test part.

    `names`: of networks, by the hashes of their architectures.
    """
    if final is None or not any(network.seeds for network in final.networks):
        say("", final_text(final))
    else:
        images = counted(final.part.images if final.part else final.images, "image")
        title = f"test part: {images} used for no decision, {100 * final.level:g} % intervals"
        print_table(
            f"\n{title}", COLUMNS, [_cells(network, names) for network in final.networks], KEEP
        )
        say(covers_text(final.networks))
        for difference in final.differences:
            say(difference.sentence)


def _cells(network: NetworkScore, names: Mapping[str, str]) -> list[str]:
    ends = ""
    if network.low is not None and network.high is not None:
        ends = f"{network.low:.2%} to {network.high:.2%}"
    return [
        network.name if network.role in ("family", "compared") else network.role,
        names.get(network.network, network.network[:8]),
        f"{len(network.seeds)} of {network.planned}",
        _percent(network.accuracy),
        ends,
        _percent(network.spread),
        _percent(network.validation),
    ]


def _percent(fraction: float | None) -> str:
    return "" if fraction is None else f"{fraction:.2%}"
