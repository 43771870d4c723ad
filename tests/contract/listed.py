"""The models and the cells that the contract suites run over: a new one joins with one line."""

from __future__ import annotations

from functools import partial

from nmt.models import ModelConfig
from nmt.models.convs2s import Convolutions, ConvS2S, DecoderConvolutions
from nmt.models.deq import DEQ
from nmt.models.gnmt import GNMT
from nmt.models.language.decoder_only import DecoderOnly
from nmt.models.language.gated_convolution import Blocks, GatedConvolutionalLM
from nmt.models.language.memory_network import MemoryNetworkLM
from nmt.models.language.recurrent import RecurrentLM
from nmt.models.language.stack import StackLM
from nmt.models.luong import Luong
from nmt.models.memory_network import MemoryNetwork
from nmt.models.pooled_classifier import PooledClassifier
from nmt.models.transformer import Transformer
from nmt.nn.cells import (
    ARMA,
    GRU,
    LSTM,
    NCGRU,
    CellConfig,
    CellNormConfig,
    NondeterministicStack,
    PeepholeLSTM,
    StateRegularized,
    TanhCell,
)
from nmt.nn.cells.norms import AssortedTimeNorm, InputBatchLayerNorm, InputBatchNorm, SiteLayerNorm
from nmt.nn.clipping import Clipping
from nmt.nn.equilibrium import Implicit, Phantom
from nmt.nn.fixed_point import Anderson, Broyden, Picard
from nmt.nn.hop_attention import HopAttention
from nmt.nn.hops import LinearStart
from nmt.nn.mixers import (
    S5,
    SSRU,
    Alternating,
    Attention,
    BlockRecurrent,
    CausalAlternating,
    CausalMixerConfig,
    CircularConvolution,
    DilatedConvolution,
    MixerConfig,
    SlidingWindow,
)
from nmt.nn.norm import BatchLayerNorm, BatchNorm, LayerNorm, NormConfig
from nmt.nn.output import AdaptiveSoftmax
from nmt.nn.temperature import Temperature
from nmt.tokenizer.base import SPECIAL
from tests.solver_limits import Limits

_transformer = partial(
    Transformer.Config, model_dim=16, feedforward_dim=24, heads=2, encoder_layers=2, decoder_layers=2
)
_deep = partial(GNMT.Config, model_dim=16, encoder_layers=4, decoder_layers=4, initial_range=0.6)
_shallow = partial(GNMT.Config, model_dim=12, encoder_layers=2, decoder_layers=2, initial_range=0.6)
_convolutional = partial(ConvS2S.Config, embedding_dim=12, output_dim=12)
_recurrent = partial(Luong.Config, source_embedding_dim=12, target_embedding_dim=12, initial_range=0.6)
_equilibrium = partial(DEQ.Config, model_dim=16, feedforward_dim=24, heads=2, initial_std=0.1)
_regularized = partial(StateRegularized.Config, centroids=20, centroid_range=1.0)
_peaked = partial(StateRegularized.Config, centroids=3, centroid_range=None, temperature=Temperature(start=0.5))
_alternating = CausalAlternating(mixers=(SSRU.Config(), Attention.Config()))
_state_space = S5.Config(states=8, blocks=2)
_all_states = S5.Config(
    states=6,
    blocks=2,
    conjugate_symmetry=False,
    discretization="bilinear",
    c_initialisation="complex_normal",
    activation="full_glu",
)
_adaptive = AdaptiveSoftmax(cutoffs=(5, 9), reduction=2.0)
_EXACT: Limits = {"tolerance": 3e-7, "max_iterations": 300}  # blocks with random weights hardly contract


class _KnowsSeparators(MemoryNetwork.Config):
    """A memory network to which some tokens are separators, as a tokenizer would tell it."""

    def build(self, source_vocabulary: int, target_vocabulary: int, pad: int = SPECIAL.pad) -> MemoryNetwork:
        model = super().build(source_vocabulary, target_vocabulary, pad)
        model.separators[[token for token in (6, 8, 13, 20) if token < source_vocabulary]] = True
        return model


