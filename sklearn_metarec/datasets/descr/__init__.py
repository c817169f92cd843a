"""Descriptions of the bundled data sets, in reStructuredText."""
