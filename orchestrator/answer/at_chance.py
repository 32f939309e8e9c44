"""An answer where no network has learned more than guessing knows: none is taken."""

from compound.orchestrator.analyse.chance import Chance
from compound.schemas.answer import Answer
from compound.schemas.data import DataInfo


def without_guesses(answer: Answer, data: DataInfo) -> Answer:
    """Return the answer that there is none, where no trained network is better than chance."""
    means = [row.validation.value for row in answer.rows if row.trained and row.validation]
    chance = Chance.of(data)
    if answer.coefficients is None or not chance.explains(means, answer.level):
        return answer
    texts = {"chance": chance.text, "sentence": f"There is no answer: {chance.text}."}
    return answer.model_copy(update={"phi": None, "way": "choice", "beyond": None, **texts})
