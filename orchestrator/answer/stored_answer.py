"""The answer of a study in its store: as the study wrote it, or made now from an older one."""

from compound.jobs.models.scaled import Networks
from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.answer.answer import answer_of
from compound.orchestrator.answer.answer_inputs import AnswerInputs
from compound.orchestrator.answer.lines import line_jobs
from compound.orchestrator.forecast.devices import hosts_of, profile_of
from compound.orchestrator.forecast.job_cost import CostModel
from compound.orchestrator.records.documents import ANSWER, Documents
from compound.schemas.answer import Answer


def stored_answer(store: ArtifactStore, stored: Documents) -> Answer | None:
    """Return the answer that the study wrote, or make it; None where nothing is planned yet.

    One that an older program has picked by another rule is made anew.
    """
    answer = store.study(stored.record.spec.name).read(ANSWER, Answer)
    if answer and answer.is_current(compared=stored.along is not None):
        return answer
    return made_answer(store, stored) or answer


def made_answer(
    store: ArtifactStore, stored: Documents, networks: Networks | None = None
) -> Answer | None:
    """Make the answer from what the store has; None where nothing is planned yet."""
    inputs = answer_inputs(store, stored, networks)
    return answer_of(inputs) if inputs else None


def answer_inputs(
    store: ArtifactStore, stored: Documents, networks: Networks | None = None
) -> AnswerInputs | None:
    """Read what an answer is made from; None where nothing is planned yet.

    `networks` scales the baseline; by default without any code of a user.
    """
    if stored.data is None:
        return None
    spec = stored.record.spec
    costs = CostModel(profile_of(spec, store), hosts_of(spec), spec.budget, stored.data)
    results = store.results(line_jobs(stored))
    return AnswerInputs(stored, results, costs, networks or Networks())
