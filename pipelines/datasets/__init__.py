"""Multi-modal data sets as they are handed around, read into the examples of a retrieval cache."""

from __future__ import annotations

from pipelines.datasets.errors import DatasetError
from pipelines.datasets.images import ImageFolder, keep_readable_images, open_image
from pipelines.datasets.posts import Columns
from pipelines.datasets.quirks import QUIRKS, Quirks
from pipelines.datasets.reading import DATASETS, read_dataset
from pipelines.datasets.records import Dataset

__all__ = [
    "DATASETS",
    "QUIRKS",
    "Columns",
    "Dataset",
    "DatasetError",
    "ImageFolder",
    "Quirks",
    "keep_readable_images",
    "open_image",
    "read_dataset",
]
