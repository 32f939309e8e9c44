"""The answer of a study for its status: as it was written, or made where it is of an older rule."""

from collections.abc import Collection

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.records.documents import ALONG, BASELINE, VERDICT, documents
from compound.schemas.answer import Answer


def newest_answer(
    store: ArtifactStore, study: str, written: Answer | None, listed: Collection[str]
) -> Answer | None:
    """Return a study's answer; made where there is none, or one that was picked by another rule.

    `written`: the answer that it has stored; `listed`: what lies in its folder.
    """
    older = written and not written.is_current(compared=ALONG in listed)
    if not older and (written or not {VERDICT, BASELINE} & {*listed}):
        return written
    from compound.orchestrator.answer.stored_answer import made_answer  # statistics, which take 1 s

    return made_answer(store, read) if (read := documents(store.study(study))) else written
