"""Mistakes on the command line, of files and of the machine: what is typed, in a folder with a
spec, plan.json, and a store `runs` in which the study `small` has begun."""

from tests.support.mistakes.mistake import Mistake


def typed(line: str, place: str, cause: str, allowed: str, **more) -> Mistake:
    """Return a mistake that is made in what is typed."""
    title, _, words = line.partition(": ")
    return Mistake(title, "", "", place, cause, allowed, typed=tuple(words.split()), **more)


TYPED = [
    typed(
        "a command that there is not: statsu small",
        "statsu",
        "there is no command 'statsu'",
        "status",
    ),
    typed(
        "an option that there is not: status small --josn",
        "--josn",
        "there is no option --josn",
        "--json",
    ),
    typed(
        "a key as an option: validate spec.yaml --epochs 3",
        "--epochs",
        "there is no option --epochs",
        "--set train.epochs=VALUE",
    ),
    typed("nothing to check: validate", "validate", "SPEC is missing", "--set"),
    typed(
        "a setting in two words: validate spec.yaml --set train.epochs 3",
        "'3'",
        "nothing takes '3'",
        "type --set train.epochs=3",
    ),
    typed(
        "a setting without a value: validate spec.yaml --set train.epochs",
        "--set train.epochs",
        "not an override",
        "--set a.b.c=value",
    ),
    typed(
        "a setting of a key that there is not: validate spec.yaml --set train.epohcs=3",
        "--set train.epohcs=3",
        "unknown key 'epohcs'",
        "did you mean 'epochs'",
    ),
    typed(
        "a setting out of its range: validate spec.yaml --set train.epochs=0",
        "--set train.epochs=0",
        "0 is too small",
        "from 1 up to 100,000",
    ),
    typed(
        "a setting below a plain value: validate spec.yaml --set name.x=3",
        "--set name.x=3",
        "'name' is a plain value",
        "has no key 'x'",
    ),
    typed("a misspelt file: validate spce.yaml", "spce.yaml", "no such file", "spec.yaml"),
    typed("another suffix: validate spec.yml", "spec.yml", "no such file", "spec.yaml"),
    typed("a folder in place of a spec: plan .", ".", "it is a folder", "spec.yaml"),
    typed("a study in place of a spec: run small", "small", "no such file", "spec.yaml"),
    typed("a study that there is not: status smal", "smal", "no study is called 'smal'", "small"),
    typed(
        "status before the first run: status flowers --store elsewhere",
        "elsewhere",
        "there is no store here",
        "run a study first",
        then=("run", "spec.yaml", "--set", "budget.epochs=1"),
    ),
    typed(
        "a job of another store: export 0123456789abcdef out.safetensors",
        "0123456789abcdef",
        "no study, job or network is called",
        "a job's id or label",
    ),
    typed(
        "a runner that there is not: run spec.yaml --runner slurm",
        "slurm",
        "is not one of 'ray', 'local'",
        "--runner",
    ),
    typed(
        "a pixel unit: count resnet-18 --resolution 224px",
        "--resolution",
        "no whole number",
        "--resolution",
    ),
    typed(
        "hours and minutes in one: advise small --gpu-hours 2h30",
        "--gpu-hours",
        "'2h30' is no limit",
        "90min",
    ),
    typed(
        "a time without a unit: advise small --latency 20", "--latency", "'20' is no limit", "20ms"
    ),
    typed(
        "a network that there is not: count resnet18",
        "resnet18",
        "no network is called 'resnet18'",
        "resnet-18",
    ),
    typed(
        "a file that is there already: init spec.yaml",
        "spec.yaml",
        "the file exists",
        "another-name.yaml",
    ),
    typed(
        "a plan that is not there: run --plan paln.json",
        "paln.json",
        "no such file",
        "plan.json is there",
        then=("run", "--plan", "plan.json"),
    ),
    typed("a plan and a spec: run spec.yaml --plan plan.json", "run", "either a spec", "or a plan"),
    typed(
        "an edited plan: run --plan plan.json",
        "plan.json",
        "it was changed after it was written",
        "compound plan",
        then=("plan", "spec.yaml", "--output", "plan.json"),
    ),
    typed(
        "an address beside the local runner: run spec.yaml --runner local --address auto",
        "--address",
        "has no effect",
        "`--runner ray`",
    ),
    typed(
        "a probe's address without a probe: plan spec.yaml --address auto",
        "--address",
        "has no effect",
        "`--address` with `--probe`",
    ),
    typed("a query that is no SQL: query selct", "selct", "syntax error", "the tables metrics"),
    typed(
        "a spec of a begun study with other data: run small.yaml --runner local --set data.size=14",
        "small.yaml:4:7",
        "was started with other data",
        "its kind, data and baseline may not",
    ),
]
