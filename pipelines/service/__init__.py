"""A corpus asked over HTTP: paragraphs for sentences, images for images and sentences, pages."""
