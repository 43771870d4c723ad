"""GLEU, the sentence-level reward of GNMT's refinement (Wu et al. 2016, arXiv 1609.08144, section 5).

Over all n-grams of 1 to 4 tokens, the size of the multiset intersection of both sentences divided by the larger of the
two n-gram counts: the minimum of precision and recall. Unlike BLEU it is designed for single sentences: symmetric,
without a brevity penalty, and zero only if no token is shared. The value depends on the unit of a token.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

from nmt.evaluation.measure import Measure, Outcome, Score
from nmt.evaluation.tokenization import DEFAULT, tokenizer

LONGEST = 4
"""Order of the longest n-gram."""


class Gleu(Measure):
    """Mean sentence GLEU over words, 0 to 100."""

    label = "GLEU"
    counts_words = True

    def score(self, outcome: Outcome) -> Score:
        """As `corpus_gleu`."""
        value = corpus_gleu(outcome.hypotheses, outcome.references, outcome.words)
        named = signature(outcome.words, len(outcome.references))
        return Score(self.label, value, named, "mean of sentences, in words")


def signature(tokenizer_name: str = DEFAULT, references: int = 1) -> str:
    """The signature of `corpus_gleu`, in sacrebleu's format."""
    return f"nrefs:{references}|case:mixed|tok:{tokenizer_name}|orders:1-4|mean:sentences"


def ngrams(tokens: Sequence[Hashable]) -> Counter[tuple[Hashable, ...]]:
    """The count of each n-gram of 1 to 4 tokens."""
    counts: Counter[tuple[Hashable, ...]] = Counter()
    for order in range(1, LONGEST + 1):
        counts.update(zip(*(tokens[start:] for start in range(order)), strict=False))
    return counts


def gleus(hypotheses: Iterable[Sequence[Hashable]], reference: Sequence[Hashable]) -> list[float]:
    """GLEU of several hypotheses against one reference, each from 0 to 1.

    Two empty sentences score 1; an empty one against any other scores 0.
    """
    wanted, expected = ngrams(reference), number_of_ngrams(len(reference))
    found = []
    for hypothesis in hypotheses:
        most = max(number_of_ngrams(len(hypothesis)), expected)
        counts = ngrams(hypothesis)
        shared = sum(min(count, wanted[ngram]) for ngram, count in counts.items() if ngram in wanted)
        found.append(shared / most if most else 1.0)
    return found


def gleu(hypothesis: Sequence[Hashable], reference: Sequence[Hashable]) -> float:
    """GLEU of one sentence, from 0 to 1; tokens are words, pieces or ids."""
    return gleus([hypothesis], reference)[0]


def corpus_gleu(hypotheses: Sequence[str], references: Sequence[Sequence[str]], tokenizer_name: str = DEFAULT) -> float:
    """Mean sentence GLEU over words, cased, on BLEU's scale of 0 to 100.

    Args:
        hypotheses: detokenised lines.
        references: one or more texts with the same number of lines; of several, the most similar line counts.
        tokenizer_name: sacrebleu's name of the tokenizer, as for BLEU.
    """
    total = 0.0
    for line, *rights in zip(hypotheses, *references, strict=True):
        hypothesis = words(line, tokenizer_name)
        total += max(gleu(hypothesis, words(right, tokenizer_name)) for right in rights)
    return 100 * total / len(hypotheses) if hypotheses else 0.0


def words(line: str, tokenizer_name: str = DEFAULT) -> list[str]:
    """The words of a detokenised line as BLEU splits it, cased."""
    return tokenizer(tokenizer_name)(line).split()


def number_of_ngrams(length: int) -> int:
    """Number of n-grams of 1 to 4 tokens, repeats included, in a sentence of this length."""
    return sum(max(length - order, 0) for order in range(LONGEST))
