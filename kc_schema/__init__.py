"""The data of the project, described once: the only package that the pipelines and the training share."""
