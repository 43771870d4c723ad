"""The models that training_speed.py compares, each as our configuration and as fairseq's arguments.

Parameters with 8,000 joint pieces (the benchmark counts and prints them): tiny 2,349,056 on both sides, iwslt
35,639,296, convs2s 7,655,232; luong 6,807,552 in nmt and 6,815,232 in fairseq, whose LSTM layers have two biases each;
GNMT 6,905,344 in nmt, and its two substitutes in fairseq 8,686,080 and 6,815,232.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from nmt.models.convs2s import Convolutions, ConvS2S, DecoderConvolutions
from nmt.models.gnmt import GNMT
from nmt.models.luong import Luong
from nmt.models.transformer import Transformer


@dataclass(frozen=True)
class Shape:
    """A model on both sides."""

    model: Transformer.Config | GNMT.Config | ConvS2S.Config | Luong.Config
    """Our model; fairseq gets its dropout."""
    fairseq: tuple[str, ...]
    """Arguments of fairseq-train that set the architecture."""
    interval: int
    """Updates between two readings of the clock; the first interval is an uncounted warm-up."""
    clip_norm: float = 0.0
    """Gradient clipping norm on both sides; 0 for none."""


def transformer(model: Transformer.Config, interval: int) -> Shape:
    """The same Transformer on both sides: post-norm, sinusoids, all embeddings shared."""
    sizes = {"embed-dim": model.model_dim, "ffn-embed-dim": model.feedforward_dim, "attention-heads": model.heads}
    layers = {"encoder": model.encoder_layers, "decoder": model.decoder_layers}
    arguments = [
        f"--{part}-{name}={size}" for part in layers for name, size in {**sizes, "layers": layers[part]}.items()
    ]
    return Shape(model, ("--arch=transformer_iwslt_de_en", *arguments, "--share-all-embeddings"), interval)


def convs2s(model: ConvS2S.Config, interval: int) -> Shape:
    """The same ConvS2S on both sides: attention in every layer, the output layer is the target embedding.

    fairseq's `fconv` cannot share the source embedding too.
    """

    def layers(blocks: tuple[Convolutions, ...] | tuple[DecoderConvolutions, ...]) -> str:
        return " + ".join(f"[({block.width}, {block.kernel})] * {block.layers}" for block in blocks)

    arguments = (
        *("--arch=fconv", f"--encoder-layers={layers(model.encoder)}", f"--decoder-layers={layers(model.decoder)}"),
        *(f"--{part}-embed-dim={model.embedding_dim}" for part in ("encoder", "decoder")),
        *(f"--decoder-out-embed-dim={model.output_dim}", "--share-input-output-embed"),
        *(f"--max-{side}-positions={model.positions}" for side in ("source", "target")),
    )
    return Shape(model, arguments, interval, clip_norm=0.1)


def luong(model: Luong.Config, interval: int) -> Shape:
    """The same recurrent model on both sides: fairseq's `lstm`, bidirectional, all embeddings shared."""
    arguments = (
        *("--arch=lstm", f"--encoder-layers={model.layers}", f"--decoder-layers={model.layers}"),
        *(f"--encoder-embed-dim={model.source_embedding_dim}", f"--decoder-embed-dim={model.target_embedding_dim}"),
        *(f"--encoder-hidden-size={model.encoder_dim}", "--encoder-bidirectional"),
        *(f"--decoder-hidden-size={model.decoder_dim}", f"--decoder-out-embed-dim={model.output_width}"),
        *("--decoder-attention=1", "--share-all-embeddings"),
    )
    return Shape(model, arguments, interval, clip_norm=1.0)


def gnmt(model: GNMT.Config, per_direction: int, interval: int) -> Shape:
    """GNMT, and fairseq's closest model, its `lstm`: Luong's model, not GNMT's.

    Equal: embeddings, all shared; numbers of layers; width of the decoder; dropout. fairseq's model differs:

    - either all layers of its encoder are bidirectional or none; ours is bidirectional only in the lowest layer;
    - its attention is a dot product, queried by the decoder's highest layer, with the context fed into the lowest layer
      of the next step, so all layers run step by step; ours is additive, queried by the lowest layer, and feeds all
      layers, and those above the lowest process the whole sentence at once;
    - its decoder starts from the encoder's last states (two more projections), ours from zero;
    - its layers have no residual connections.

    Args:
        model: our model.
        per_direction: width of each direction of fairseq's encoder.
        interval: see Shape.
    """
    return replace(luong(nearest(model, per_direction), interval), model=model)


def nearest(model: GNMT.Config, per_direction: int) -> Luong.Config:
    """Return Luong's model with the sizes of a GNMT, except for the encoder's directions."""
    return Luong.Config(
        layers=model.encoder_layers,
        source_embedding_dim=model.model_dim,
        target_embedding_dim=model.model_dim,
        encoder_dim=per_direction,
        decoder_dim=model.model_dim,
        bidirectional=True,
        dropout=model.dropout,
        tied_embeddings="all",
        output_bias=False,
    )


GNMT_SMALL = GNMT.Config(
    model_dim=256,
    encoder_layers=3,
    decoder_layers=3,
    upper_context="current",
    dropout=0.3,
    scaled_embeddings=True,
    initial_range=0.1,
    tied_embeddings="all",
)

SHAPES = {
    "tiny": transformer(Transformer.Config(preset="tiny"), interval=15),
    "iwslt": transformer(Transformer.Config(preset="iwslt"), interval=2),
    "convs2s": convs2s(
        ConvS2S.Config(
            embedding_dim=256,
            output_dim=256,
            encoder=(Convolutions(width=256, kernel=3, layers=4),),
            decoder=(DecoderConvolutions(width=256, kernel=3, layers=3),),
            dropout=0.3,
            positions=256,
            tied_embeddings="target",
        ),
        interval=8,
    ),
    "luong": luong(nearest(GNMT_SMALL, per_direction=192), interval=8),
    "gnmt": gnmt(GNMT_SMALL, per_direction=256, interval=8),
    "gnmt_even": gnmt(GNMT_SMALL, per_direction=192, interval=8),
}
"""gnmt: each direction of fairseq's encoder is as wide as ours, which makes its model a quarter larger. gnmt_even: it
is narrower, so the models have nearly the same number of parameters. luong: fairseq's model of gnmt_even on both
sides."""
