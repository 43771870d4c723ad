"""Run by fairseq's interpreter for training_speed.py: finds the model and batches that fairseq-train would use.

    python training_speed_batches.py OUTPUT [arguments of fairseq-train]

Writes {"parameters": number of parameters, "batches": [[index of a sentence pair, ...], ...]}, the batches of the first
epoch in the order in which fairseq's own iterator passes them to its trainer.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from fairseq import options, tasks, utils
from fairseq.dataclass.utils import convert_namespace_to_omegaconf


def main(output: Path, arguments: list[str]) -> None:
    """Write both."""
    config = convert_namespace_to_omegaconf(options.parse_args_and_arch(options.get_training_parser(), arguments))
    task = tasks.setup_task(config.task)
    task.load_dataset("train")
    model = task.build_model(config.model)
    batches = task.get_batch_iterator(
        task.dataset("train"),
        max_tokens=config.dataset.max_tokens,
        max_positions=utils.resolve_max_positions(
            task.max_positions(), model.max_positions(), config.dataset.max_tokens
        ),
        required_batch_size_multiple=config.dataset.required_batch_size_multiple,
        seed=config.common.seed,
        epoch=1,
    ).next_epoch_itr(shuffle=True)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    said = {"parameters": parameters, "batches": [batch["id"].tolist() for batch in batches]}
    output.write_text(json.dumps(said), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
