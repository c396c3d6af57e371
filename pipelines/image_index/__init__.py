"""Images -> vectors -> Faiss: file names and URLs, polite download, encoder, index, search."""

from pipelines.image_index.errors import EncoderError, ImageIndexError
from pipelines.image_index.search import ImageIndex, open_index

__all__ = ["EncoderError", "ImageIndex", "ImageIndexError", "open_index"]
