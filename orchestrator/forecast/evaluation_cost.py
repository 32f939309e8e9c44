"""What it takes to evaluate the trained networks on the test part, at the end of a study."""

from collections.abc import Sequence

from compound.cluster.resources import expected, resolve
from compound.jobs.device_model import largest_batch, peak_bytes
from compound.jobs.networks.workload import workload
from compound.jobs.training.optimiser.schedule import steps
from compound.orchestrator.design.budget_cost import training_state
from compound.orchestrator.forecast.job_cost import (
    EPOCH_SECONDS,
    SPARE,
    CostModel,
    evaluation_pass,
    hours,
    in_turns,
)
from compound.orchestrator.forecast.placement import sharing
from compound.schemas.forecast import Demand, EvaluationForecast
from compound.schemas.job import JobRequest
from compound.schemas.plan import FamilyPlan


def evaluation_forecast(
    costs: CostModel, searched: Sequence[Sequence[JobRequest]], families: Sequence[FamilyPlan]
) -> EvaluationForecast:
    """Bound what the test part takes: the largest of what each choice leads to.

    `searched`: for each candidate the jobs of the search whose weights are evaluated where it is
    chosen; none without a search. `families`: in the same order.
    """
    if not costs.data.test:
        return EvaluationForecast()
    forecasts = []
    for jobs, family in zip(searched, families, strict=True):
        evaluated = (planned for member in family.members for planned in member.jobs)
        requests = [*jobs, *(planned.request for planned in evaluated)]
        forecasts.append(_forecast(costs, requests))
    return max(forecasts, key=lambda forecast: forecast.total.seconds, default=EvaluationForecast())


def _forecast(costs: CostModel, requests: Sequence[JobRequest]) -> EvaluationForecast:
    demands = {request.job.id: evaluation(costs, request) for request in requests}
    total = costs.total(requests, demands).model_copy(update={"epochs": 0})
    return EvaluationForecast(total=total, demands=tuple(demands.values()))


def evaluation(costs: CostModel, request: JobRequest) -> Demand:
    """Return what it takes to evaluate a job's last weights on the test part.

    Its memory is an upper bound: that of training, whose optimiser is there and does nothing.
    """
    training = costs.demand(request)
    (request,) = resolve([request], costs.nodes)
    job, resources = request.job, request.resources
    plan = steps(job.recipe, costs.data.train, resources.most_workers)
    workers = expected(resources, costs.nodes)
    resources = resources.sized(workers)
    profile, work = in_turns(costs.profile, sharing(resources)), workload(job.architecture)
    seconds = evaluation_pass(profile, work, plan, workers, costs.data.test) + EPOCH_SECONDS
    gpu_hours, cpu_hours = hours(seconds, resources)
    images = costs.images(job, resources, costs.data.test)
    state = training_state(job.recipe, workers, resources.parallel)
    room = int(SPARE * training.room) - images
    update = {
        "memory": images + peak_bytes(costs.profile, work, plan.micro, **state),
        "fitting_batch": largest_batch(costs.profile, work, room, **state),
        "seconds": seconds,
        "gpu_hours": gpu_hours,
        "cpu_hours": cpu_hours,
        "money": costs.spending.money_for(gpu_hours, cpu_hours),
    }
    return training.model_copy(update=update)
