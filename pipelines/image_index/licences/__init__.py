"""Rights of images: author, licence and credit of every file, asked of the wikis' API (see docs/rights.md)."""