_answering = partial(_KnowsSeparators, model_dim=16, hops=2, memory=3, answer_positions=3, initial_std=0.5)
_pooling = partial(PooledClassifier.Config, model_dim=16, layers=3)

_recurrent_lm = partial(RecurrentLM.Config, model_dim=12, initial_range=0.6)
_memory_lm = partial(MemoryNetworkLM.Config, model_dim=12, hops=2, memory=4, initial_std=0.5)
_recurrent_blocks = partial(BlockRecurrent.Config, window=3, states=4)  # shorter than most texts of the suites
_stack_lm = partial(StackLM.Config, model_dim=16, feedforward_dim=24, heads=2, layers=2)

LanguageModelOptions = RecurrentLM.Config | StackLM.Config | GatedConvolutionalLM.Config | MemoryNetworkLM.Config

LANGUAGE_MODELS: dict[str, LanguageModelOptions] = {
    "recurrent-lm": _recurrent_lm(),
    "recurrent-lm-untied": _recurrent_lm(layers=3, tied_embeddings=False, output_bias=False, embedding_dropout=0.1),
    "recurrent-lm-published": _recurrent_lm(residual=False, scaled_embeddings=False),
    "recurrent-lm-stepwise": _recurrent_lm(cell=LSTM.Config(output_tanh=False)),
    "recurrent-lm-gru": _recurrent_lm(cell=GRU.Config()),
    "recurrent-lm-gru-reset-after": _recurrent_lm(cell=GRU.Config(reset_after=True)),
    "recurrent-lm-tanh": _recurrent_lm(layers=1, cell=TanhCell.Config()),
    "recurrent-lm-peephole-lstm": _recurrent_lm(cell=PeepholeLSTM.Config()),
    "recurrent-lm-arma": _recurrent_lm(cell=ARMA.Config()),
    "recurrent-lm-nc-gru": _recurrent_lm(cell=NCGRU.Config(orthogonal=("candidate", "reset"))),
    "recurrent-lm-layer-norm": _recurrent_lm(cell=LSTM.Config(norm=SiteLayerNorm.Config())),
    "recurrent-lm-assorted-time-norm": _recurrent_lm(cell=GRU.Config(norm=AssortedTimeNorm.Config(window=3))),
    "recurrent-lm-adaptive": _recurrent_lm(tied_embeddings=False, output=_adaptive),
    "recurrent-lm-state-regularized": _recurrent_lm(layers=1, cell=_regularized()),
    "recurrent-lm-nondeterministic-stack": _recurrent_lm(layers=1, cell=NondeterministicStack.Config()),
    "recurrent-lm-stack-window": _recurrent_lm(layers=1, cell=NondeterministicStack.Config(window=4)),
    "stack-lm": _stack_lm(),
    "stack-lm-post-norm": _stack_lm(
        norm="post", positions="learned", learned_positions=5, tied_embeddings=False, activation="relu"
    ),
    "stack-lm-ssru": _stack_lm(mixer=SSRU.Config()),
    "stack-lm-s5": _stack_lm(mixer=_state_space),
    "stack-lm-dilated-convolution": _stack_lm(mixer=DilatedConvolution.Config()),
    "stack-lm-block-recurrent": _stack_lm(
        mixer=CausalAlternating(mixers=(SlidingWindow.Config(window=2), _recurrent_blocks(normalized=False)))
    ),
    "gated-conv-lm": GatedConvolutionalLM.Config(
        embedding_dim=12,
        blocks=(Blocks(width=16, kernel=3), Blocks(width=12, kernel=4, bottleneck=8, layers=2)),
    ),
    "gated-conv-lm-bilinear-tied": GatedConvolutionalLM.Config(
        embedding_dim=12, blocks=(Blocks(width=10, kernel=2, layers=2),), gate="bilinear", tied_embeddings=True
    ),
    "memory-network-lm": _memory_lm(),
    "memory-network-lm-adjacent": _memory_lm(tying="adjacent", linear_units=1.0, memory=30),
}
"""The decoders without a source that tests/contract/test_decoders.py runs over."""
GROWING_STATES = {"stack-lm", "stack-lm-post-norm", "recurrent-lm-nondeterministic-stack"}
"""Those of them whose state grows with the text."""

