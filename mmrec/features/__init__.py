"""From media files to aligned arrays: one row an item, in the order of ``product_data.csv``."""

from mmrec.features import audio_encoders, image_encoders, pretrained_encoders, text_encoders  # noqa: F401  (they register their encoders)
from mmrec.features.extraction import extract, write
from mmrec.features.table import Features

__all__ = ["Features", "extract", "write"]
