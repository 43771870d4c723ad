"""Run by fairseq's interpreter, for training_speed.py: the batches of fairseq-train's first epoch, in its order.

    python training_speed_batches.py OUTPUT [the arguments of fairseq-train]

Writes one line for each batch: the indices of its sentence pairs, as fairseq's own iterator hands them to its trainer.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fairseq import options, tasks
from fairseq.dataclass.utils import convert_namespace_to_omegaconf


def main(output: Path, arguments: list[str]) -> None:
    """Write the batches of epoch 1."""
    config = convert_namespace_to_omegaconf(options.parse_args_and_arch(options.get_training_parser(), arguments))
    task = tasks.setup_task(config.task)
    task.load_dataset("train")
    batches = task.get_batch_iterator(
        task.dataset("train"),
        max_tokens=config.dataset.max_tokens,
        max_positions=task.max_positions(),
        required_batch_size_multiple=config.dataset.required_batch_size_multiple,
        seed=config.common.seed,
        epoch=1,
    ).next_epoch_itr(shuffle=True)
    output.write_text("".join(" ".join(map(str, batch["id"].tolist())) + "\n" for batch in batches))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