MODELS: dict[str, ModelConfig] = {
    "transformer": _transformer(),
    "transformer-pre-norm": _transformer(norm="pre", activation="gelu"),
    "transformer-learned": _transformer(positions="learned", tied_embeddings="none"),
    "transformer-target-tied": _transformer(tied_embeddings="target", attention_dropout=0.2, activation_dropout=0.1),
    "transformer-marian": _transformer(
        positions="sinusoidal_published", tied_embeddings="none", activation="swish", output_bias=True
    ),
    "transformer-other-decoder": _transformer(
        decoder_feedforward_dim=10,
        decoder_heads=4,
        scaled_embeddings=False,
        normalized_embeddings=True,
    ),
    "transformer-batch-norm": _transformer(norm="pre", encoder_norm=BatchNorm.Config()),
    "transformer-batch-layer-norm": _transformer(encoder_norm=BatchLayerNorm.Config()),
    "transformer-adaptive": _transformer(tied_embeddings="none", output=_adaptive),
    "transformer-ssru": _transformer(decoder_mixer=SSRU.Config()),
    "transformer-s5": _transformer(encoder_mixer=_state_space, decoder_mixer=_state_space),
    "transformer-alternating": _transformer(decoder_mixer=_alternating),
    "transformer-convolutions": _transformer(
        encoder_mixer=Alternating(mixers=(CircularConvolution.Config(), CircularConvolution.Config(padding="zero"))),
        decoder_mixer=DilatedConvolution.Config(),
    ),
    "transformer-block-recurrent": _transformer(encoder_mixer=_recurrent_blocks(), decoder_mixer=_recurrent_blocks()),
    "gnmt": _deep(),
    "gnmt-current-context": _deep(
        upper_context="current", tied_embeddings="all", attention_dim=9, scaled_embeddings=True
    ),
    "gnmt-clipped": _deep(
        cell=LSTM.Config(output_tanh=False),
        clipping=Clipping(start=0.5, end=0.5, until_update=1),
    ),
    "gnmt-gru": _shallow(cell=GRU.Config()),
    "gnmt-peephole-lstm": _shallow(cell=PeepholeLSTM.Config()),
    "gnmt-tanh": _shallow(cell=TanhCell.Config()),
    "gnmt-layer-norm": _shallow(
        cell=LSTM.Config(norm=SiteLayerNorm.Config()), encoder_cell=GRU.Config(norm=InputBatchNorm.Config())
    ),
    "convs2s": _convolutional(
        encoder=(Convolutions(width=12, kernel=3, layers=2), Convolutions(width=16, kernel=1)),
        decoder=(DecoderConvolutions(width=10, kernel=3, layers=2), DecoderConvolutions(width=14, kernel=2)),
        positions=5,  # shorter than some sentences
    ),
    "convs2s-tied": _convolutional(
        encoder=(Convolutions(width=12, kernel=4, layers=2),),
        decoder=(DecoderConvolutions(width=8, kernel=1), DecoderConvolutions(width=8, kernel=3, attention=False)),
        tied_embeddings="all",
    ),
    "luong": _recurrent(layers=2, encoder_dim=16, decoder_dim=16),
    "luong-bidirectional": _recurrent(layers=2, encoder_dim=8, decoder_dim=16, bidirectional=True),
    "luong-hops": _recurrent(layers=1, encoder_dim=10, decoder_dim=12, attention=HopAttention.Config()),
    "luong-hops-adjacent": _recurrent(
        layers=1,
        encoder_dim=8,
        decoder_dim=12,
        bidirectional=True,
        attention=HopAttention.Config(hops=2, tying="adjacent", scaled=False, reported="mean"),
    ),
    "luong-widths-tied": _recurrent(
        layers=3,
        encoder_dim=9,
        decoder_dim=14,
        output_dim=12,
        bidirectional=True,
        scaled_embeddings=True,
        tied_embeddings="all",
        output_bias=False,
    ),
    "luong-stepwise": _recurrent(
        layers=2, encoder_dim=8, decoder_dim=14, bidirectional=True, cell=LSTM.Config(output_tanh=False)
    ),
    "luong-gru": _recurrent(layers=2, encoder_dim=9, decoder_dim=12, cell=GRU.Config(reset_after=True)),
    "luong-nc-gru": _recurrent(layers=2, encoder_dim=9, decoder_dim=12, cell=NCGRU.Config()),
    "luong-tanh": _recurrent(layers=1, encoder_dim=12, decoder_dim=12, cell=TanhCell.Config()),
    "luong-arma": _recurrent(
        layers=2,
        encoder_dim=9,
        decoder_dim=12,
        cell=ARMA.Config(p=2, q=1),
        encoder_cell=ARMA.Config(p=1, q=2, activation="relu"),
        initial_range=0.4,  # with more, two lags of random matrices enlarge every rounding
    ),
    "luong-state-regularized": _recurrent(
        layers=1, encoder_dim=9, decoder_dim=12, cell=_regularized(cell=LSTM.Config()), encoder_cell=LSTM.Config()
    ),
    "luong-assorted-time-norm": _recurrent(
        layers=1,
        encoder_dim=9,
        decoder_dim=12,
        bidirectional=True,
        cell=LSTM.Config(norm=AssortedTimeNorm.Config(window=3)),
        encoder_cell=LSTM.Config(norm=InputBatchNorm.Config()),
    ),
    "luong-nondeterministic-stack": _recurrent(
        layers=1,
        encoder_dim=8,
        decoder_dim=14,
        bidirectional=True,
        encoder_cell=NondeterministicStack.Config(cell=LSTM.Config()),
        cell=NondeterministicStack.Config(cell=LSTM.Config(), window=3),
    ),
    "luong-recurrent-batch-norm": _recurrent(
        layers=1,
        encoder_dim=9,
        decoder_dim=12,
        bidirectional=True,
        encoder_cell=LSTM.Config(norm=InputBatchNorm.Config(sites=None)),
    ),
    "memory-network": _answering(),
    "memory-network-layer-wise": _answering(tying="layer_wise", encoding="bag", random_memories=0.0),
    "memory-network-linear": _answering(
        model_dim=24, random_memories=0.0, initial_std=0.25, linear_start=LinearStart(until_update=1)
    ),
    "pooled-classifier": _pooling(),
    "pooled-classifier-attention": _pooling(
        layers=2,
        encoder_mixer=Alternating(mixers=(CircularConvolution.Config(padding="zero", kernel=5), Attention.Config())),
        feedforward_dim=24,
        heads=2,
        norm="pre",
        positions="learned",
        learned_positions=5,
        attention_dropout=0.1,
    ),
    "pooled-classifier-post-norm": _pooling(
        norm="post", encoder_norm=BatchNorm.Config(), positions="sinusoidal", output=_adaptive
    ),
    "deq": _equilibrium(
        encoder_solver=Broyden(**_EXACT, memory=100),
        decoder_solver=Anderson(**_EXACT, window=12),
        gradient=Implicit(solver=Broyden(**_EXACT, memory=100)),
    ),
    "deq-stack": _equilibrium(
        encoder_layers=2,
        decoder_layers=2,
        encoder_solver=Broyden(**_EXACT, memory=100),  # with Anderson a few sentences end short of it
        decoder_solver=Picard(**_EXACT),
        gradient=Phantom(steps=3),
        tied_embeddings="none",
        dropout_masks="token",
        attention_dropout=0.2,
    ),
    "deq-explicit": _equilibrium(explicit_steps=3, tied_embeddings="target"),
    "decoder-only": DecoderOnly.Config(decoder=_recurrent_lm()),
    "decoder-only-gru": DecoderOnly.Config(decoder=_recurrent_lm(layers=1, cell=GRU.Config(), output_bias=False)),
    **{name: LANGUAGE_MODELS[name] for name in ("recurrent-lm", "stack-lm")},
}

