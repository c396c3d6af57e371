"""Multi-modal data sets as they are handed around, read into the examples of a retrieval cache."""

from __future__ import annotations

from pipelines.datasets.dataset import QUIRKS, Columns, Dataset, DatasetError, Quirks
from pipelines.datasets.images import ImageFolder, keep_readable_images, open_image
from pipelines.datasets.reading import DATASETS, DatasetOptions, read_dataset

__all__ = [
    "DATASETS",
    "QUIRKS",
    "Columns",
    "Dataset",
    "DatasetError",
    "DatasetOptions",
    "ImageFolder",
    "Quirks",
    "keep_readable_images",
    "open_image",
    "read_dataset",
]
