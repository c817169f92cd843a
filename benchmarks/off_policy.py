"""Show how often the intervals of off-policy values hold the truth.

Each run draws a log of `make_logged_feedback`, in which the truth is known, and
estimates what a fixed policy is worth; the logging policy is uniform, or prefers the
wrong items (greediness -1). The policy prefers the right ones: it shows each user the
best item by noisy click probabilities, or draws by them. The model of the doubly robust
estimator is a noisy one, too, and is never fitted on the log.

    python benchmarks/off_policy.py
"""

import argparse

import numpy as np
from _machine import describe, print_header, print_row

from sklearn_metarec.datasets import make_logged_feedback
from sklearn_metarec.metrics import dr_value, ips_value, replay_value, snips_value

LOGS = [0.0, 1.0, -0.5, -1.0]


def main():
    """Print a table of coverages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--rows", type=int, nargs="+", default=[1000, 5000])
    options = parser.parse_args()
    print_header(
        "log", "policy", "rows", "estimator", "bias", "sd", "mean half-width",
        "coverage", "above", "below",
    )  # fmt: skip
    for greediness, n_rows in ((g, n) for g in LOGS for n in options.rows):
        log = "uniform" if not greediness else f"greediness {greediness:g}"
        for policy in ("best", "softmax"):
            runs = [
                one_run(seed, greediness, policy, n_rows)
                for seed in range(options.runs)
            ]
            for name in runs[0]:
                if name == "replay" and greediness:
                    continue  # it would be biased, and says so
                show((log, policy, n_rows, name), np.array([run[name] for run in runs]))
    print()
    print(describe("scikit-learn"))


def one_run(seed, greediness, policy, n_rows):
    """Return (estimate, low, high, truth) by estimator."""
    log = make_logged_feedback(n_rows=n_rows, greediness=greediness, random_state=seed)
    truth = log.click_probability
    rng = np.random.default_rng(seed)
    scores = np.log(truth) + rng.normal(0, 0.5, truth.shape)
    if policy == "best":
        chosen = (scores == scores.max(axis=1, keepdims=True)).astype(float)
    else:
        chosen = np.exp(2 * scores)
        chosen /= chosen.sum(axis=1, keepdims=True)
    model = np.clip(truth + rng.normal(0, 0.1, truth.shape), 0, 1)
    user, item = log.data["user_id"].to_numpy(), log.data["item_id"].to_numpy()
    reward, shown = log.target, chosen[user, item]
    propensity = log.data["propensity"]
    expected = (chosen * model).sum(axis=1)[user]
    found = {
        "replay": replay_value(reward, shown),
        "IPS": ips_value(reward, propensity, shown),
        "SNIPS": snips_value(reward, propensity, shown),
        "DR": dr_value(reward, propensity, shown, model[user, item], expected),
    }
    worth = (chosen * truth).sum(axis=1).mean()
    return {name: (*value[:3], worth) for name, value in found.items()}


def show(labels, runs):
    """Print one row: how far off, how wide, and how often the interval holds it."""
    value, low, high, truth = runs.T
    error = value - truth
    above, below = (low > truth).mean(), (high < truth).mean()
    print_row(
        *labels, f"{error.mean():+.4f}", f"{error.std():.4f}",
        f"{((high - low) / 2).mean():.4f}", f"{1 - above - below:.3f}", f"{above:.3f}",
        f"{below:.3f}",
    )  # fmt: skip


if __name__ == "__main__":
    main()
