"""Generation settings of Hugging Face's transformers as settings of our beam search.

Their score is log P / length ** length_penalty, where the length counts the end of sentence, as ours does. Their
`early_stopping` decides when a sentence ends: true, by the number of finished hypotheses; false, by comparing live
hypotheses as if they ended now (`stop_at_current_length`); "never", as our search does by default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from nmt.interop.settings import Settings
from nmt.options import LONGEST, MOST_BEAMS
from nmt.search.options import BeamSearch

DEFAULTS: Mapping[str, Any] = {"num_beams": 1, "length_penalty": 1.0, "early_stopping": False, "max_length": 20}
"""The defaults of transformers, for settings that a file leaves out."""

REFUSED = (
    "begin_suppress_tokens",
    "constraints",
    "diversity_penalty",
    "do_sample",
    "dola_layers",
    "encoder_no_repeat_ngram_size",
    "exponential_decay_length_penalty",
    "force_words_ids",
    "forced_bos_token_id",
    "forced_decoder_ids",
    "max_time",
    "min_length",
    "min_new_tokens",
    "no_repeat_ngram_size",
    "penalty_alpha",
    "sequence_bias",
    "stop_strings",
    "suppress_tokens",
    "token_healing",
    "watermarking_config",
)
"""Settings that change the result if set."""

REFUSED_BUT_ONE = (
    "encoder_repetition_penalty",
    "guidance_scale",
    "num_beam_groups",
    "num_return_sequences",
    "repetition_penalty",
)
"""Settings that change the result unless they are 1."""

_LengthPenalty = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass(frozen=True)
class MarianSearch:
    """The converted settings."""

    options: BeamSearch
    never_pad: bool
    """Whether padding is also excluded from the softmax; it is never chosen in any case."""


def marian_search(settings: Settings, pad: int, start: int, eos: int) -> MarianSearch:
    """Settings with which our beam search finds the same as theirs.

    Args:
        settings: those of generation_config.json, or of config.json if there is none.
        pad: id of padding.
        start: id of the decoder's start token.
        eos: id of the end of sentence.

    Raises:
        UserError: a setting changes the result and we have no option for it; it is named.
    """
    settings.refuse(REFUSED)
    for name in REFUSED_BUT_ONE:
        if settings.get(name) not in (None, 1):
            raise settings.unsupported(name, "1", settings.get(name))
    for name, token in (("pad_token_id", pad), ("decoder_start_token_id", start), ("eos_token_id", eos)):
        if (found := _tokens(settings, name)) not in (None, [token]):
            raise settings.unsupported(name, f"{token}, as in config.json", found)
    forced = _tokens(settings, "forced_eos_token_id")
    if forced not in (None, [eos]):
        raise settings.unsupported("forced_eos_token_id", str(eos), forced)
    never_chosen = settings.read("bad_words_ids", list[list[int]] | None, "lists of ids of tokens") or []
    if any(word != [pad] for word in never_chosen):
        raise settings.unsupported("bad_words_ids", f"padding alone, [[{pad}]]", never_chosen)
    early = settings.read("early_stopping", bool | Literal["never"], 'true, false or "never"')
    with settings.fitting():
        options = BeamSearch(
            beam=settings.size("num_beams", MOST_BEAMS),
            length_penalty=settings.read("length_penalty", _LengthPenalty, "a number of at least 0"),
            length_normalization="power",
            early_stopping=early is True,
            stop_at_current_length=early is False,
            max_length_factor=0.0,
            max_length_offset=_longest(settings),
            free_end_at_limit=forced is not None,
        )
    return MarianSearch(options, never_pad=bool(never_chosen) and settings.flag("renormalize_logits"))


def _tokens(settings: Settings, name: str) -> list[int] | None:
    """A list of token ids; a single one may be given without a list."""
    found: int | list[int] | None = settings.read(name, int | list[int] | None, "the id of a token")
    return [found] if isinstance(found, int) else found


def _longest(settings: Settings) -> int:
    """Maximum number of tokens in a translation, without EOS. `max_length` counts the start token as well."""
    if settings.get("max_new_tokens") is not None:
        return settings.size("max_new_tokens", LONGEST) - 1
    return max(settings.size("max_length", LONGEST) - 2, 0)
