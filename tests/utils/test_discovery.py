import subprocess
import sys

import pytest
from sklearn.base import RegressorMixin, TransformerMixin

from sklearn_metarec.base import BaseRecommender
from sklearn_metarec.utils import all_estimators


def test_names_are_sorted_and_those_of_the_classes():
    found = all_estimators()
    names = [name for name, _ in found]
    assert names == sorted(set(names))
    assert names == [cls.__name__ for _, cls in found]
    assert all(cls.__module__.startswith("sklearn_metarec.") for _, cls in found)


@pytest.mark.parametrize("name", ["BaseRecommender", "BaseRatingRecommender"])
def test_base_classes_are_no_estimators(name):
    assert name not in dict(all_estimators())


def test_the_kinds():
    rankers, ratings, transformers = (
        dict(all_estimators(kind)) for kind in ("ranker", "rating", "transformer")
    )
    assert all(issubclass(cls, BaseRecommender) for cls in rankers.values())
    assert not any(issubclass(cls, RegressorMixin) for cls in rankers.values())
    assert all(
        issubclass(cls, BaseRecommender) and issubclass(cls, RegressorMixin)
        for cls in ratings.values()
    )
    assert all(issubclass(cls, TransformerMixin) for cls in transformers.values())
    assert not rankers.keys() & ratings.keys()
    assert {"EASE", "PopularityRecommender"} <= rankers.keys()
    assert "BiasRegressor" in ratings
    assert "IdEncoder" in transformers
    several = dict(all_estimators(["rating", "transformer"]))
    assert several == ratings | transformers
    wrappers = dict(all_estimators()).keys() - rankers.keys() - several.keys()
    assert {"MetaSelector", "RecommenderPipeline"} <= wrappers


@pytest.mark.parametrize("kind", ["classifier", ["ranker", "neural"], ""])
def test_an_unknown_kind_is_an_error(kind):
    with pytest.raises(ValueError, match="kind must be one or several of"):
        all_estimators(kind)


def test_looking_for_estimators_imports_no_tensorflow():
    code = (
        "import sys\n"
        "from sklearn_metarec.utils import all_estimators\n"
        "assert 'EASE' in dict(all_estimators())\n"
        "slow = {'tensorflow', 'keras', 'matplotlib', 'polars'} & set(sys.modules)\n"
        "assert not slow, slow\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
