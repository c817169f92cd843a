"""The warnings and errors of this package, so that they can be caught by name.

Warning
└── UserWarning
    ├── ColdUsersWarning      the users asked for are unknown to the model
    ├── ColumnsWarning        the columns of a table were taken by position
    └── ModelVersionWarning   a model was saved by another version
Exception
├── ValueError
│   └── InvalidModelFileError a file is not a model, or not one to be trusted
└── OSError
    └── DatasetError          a data set is not there, not to be had, or damaged
"""

from __future__ import annotations

__all__ = [
    "ColdUsersWarning",
    "ColumnsWarning",
    "DatasetError",
    "InvalidModelFileError",
    "ModelVersionWarning",
]


class ColdUsersWarning(UserWarning):
    """All or most of the users asked for are unknown to the model.

    Their recommendations are the fallback of the model. In cross-validation it
    usually means a split that takes whole users out of the training part.
    """


class ColumnsWarning(UserWarning):
    """The user and item columns of a frame were taken by position.

    None of its names says which column holds what: rename them to `user_id` and
    `item_id`, or filter this warning where the first two are the right ones.
    """


class ModelVersionWarning(UserWarning):
    """A model file was written by another version of this package or scikit-learn.

    It was loaded all the same. Whether it still says what it said is for a test of
    some predictions to show; to be sure, fit it again.
    """


class InvalidModelFileError(ValueError):
    """A file is no saved recommender, is damaged, or holds types not trusted."""


class DatasetError(OSError):
    """A data set is neither in its folder nor to be had, or its files are damaged.

    The message says where it was looked for, what went wrong on the way, and which
    files to put there where there is no network.
    """
