"""The loss of a batch, whose images may stand for two labels each."""

from torch import Tensor
from torch.nn import functional

from compound.jobs.data.augment.mixing import Batch


def loss_of(logits: Tensor, batch: Batch, smoothing: float) -> Tensor:
    """Return the mean cross entropy of logits (B, classes), with smoothed labels.

    An image that another was mixed into counts for both labels by its share.
    """
    if batch.mixed_labels is None or batch.share is None:
        return functional.cross_entropy(logits, batch.labels, label_smoothing=smoothing)
    own, other = (
        functional.cross_entropy(logits, labels, label_smoothing=smoothing, reduction="none")
        for labels in (batch.labels, batch.mixed_labels)
    )
    return (batch.share * own + (1 - batch.share) * other).mean()
