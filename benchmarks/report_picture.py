"""Picture a report on the bundled data, as Chromium shows it.

python benchmarks/report_picture.py --output docs/images/report.png
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

from sklearn_metarec import EASE, IALS, ItemKNN, MetaSelector, PopularityRecommender
from sklearn_metarec.datasets import load_movietweetings
from sklearn_metarec.inspection import report
from sklearn_metarec.model_selection import PerUserShuffleSplit


def main():
    """Write the page and its picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", default="report.png")
    output = Path(parser.parse_args().output).resolve()
    data = load_movietweetings(as_frame=True)
    X = data.data
    train, test = next(PerUserShuffleSplit(test_size=0.2, random_state=0).split(X))
    candidates = [
        ("ease", EASE(), {"regularization": [100.0, 500.0]}),
        ("item_knn", ItemKNN(), {}),
        ("ials", IALS(32), {"alpha": [1.0, 5.0]}),
        ("popularity", PopularityRecommender(), {}),
    ]
    selector = MetaSelector(candidates, combine=None, n_tuned=0, random_state=0)
    models = {
        "MetaSelector": selector.fit(X.iloc[train]),
        "ItemKNN": ItemKNN().fit(X.iloc[train]),
    }
    with tempfile.TemporaryDirectory() as folder:
        page = report(
            models, X.iloc[test], Path(folder) / "report.html",
            item_names=data.item_features, title="Films: which recommender?",
        )  # fmt: skip
        subprocess.run(
            [
                "chromium", "--headless=new", "--no-sandbox", "--disable-gpu",
                "--hide-scrollbars", "--window-size=1000,760",
                f"--screenshot={output}", page.as_uri(),
            ],
            check=True,
        )  # fmt: skip


if __name__ == "__main__":
    main()
