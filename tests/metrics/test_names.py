import pytest

from sklearn_metarec.metrics import parse_metric


@pytest.mark.parametrize(
    ("name", "parsed"),
    [
        ("ndcg@10", ("ndcg", 10)),
        ("ndcg", ("ndcg", 10)),
        ("hit_rate@1", ("hit_rate", 1)),
        ("user_coverage@100", ("user_coverage", 100)),
    ],
)
def test_parse_metric(name, parsed):
    assert parse_metric(name) == parsed


def test_unknown_metric_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"Unknown metric 'nDCG@10'.* accuracy, auc"):
        parse_metric("nDCG@10")


@pytest.mark.parametrize("name", ["ndcg@", "ndcg@0", "ndcg@-1", "ndcg@1.5", "ndcg@²"])
def test_bad_cutoff(name):
    with pytest.raises(ValueError, match="must be a positive integer"):
        parse_metric(name)