CELLS: dict[str, CellConfig] = {
    "lstm": LSTM.Config(),
    "lstm-without-tanh": LSTM.Config(output_tanh=False),
    "gru": GRU.Config(),
    "gru-reset-after": GRU.Config(reset_after=True),
    "tanh": TanhCell.Config(),
    "peephole-lstm": PeepholeLSTM.Config(),
    "arma": ARMA.Config(),
    "arma-diagonal": ARMA.Config(p=2, q=3, activation="linear", diagonal=True),
    "arma-relu": ARMA.Config(p=1, q=1, activation="relu"),
    "nc-gru": NCGRU.Config(),
    "nc-gru-reset": NCGRU.Config(orthogonal=("candidate", "reset"), reset_after=True),
    "state-regularized-gru": _peaked(),
    "state-regularized-lstm": _peaked(cell=LSTM.Config(), similarity="l2"),
    "state-regularized-hard": _peaked(assignment="hard", similarity="cosine"),
    "nondeterministic-stack": NondeterministicStack.Config(),
    "nondeterministic-stack-window": NondeterministicStack.Config(
        cell=GRU.Config(), symbols=2, normalized=True, reading="symbols", bottom="fixed", window=3
    ),
}

CELL_NORMS: dict[str, CellNormConfig] = {
    "layer": SiteLayerNorm.Config(),
    "batch": InputBatchNorm.Config(momentum=0.3),
    "recurrent-batch": InputBatchNorm.Config(momentum=0.3, sites=None, least_rows=2, most_steps=4),
    "batch-layer": InputBatchLayerNorm.Config(momentum=0.3),
    "assorted-time": AssortedTimeNorm.Config(window=3),
}
"""The norms within cells that tests/contract/test_cells.py runs over, each with every cell."""

