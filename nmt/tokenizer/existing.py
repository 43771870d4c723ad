"""The tokenizers of an existing model, for a new model with the same token ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Literal

from nmt.conflict import Conflict
from nmt.digest import file_digest
from nmt.errors import UserError
from nmt.options import InputPath, Options
from nmt.tokenizer.base import TokenizerPair
from nmt.tokenizer.folder import DESCRIPTION, save_tokenizers
from nmt.tokenizer.saved import load_tokenizers


class ExistingTokenizer(Options):
    """The tokenizers of an existing model; nothing is trained."""

    kind: Literal["existing"] = "existing"
    directory: InputPath
    """A model directory, or its folder tokenizer/."""

    @property
    def joint(self) -> bool:
        """Whether both sides share one vocabulary, even if they segment text differently."""
        sides = (self._pair.source, self._pair.target)
        source, target = (side.pieces(range(side.vocabulary_size)) for side in sides)
        return source == target

    @property
    def samples(self) -> bool:
        """Never: training text is segmented as for translation."""
        return False

    @property
    def vocabulary_sizes(self) -> tuple[int, int]:
        """Vocabulary sizes of source and target."""
        return self._pair.source.vocabulary_size, self._pair.target.vocabulary_size

    def conflicts_alone(self) -> Iterable[Conflict]:
        """What these options say against text that has no source: nothing, they are as they are."""
        return ()

    @property
    def sizes_are_bounds(self) -> bool:
        """Never: the tokenizers exist, so their sizes are exact."""
        return False

    def digests(self) -> Mapping[str, str]:
        """SHA-256 of the files that are read, by name."""
        return {"existing tokenizer": file_digest(self._folder / DESCRIPTION)}

    def train(self, source_text: Path, target_text: Path, directory: Path) -> TokenizerPair:
        """Copies the tokenizers to `directory`; the text is not read.

        Raises:
            UserError: they are missing or damaged.
        """
        save_tokenizers(self._pair, directory)
        return self._pair

    def train_alone(self, text: Path, directory: Path) -> TokenizerPair:
        """Copies that of the target, for a language model; the text is not read.

        Raises:
            UserError: as `train`.
        """
        pair = TokenizerPair(self._pair.target, self._pair.target)
        save_tokenizers(pair, directory)
        return pair

    @property
    def _folder(self) -> Path:
        inside = self.directory / "tokenizer"
        return inside if inside.is_dir() else self.directory

    @cached_property
    def _pair(self) -> TokenizerPair:
        if not (self._folder / DESCRIPTION).exists():
            raise UserError(
                str(self.directory),
                "a model directory, or its folder tokenizer/",
                f"no {DESCRIPTION} there",
                "`nmt run RECIPE` makes one, in runs/<corpus>_<source>_<target>/<recipe name>/tokenizer.",
            )
        return load_tokenizers(self._folder)
