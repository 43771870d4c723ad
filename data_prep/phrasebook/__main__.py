"""Write the corpus and show a few pairs: `python -m data_prep.phrasebook --output DIR`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pydantic import ValidationError

from data_prep.phrasebook.corpus import Phrasebook
from nmt.data.pairs import read_pairs
from nmt.errors import UserError


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status: 0, or 2 for a user error."""
    fields = Phrasebook.model_fields
    parser = argparse.ArgumentParser(
        prog="python -m data_prep.phrasebook",
        description="Write the phrasebook: English-German sentence pairs in <split>.en and <split>.de. The splits "
        "are training, validation, test (some sentences with names that do not occur in training), test_unseen "
        "(combinations of words that do not occur in training) and test_everyday (everyday sentences).",
        epilog="example: python -m data_prep.phrasebook --output phrasebook --pairs 40000 --seed 1",
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder for the files")
    for name in ("pairs", "seed"):
        field = fields[name]
        parser.add_argument(
            f"--{name}", type=int, default=field.default, metavar="N",
            help=f"{field.description} (default {field.default})",
        )  # fmt: skip
    chosen = parser.parse_args(arguments)
    try:
        corpus = Phrasebook(pairs=chosen.pairs, seed=chosen.seed).fetch(chosen.output)
    except ValidationError as error:
        parser.error(f"--{error.errors()[0]['loc'][0]}: {error.errors()[0]['msg']}")
    except (UserError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    files = {"training": corpus.training[0], "validation": corpus.validation, **corpus.tests}
    for split, text in files.items():
        pairs = list(read_pairs(text))
        sys.stdout.write(f"{split}: {len(pairs)} pairs\n")
        for one, other in pairs[:3]:
            sys.stdout.write(f"  {one}\n    {other}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