NORMS: dict[str, NormConfig] = {
    "layer": LayerNorm.Config(),
    "batch": BatchNorm.Config(momentum=0.3),
    "batch-layer": BatchLayerNorm.Config(momentum=0.3),
    "batch-layer-of-a-size": BatchLayerNorm.Config(momentum=0.3, batch_size=5, scaled=True),
}
"""The norms that tests/contract/test_norms.py runs over."""
COUNTING_SEQUENCES = {"batch-layer"}
"""Those of them whose training depends on how the tokens of a batch are cut into sequences."""

MIXERS: dict[str, MixerConfig] = {
    "attention": Attention.Config(),
    "s5": _state_space,
    "s5-all-states": _all_states,
    "circular-convolution": CircularConvolution.Config(),
    "circular-convolution-far": CircularConvolution.Config(kernel=5, dilation=7),
    "zero-padded-convolution": CircularConvolution.Config(padding="zero"),
    "sliding-window": SlidingWindow.Config(window=3),
    "block-recurrent": _recurrent_blocks(),
}
"""The mixers of readers that tests/contract/test_mixers.py runs over."""

CAUSAL_MIXERS: dict[str, CausalMixerConfig] = {
    "attention": Attention.Config(),
    "ssru": SSRU.Config(),
    "s5": _state_space,
    "s5-all-states": _all_states,
    "dilated-convolution": DilatedConvolution.Config(),
    "dilated-convolution-far": DilatedConvolution.Config(kernel=4, dilation=9),
    "dilated-convolution-pointwise": DilatedConvolution.Config(kernel=1),
    "sliding-window": SlidingWindow.Config(window=3, normalized=False),
    "block-recurrent": _recurrent_blocks(),
}
"""Those of writers."""
