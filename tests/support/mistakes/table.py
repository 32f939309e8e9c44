"""All mistakes, by the headings of the page."""

from collections.abc import Mapping

from tests.support.mistakes.in_keys import KEYS, SYNTAX
from tests.support.mistakes.in_plans_and_data import DATA_MISTAKES, PLANS
from tests.support.mistakes.in_values import TYPES, VALUES
from tests.support.mistakes.mistake import Mistake
from tests.support.mistakes.on_the_command_line import TYPED

TABLE: Mapping[str, list[Mistake]] = {
    "YAML": SYNTAX,
    "Keys": KEYS,
    "Types": TYPES,
    "Values": VALUES,
    "Plans that cannot be carried out": PLANS,
    "Data": DATA_MISTAKES,
    "Command line and files": TYPED,
}
