"""The command line: select a recommender for a table, recommend, evaluate."""

import argparse
import sys
import time

import numpy as np
from sklearn.base import clone, is_regressor

from sklearn_metarec import __version__, _files
from sklearn_metarec._evaluate import evaluate_ranking
from sklearn_metarec._unwrap import recommend as recommend_with
from sklearn_metarec._unwrap import unwrap
from sklearn_metarec.datasets import load_movietweetings
from sklearn_metarec.dummy import PopularityRecommender
from sklearn_metarec.inspection import report
from sklearn_metarec.linear_model import BiasRegressor
from sklearn_metarec.meta import MetaSelector
from sklearn_metarec.metrics import mean_interval, paired_test
from sklearn_metarec.model_selection import PerUserShuffleSplit, TemporalSplit
from sklearn_metarec.persistence import load, save
from sklearn_metarec.preprocessing import clean_interactions

_METRICS = ("ndcg@10", "recall@10", "precision@10", "f1@10", "map@10", "hit_rate@10")
_TEST_SIZE = 0.2
_USERS_PER_BATCH = 10_000
_SHOWN_USERS = 3


def main(argv=None):
    """Run the command line and return its exit status.

    Parameters
    ----------
    argv : list of str, default=None
        The arguments, those of the process by default.

    Returns
    -------
    status : int
        0, or 2 where the arguments or the files cannot be used.
    """
    options = _parser().parse_args(argv)
    try:
        options.run(options)
    except (ValueError, OSError, ImportError) as error:
        sys.stderr.write(f"sklearn-metarec: error: {error}\n")
        return 2
    return 0


