"""Whether a study that ran before may continue with a changed spec."""

from collections.abc import Callable, Iterator, Sequence

from compound.orchestrator.plan.plan_file import differences
from compound.orchestrator.records.documents import Documents
from compound.orchestrator.records.selected_scores import has_asha
from compound.schemas.data import DataInfo
from compound.schemas.errors import PlanError
from compound.schemas.plan import AnyPlan
from compound.schemas.study import AnySpec

_LISTED_CHANGES = 3
_LONGEST = 60
"""Characters of a name that leave room for a number."""

_REFUSED_TEXT = {"kind": "another kind", "data": "other data", "baseline": "another baseline"}

_ALLOWED = (
    "points, controls, seeds, epochs, recipes, rounds, budgets and the family of a study may "
    "change; its kind, data and baseline may not"
)


def require_extension(previous: Documents | None, plan: AnyPlan) -> None:
    """Refuse a plan that cannot extend the study of its name.

    Raises PlanError: the study was begun as another kind, with other data or another baseline;
    its jobs and the new ones could not be compared.
    """
    if previous is None:
        return
    require_unselected(previous.record.spec)
    if previous.record.spec.kind != plan.kind:
        raise _refused(plan.study, "kind", [f"{previous.record.spec.kind} -> {plan.kind}"])
    begun = previous.plan or previous.trained
    if begun is None:
        return
    if begun.data.fingerprint != plan.data.fingerprint:
        if begun.data.pixels != plan.data.pixels:
            raise _other_pixels(plan.study)
        raise _refused(plan.study, "data", _data_changes(begun.data, plan.data))
    if begun.baseline.id != plan.baseline.id:
        was, now = (
            candidate.architecture.model_dump(mode="json")
            for candidate in (begun.baseline, plan.baseline)
        )
        raise _refused(plan.study, "baseline", list(differences(was, now)))


def require_unselected(spec: AnySpec) -> None:
    """Raise PlanError where ASHA stops jobs of a search: their scores decide nothing."""
    if not has_asha(spec) or spec.search is None:
        return
    raise PlanError(
        f"study '{spec.name}' lets ASHA stop its jobs, which is no longer offered: the jobs that "
        "finished were selected by the scores that the verdict compares",
        where="search.promotion",
        allowed="seeds that no selection has seen, under another name",
        next_step=f"write name: {spec.name}-rungs, seed: {spec.seed + spec.search.seeds} and "
        "search.promotion: {kind: rungs, factor: 4, keep: 0.25}, and run the spec again; the "
        "report of the old study can still be made",
    )


def say_other_defaults(
    previous: Documents | None, spec: AnySpec, text: str, note: Callable[[str], None]
) -> None:
    """Say which defaults have changed since a study ran with the same text of a spec."""
    if previous is None or previous.record.text != text:
        return
    changed = list(differences(_recipes(previous.record.spec), _recipes(spec)))
    if not changed:
        return
    more = len(changed) - _LISTED_CHANGES
    rest = f" and {more} other changes" if more > 0 else ""
    note(
        f"warning: study '{spec.name}' was begun by another version, or with other --set, and its "
        f"jobs are trained anew with {', '.join(changed[:_LISTED_CHANGES])}{rest}: to keep what "
        "was, write it into the spec"
    )


def _recipes(spec: AnySpec) -> dict[str, object]:
    """Return what the jobs of a spec are trained by."""
    return {
        "train": spec.train.model_dump(mode="json"),
        "search.train": spec.first_recipe.model_dump(mode="json"),
    }


def _data_changes(was: DataInfo, now: DataInfo) -> list[str]:
    # The ledger and the names of images say why; counts and fingerprint say what is different.
    names = {"ledger", "quarantined", "undecodable"}
    before, after = (info.model_dump(mode="json", exclude=names) for info in (was, now))
    changed = sorted(
        differences(before, after), key=lambda change: change.startswith("fingerprint")
    )
    return [*_undecodable_changes(was, now), *changed]


def _undecodable_changes(was: DataInfo, now: DataInfo) -> Iterator[str]:
    """Say that other images are left out, which the packages of a machine decide too."""
    left_out, leaves_out = len(was.quarantined), len(now.quarantined)
    if was.quarantined and was.undecodable is None:
        yield f"{left_out:,} images that cannot be decoded, of which an older version kept no list"
    elif was.undecodable != now.undecodable and (left_out or leaves_out):
        yield f"images that cannot be decoded: {left_out:,} -> {leaves_out:,}"


def _other_pixels(study: str) -> PlanError:
    return PlanError(
        f"study '{study}' was begun when some of these images were read with other pixels: today "
        "orientation, transparency, depth and a mix of grey and colour are as a viewer shows them",
        where="data",
        allowed=_ALLOWED,
        next_step="give this study another `name`; the report of the old one can still be made",
    )


def _refused(study: str, key: str, changes: Sequence[str]) -> PlanError:
    more = (
        f" and {len(changes) - _LISTED_CHANGES} other changes"
        if len(changes) > _LISTED_CHANGES
        else ""
    )
    listed = ", ".join(changes[:_LISTED_CHANGES])
    return PlanError(
        f"study '{study}' was started with {_REFUSED_TEXT[key]}: {listed}{more}",
        where=key,
        allowed=_ALLOWED,
        next_step=f"compound plan SPEC --set name={study[:_LONGEST]}-2    # another study, or take "
        f"the old `{key}`",
    )
