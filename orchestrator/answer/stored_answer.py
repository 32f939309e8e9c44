"""The answer of a study in its store: as the study wrote it, or made now from an older one."""

from compound.jobs.models.scaled import Networks
from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.answer.answer import answer_of
from compound.orchestrator.answer.answer_inputs import AnswerInputs
from compound.orchestrator.answer.at_chance import without_guesses
from compound.orchestrator.answer.lines import line_jobs
from compound.orchestrator.answer.so_far import Work, work_of
from compound.orchestrator.forecast.devices import hosts_of, profile_of
from compound.orchestrator.forecast.job_cost import CostModel
from compound.orchestrator.records.documents import ANSWER, Documents
from compound.schemas.answer import Answer


def stored_answer(store: ArtifactStore, stored: Documents) -> Answer | None:
    """Return the answer that the study wrote, or make it; None where nothing is planned yet.

    One that an older program has picked by another rule is made anew. It says what is still to do.
    """
    answer = store.study(stored.record.spec.name).read(ANSWER, Answer)
    if answer is None or not answer.is_current(compared=stored.along is not None):
        answer = made_answer(store, stored) or answer
    if answer is None or stored.data is None:
        return answer
    checked = without_guesses(answer, stored.data)
    return checked.model_copy(update={"so_far": work_in(store, stored).text})


def work_in(store: ArtifactStore, stored: Documents) -> Work:
    """Count the jobs of a study."""
    return work_of(stored, store.results([job.request.job.id for job in stored.jobs]))


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
