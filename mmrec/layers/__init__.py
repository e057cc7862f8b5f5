"""The formulas of section 4.2 as Keras layers, one per file, and other forms of them.

(1) ``BagOfWords``; (2) ``ConvEncoder``; (3) ``MelPooling`` of a ``MelSpectrogram``; (4) ``Concatenation``,
``FusionNetwork`` and ``MIMO``; (5) ``Scorer``.
"""

from mmrec.layers.absent import FillAbsent
from mmrec.layers.attention import CrossModalAttention
from mmrec.layers.bag_of_words import BagOfWords
from mmrec.layers.bilinear import LowRankBilinear
from mmrec.layers.concatenation import Concatenation
from mmrec.layers.conv_encoder import ConvEncoder
from mmrec.layers.fusion_network import FusionNetwork
from mmrec.layers.gated import GatedFusion
from mmrec.layers.mel import MelPooling, segments
from mmrec.layers.mel_spectrogram import MelSpectrogram
from mmrec.layers.mfcc import MFCC
from mmrec.layers.mimo import MIMO
from mmrec.layers.scorer import Scorer

__all__ = [
    "MFCC",
    "MIMO",
    "BagOfWords",
    "Concatenation",
    "ConvEncoder",
    "CrossModalAttention",
    "FillAbsent",
    "FusionNetwork",
    "GatedFusion",
    "LowRankBilinear",
    "MelPooling",
    "MelSpectrogram",
    "Scorer",
    "segments",
]
