"""Images -> vectors -> Faiss: file names and URLs, polite download, encoder, index, search."""

from pipelines.image_index.errors import EncoderError, ImageIndexError
from pipelines.image_index.search import ImageHit, ImageIndex, open_index

__all__ = ["EncoderError", "ImageHit", "ImageIndex", "ImageIndexError", "open_index"]