def _parser():
    parser = argparse.ArgumentParser(
        prog="sklearn-metarec",
        description="Select a recommender for a table of interactions. Without a "
        "command: a demonstration on the bundled data.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.set_defaults(run=_demonstrate)
    commands = parser.add_subparsers(title="commands")
    _add_select(commands)
    _add_recommend(commands)
    _add_evaluate(commands)
    _add_report(commands)
    return parser


def _add_columns(parser):
    for role in ("user", "item", "rating", "time"):
        parser.add_argument(
            f"--{role}", metavar="COL", help=f"the {role} column, if not by its name"
        )


def _budget(text):
    return int(text) if text.isdecimal() else text


def _add_select(commands):
    parser = commands.add_parser("select", help="choose and fit a recommender")
    parser.add_argument("file", help="FILE.csv, FILE.csv.gz or FILE.parquet")
    _add_columns(parser)
    parser.add_argument("--task", choices=("ranking", "rating"), default="ranking")
    parser.add_argument(
        "--min-rating", type=float, metavar="R", help="what counts as liked (ranking)"
    )
    parser.add_argument(
        "--budget", type=_budget, default="60s",
        help="seconds (60s, 5min) or evaluations (a number), default: 60s",
    )  # fmt: skip
    parser.add_argument("--n-jobs", type=int, default=None)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-k", type=int, default=10, help="items a user, default: 10")
    parser.add_argument(
        "-o", "--output", metavar="RECS", help="recs.csv, recs.csv.gz or recs.parquet"
    )
    parser.add_argument("--model", metavar="FILE", help="where to save the model")
    parser.set_defaults(run=_select)


def _add_recommend(commands):
    parser = commands.add_parser("recommend", help="use a saved model")
    parser.add_argument("model", help="a file of `select --model`")
    parser.add_argument("--users", nargs="+", metavar="ID", help="known users")
    parser.add_argument("--history", metavar="FILE", help="rows of known or new users")
    _add_columns(parser)
    parser.add_argument("-k", type=int, default=10, help="items a user, default: 10")
    parser.add_argument("-o", "--output", metavar="RECS", help="a file; else printed")
    parser.set_defaults(run=_recommend)


def _add_test(commands, name, about):
    parser = commands.add_parser(name, help=about)
    parser.add_argument("model", help="a file of `select --model`")
    parser.add_argument("file", help="test rows")
    _add_columns(parser)
    parser.add_argument(
        "--min-rating", type=float, metavar="R", help="what counts as liked (ranking)"
    )
    return parser


def _add_evaluate(commands):
    parser = _add_test(commands, "evaluate", "measure a saved model on new rows")
    parser.set_defaults(run=_evaluate)


def _add_report(commands):
    parser = _add_test(commands, "report", "a page of HTML about a saved model")
    parser.add_argument("--users", nargs="+", metavar="ID", help="whose lists to show")
    parser.add_argument(
        "--titles", metavar="FILE", help="a table of items with a title or name"
    )
    parser.add_argument("-k", type=int, default=10, help="items a user, default: 10")
    parser.add_argument("-o", "--output", metavar="PAGE", required=True)
    parser.set_defaults(run=_report)


# ------------------------------------------------------------------ the commands


def _demonstrate(options):
    data = load_movietweetings(as_frame=True)
    say(f"MovieTweetings: {len(data.data):,} ratings of films, taken as 'has seen'.")
    X, _ = _clean(data.data, data.target)
    chosen = _choose(X, None, "ranking", budget="20s", n_jobs=None, seed=0)
    model = _fit_on_all(chosen, X, None)
    titles = data.item_features.set_index("item_id")["title"]
    _show_users(model, X, titles)


def _select(options):
    table = _files.read(options.file)
    X, rating = _files.columns(table, options)
    if options.task == "rating" and rating is None:
        raise ValueError(
            f"{options.file} has no rating column, which --task rating needs. Its "
            f"columns are {list(table.columns)}; name it with --rating."
        )
    if options.task == "rating":
        X, y = _clean(X, rating)
    else:
        X, y = _clean(X, _strengths(rating, options.min_rating))
    chosen = _choose(
        X, y, options.task, budget=options.budget, n_jobs=options.n_jobs,
        seed=options.seed,
    )  # fmt: skip
    if options.output or options.model:
        model = _fit_on_all(chosen, X, y)
        if options.model:
            say(f"model: {save(model, options.model)}")
        if options.output:
            n_rows = _write_all(model, options.output, options.k)
            say(f"recommendations: {options.output}, {n_rows:,} rows")


def _recommend(options):
    if options.users is None and options.history is None:
        raise ValueError("recommend needs --users, --history FILE, or both.")
    model = load(options.model)
    users = options.users
    if users is not None:
        users = _files.as_known(users, model.users_)
    history = None
    if options.history is not None:
        table = _files.read(options.history)
        X, rating = _files.columns(table, options)
        X = _files.like_model(X, model)
        history = (X, rating) if _is_rating(model) else X
    recs = recommend_with(model, users, options.k, history=history, as_frame=True)
    if options.output:
        with _files.writer(options.output) as write:
            write(recs)
    else:
        sys.stdout.write(recs.to_csv(index=False))


def _evaluate(options):
    model = load(options.model)
    table = _files.read(options.file)
    X, rating = _files.columns(table, options)
    X = _files.like_model(X, model)
    if _is_rating(model):
        if rating is None:
            raise ValueError(f"{options.file} has no rating column; use --rating.")
        _show_rating_errors(model, X, rating)
        return
    _show_ranking(model, None, X, _strengths(rating, options.min_rating))


def _report(options):
    model = load(options.model)
    X, rating = _files.columns(_files.read(options.file), options)
    X = _files.like_model(X, model)
    if not _is_rating(model):
        rating = _strengths(rating, options.min_rating)
    users = 3 if options.users is None else _files.as_known(options.users, model.users_)
    names = None
    if options.titles is not None:
        table = _files.read(options.titles)
        named = argparse.Namespace(user=None, item=options.item, rating=None, time=None)
        names = _files.titles(table, named, model)
    path = report(
        model, X, options.output, y_test=rating, k=options.k, users=users,
        item_names=names,
    )  # fmt: skip
    say(f"report: {path}")


# ---------------------------------------------------------------------- the steps


def _clean(X, y):
    cleaned = clean_interactions(X, y)
    say(str(cleaned.report))
    return cleaned.X, cleaned.y


def _strengths(rating, min_rating):
    if rating is None:
        if min_rating is not None:
            raise ValueError("--min-rating needs a rating column; name it by --rating.")
        return None
    if min_rating is None:
        say(
            "Every row counts as liked, whatever its rating: pass --min-rating R to "
            "count those with a rating of at least R only."
        )
        return None
    return (rating >= min_rating).astype(float)


def _choose(X, y, task, *, budget, n_jobs, seed):
    """Select on the older rows, show the leaderboard and the test on the newer."""
    splitter = _splitter(X, seed)
    train, test = next(splitter.split(X))
    parts = [X.iloc[rows] for rows in (train, test)]
    targets = [None if y is None else y.iloc[rows] for rows in (train, test)]
    say(f"{len(train):,} rows to learn from, {len(test):,} to test on ({splitter}).")
    say(f"selecting within {budget} ...")
    started = time.perf_counter()
    selector = MetaSelector(
        task=task, budget=budget, n_jobs=n_jobs, random_state=seed, verbose=1
    )
    selector.fit(parts[0], targets[0])
    say(f"\nLeaderboard after {time.perf_counter() - started:.1f} s:")
    board = selector.leaderboard_.drop(columns=["low", "high"])
    if not board["error"].any():
        board = board.drop(columns="error")
    say(board.to_string(index=False, float_format=lambda value: f"{value:.4f}"))
    say(f"\nChosen: {selector.best_estimator_}")
    if task == "rating":
        _show_rating_errors(selector, parts[1], targets[1])
        floor = BiasRegressor().fit(parts[0], targets[0])
        say("for comparison, BiasRegressor:")
        _show_rating_errors(floor, parts[1], targets[1])
    else:
        floor = PopularityRecommender().fit(parts[0], targets[0])
        _show_ranking(selector, floor, parts[1], targets[1])
    return selector


def _splitter(X, seed):
    if "timestamp" in X.columns:
        return TemporalSplit(test_size=_TEST_SIZE)
    return PerUserShuffleSplit(test_size=_TEST_SIZE, random_state=seed)


def _fit_on_all(selector, X, y):
    return clone(selector.best_estimator_).fit(X, y)


def _write_all(model, path, k):
    """Write all users' recommendations, a batch of users in memory at a time."""
    n_rows = 0
    with _files.writer(path) as write:
        for start in range(0, len(model.users_), _USERS_PER_BATCH):
            batch = model.users_[start : start + _USERS_PER_BATCH]
            recs = recommend_with(model, batch, k, as_frame=True)
            write(recs)
            n_rows += len(recs)
    return n_rows


# ------------------------------------------------------------------ what is shown


def say(text):
    """Write a line to the standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _is_rating(model):
    return is_regressor(unwrap(model)[1])


def _show_ranking(model, floor, X, y):
    ours = evaluate_ranking(model, X, y, metrics=_METRICS, per_user=True)
    theirs = None
    if floor is not None:
        theirs = evaluate_ranking(floor, X, y, metrics=_METRICS, per_user=True)
    n_users = len(ours[_METRICS[0]])
    say(f"\nTest on {n_users:,} users, mean and 95% interval:")
    for name in _METRICS:
        line = f"  {name:12s} {_interval(ours[name])}"
        if theirs is not None:
            difference = paired_test(ours[name], theirs[name], random_state=0)
            low, high = difference.interval
            line += (
                f"   popularity {_interval(theirs[name])}"
                f"   difference {difference.difference:+.4f} [{low:+.4f}, {high:+.4f}]"
            )
        say(line)


def _interval(values):
    mean, low, high = mean_interval(values, random_state=0)
    return f"{mean:.4f} [{low:.4f}, {high:.4f}]"


def _show_rating_errors(model, X, y):
    errors = model.predict(X) - np.asarray(y, dtype=float)
    rmse, mae = np.sqrt(np.mean(errors**2)), np.abs(errors).mean()
    say(f"  RMSE {rmse:.4f}   MAE {mae:.4f}   on {len(errors):,} rows")


def _show_users(model, X, titles):
    """Show the lists of a few users with some history, and why each item is there."""
    counts = X["user_id"].value_counts()
    some = counts[counts.between(10, 30)].index[:_SHOWN_USERS]
    lists, _ = model.recommend(list(some), k=10)
    for user, items in zip(some, lists, strict=True):
        say(f"\nUser {user} ({counts[user]} films seen) may like:")
        for rank, item in enumerate(items, start=1):
            reasons = model.explain(user, item).items[:2]
            because = " and ".join(titles.get(reason, reason) for reason in reasons)
            because = f"  because of {because}" if because else "  because many saw it"
            say(f"  {rank:2d}. {titles.get(item, item)}{because}")


if __name__ == "__main__":
    sys.exit(main())
