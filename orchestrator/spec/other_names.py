"""What other tools call a key: people who come from them write it so."""

from collections.abc import Collection

_NAMES = {
    "learning_rate": "lr lr0 learningrate eta base_lr",
    "weight_decay": "wd l2 weightdecay",
    "batch": "batch_size batchsize bs train_batch_size global_batch_size",
    "epochs": "max_epochs num_epochs n_epochs epoch max_epoch num_train_epochs",
    "optimizer": "optimiser opt optim",
    "schedule": "scheduler lr_scheduler sched",
    "accumulate": "accumulate_grad_batches gradient_accumulation_steps grad_accum",
    "label_smoothing": "smoothing",
    "dropout": "drop drop_rate",
    "survival": "drop_path stochastic_depth",
    "augment": "aug augmentation augmentations transforms",
    "precision": "amp dtype",
    "clip_norm": "grad_clip gradient_clip_val clip_grad",
    "baseline": "model network architecture arch backbone",
    "data": "dataset data_dir",
    "path": "root folder dir directory data_path",
    "source": "type format",
    "resolution": "img_size image_size imgsz input_size",
    "size": "img_size image_size imgsz",
    "store": "output output_dir save_dir project storage log_dir",
    "seeds": "n_seeds num_seeds repeats runs",
    "seed": "random_state random_seed",
    "workers": "num_workers devices world_size n_workers",
    "gpus": "gpu num_gpus gpus_per_worker",
    "cpus": "cpu num_cpus cpus_per_worker",
    "validation": "val val_split valid validation_split",
    "test": "test_split test_size",
    "label_column": "label target label_key",
    "image_column": "image image_key",
    "money": "cost price",
}
"""By a key of a spec, the same in Lightning, timm, ultralytics, Ray, Optuna, scikit-learn and
Hugging Face."""


def own_name(name: str, keys: Collection[str]) -> list[str]:
    """Return which of the keys has this name elsewhere, in a list; none where none has."""
    plain = name.lower().replace("-", "_")
    return [k for k in keys if plain == k or plain in _NAMES.get(k, "").split()][:1]
