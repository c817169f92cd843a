"""Files that somebody made to do harm: refused before anything of them runs."""

import io
import json
import pickle
import zipfile

import numpy as np
import pytest
import sklearn
import skops.io

from sklearn_metarec import (
    EASE,
    PopularityRecommender,
    __version__,
    load,
    make_recommender_pipeline,
    persistence,
    save,
)
from sklearn_metarec.exceptions import InvalidModelFileError
from sklearn_metarec.preprocessing import IdEncoder


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.skops"


def assert_refused(path, match=None):
    with pytest.raises(InvalidModelFileError, match=match):
        load(path)


def node(name, loader, content=None, **more):
    """A part of a schema, as skops writes them."""
    module, _, attribute = name.rpartition(".")
    state = {"__module__": module, "__class__": attribute, "__loader__": loader}
    return state | ({} if content is None else {"content": content}) | more


def value(obj):
    return node("builtins.str", "JsonNode", json.dumps(obj), is_json=True)


def sequence(*parts, kind="tuple"):
    return node(f"builtins.{kind}", f"{kind.title()}Node", list(parts))


def dictionary(name="builtins.dict", key_type="builtins.str", **content):
    types = [node(key_type, "TypeNode") for _ in content]
    return node(name, "DictNode", content, key_types=sequence(*types, kind="list"))


def forge(path, schema, *, protocol=2, **members):
    """Write a file that claims to be one of save."""
    versions = {"sklearn_metarec": __version__, "scikit-learn": sklearn.__version__}
    header = {"format": 1, "versions": versions}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("sklearn_metarec.json", json.dumps(header))
        archive.writestr("schema.json", json.dumps(schema | {"protocol": protocol}))
        for name, content in members.items():
            archive.writestr(name, content)


def test_a_forged_file_can_be_loaded(path):
    # So that the refusals below are no accident of the forgery.
    params = dictionary(regularization=value(7.0), weighting=value("log"))
    forge(path, node("sklearn_metarec.linear_model._ease.EASE", "ObjectNode", params))
    model = load(path)
    assert (model.regularization, model.weighting) == (7.0, "log")


EASE_CLASS = "sklearn_metarec.linear_model._ease.EASE"
MODEL = node(EASE_CLASS, "ObjectNode", dictionary())


@pytest.fixture
def mark(tmp_path):
    """A file that an attack would leave."""
    return tmp_path / "mark"


def attacks(mark):
    """What a file may try, by name: the schema, and the type that gives it away."""
    touch = f"open({str(mark)!r}, 'w')"
    shell = sequence(value(f"touch {mark}"))
    call = "ConstructorFromReduceNode"
    save_name = "sklearn_metarec.persistence.save"
    saves = sequence(MODEL, value(str(mark)))
    partial_save = {
        "func": node(save_name, "FunctionNode"),
        "args": saves,
        "kwds": dictionary(),
        "namespace": value(None),
    }
    return {
        "a shell": (node("os.system", call, shell), "os.system"),
        "a shell by its name": (node("posix.system", call, shell), "posix.system"),
        "eval": (node("builtins.eval", call, sequence(value(touch))), "builtins.eval"),
        "eval of a key": (
            dictionary(key_type="builtins.eval", **{touch: value(0)}),
            "builtins.eval",
        ),
        "eval of an array": (
            node("builtins.eval", "NdArrayNode", [], type="json", shape=value([0])),
            "builtins.eval",
        ),
        "a function as a dict": (
            node("os.getcwd", "DictNode", {}, key_types=sequence(kind="list")),
            "os.getcwd",
        ),
        "a function of this package": (node(save_name, call, saves), save_name),
        "a function as a value": (node(save_name, "FunctionNode"), save_name),
        "a function as a type": (node(save_name, "TypeNode"), save_name),
        "a function as an object": (node(save_name, "ObjectNode"), save_name),
        "a partial function": (
            node("functools.partial", "PartialNode", partial_save),
            "functools.partial",
        ),
        "a method": (
            node(EASE_CLASS, "MethodNode", {"func": "fit", "obj": MODEL}),
            f"{EASE_CLASS}.fit",
        ),
        "a method of text": (
            node("builtins.str", "MethodNode", {"func": "format", "obj": value("")}),
            "builtins.str.format",
        ),
        "an operator": (
            node(
                "operator.methodcaller", "OperatorFuncNode",
                attrs=sequence(value("write_text"), value("")),
            ),
            "operator.methodcaller",
        ),
        "an old function": (
            node(
                "builtins.function", "FunctionNode",
                {"module_path": "os", "function": "system"}, protocol=0,
            ),
            "os.system",
        ),
        "a module of ours that is another's": (
            node("sklearn_metarec.persistence.zipfile", "TypeNode"),
            "sklearn_metarec.persistence.zipfile",
        ),
        "a class of ours that is another's": (
            node("sklearn_metarec.persistence.Path", call, shell),
            "sklearn_metarec.persistence.Path",
        ),
        "a module that we have not": (
            node("sklearn_metarec.nothing.Model", "ObjectNode"),
            "sklearn_metarec.nothing.Model",
        ),
        "a module beside ours": (
            node("sklearn_metarec_evil.Model", "ObjectNode"),
            "sklearn_metarec_evil.Model",
        ),
        "a class that we have not": (
            node("sklearn_metarec.dummy.Model", "ObjectNode"),
            "sklearn_metarec.dummy.Model",
        ),
        "an unknown class": (node("nowhere.Model", "ObjectNode"), "nowhere.Model"),
        "a class that the caller has": (node("malice.Model", "ObjectNode"), "malice"),
        "a tree, whose contents crash": (
            node("sklearn.tree._tree.Tree", "TypeNode"), "sklearn.tree._tree.Tree",
        ),
        "a function of scikit-learn": (
            node("sklearn.utils.murmurhash3_32", call, shell),
            "sklearn.utils.murmurhash3_32",
        ),
        "a metric that is called": (
            node(
                "sklearn.metrics._regression.r2_score", call,
                sequence(value([1, 2]), value([1, 2])),
            ),
            "sklearn.metrics._regression.r2_score",
        ),
        "a function beside the metrics": (
            node("sklearn.metrics._plot.base._check_param_lengths", "FunctionNode"),
            "_check_param_lengths",
        ),
        "a splitter that is called": (
            node("sklearn.model_selection._split.KFold", call, sequence(value(3))),
            "sklearn.model_selection._split.KFold",
        ),
    }  # fmt: skip


@pytest.mark.parametrize("name", attacks(None))
@pytest.mark.parametrize("place", ["whole", "within"])
def test_an_attack_is_refused_and_nothing_runs(
    path, mark, name, place, monkeypatch, tmp_path
):
    # A module that the caller could import: reading the file must not do that.
    (tmp_path / "malice.py").write_text(f"open({str(mark)!r}, 'w')\nclass Model: ...\n")
    monkeypatch.syspath_prepend(tmp_path)

    def built(*args, **options):
        raise AssertionError("something of the file was built")

    monkeypatch.setattr(skops.io, "load", built)
    schema, culprit = attacks(mark)[name]
    protocol = schema.pop("protocol", 2)
    if place == "within":
        schema = node(EASE_CLASS, "ObjectNode", dictionary(regularization=schema))
    forge(path, schema, protocol=protocol)
    assert_refused(path, f"types that are not trusted: .*{culprit}")
    assert not mark.exists()


OUR_CALLS = {
    "ConstructorFromReduceNode": {"content": sequence(value(7.0))},
    "ListNode": {"content": [value(7.0)]},
    "SetNode": {"content": [value(7.0)]},
    "TupleNode": {"content": [value(7.0)]},
    "DictNode": {"content": {}, "key_types": sequence(kind="list")},
    "TypeNode": {},
    "FunctionNode": {},
    "NdArrayNode": {"type": "json", "content": [value(1)], "shape": value([1])},
    "RandomStateNode": {"content": value(7.0)},
    "LossNode": {
        "__reduce__": {"args": sequence(value(7.0))},
        "content": dictionary(),
    },
}


@pytest.mark.parametrize("loader", OUR_CALLS)
@pytest.mark.parametrize("place", ["alone", "beside an honest one"])
def test_no_class_is_called_with_what_the_file_says(path, loader, place, monkeypatch):
    called = []
    monkeypatch.setattr(EASE, "__init__", lambda *args, **more: called.append(args))
    schema = node(EASE_CLASS, loader, **OUR_CALLS[loader])
    if place == "beside an honest one":
        schema = sequence(MODEL, schema)
    forge(path, schema)
    assert_refused(path, f"not trusted: {EASE_CLASS}")
    assert called == []


def test_no_honest_file_calls_a_class(path, toy, monkeypatch):
    save(EASE(3.0).fit(toy), path)
    called = []
    monkeypatch.setattr(EASE, "__init__", lambda *args, **more: called.append(args))
    assert load(path).regularization == 3.0
    assert called == []


def test_every_part_of_a_file_is_looked_at(path, toy, mark):
    """Any part of an honest file may be put in the place of something else."""
    save(make_recommender_pipeline(IdEncoder(), EASE()).fit(toy), path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    del members["sklearn_metarec.json"]
    schema = json.loads(members.pop("schema.json"))
    parts = list(parts_of(schema))
    assert len(parts) > 50
    for part in parts:
        del part["__id__"]  # by which a part that was there before is read once only
    seen = 0
    for part in parts:
        if part["__loader__"] == "JsonNode":
            continue  # plain JSON, whatever it calls itself
        honest = dict(part)
        part["__module__"], part["__class__"] = "os", "system"
        forge(path, schema, **members)
        assert_refused(path, r"not trusted: .*os\.system")
        part.update(honest)
        seen += 1
    assert seen > 20
    forge(path, schema, **members)
    assert load(path).recommend(k=1)[0].shape == (5, 1)


def parts_of(schema):
    if isinstance(schema, dict):
        if "__loader__" in schema:
            yield schema
        for part in schema.values():
            yield from parts_of(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from parts_of(part)


def test_a_file_that_changes_while_it_is_read(path, mark, monkeypatch):
    forge(path, MODEL)
    honest = skops.io.get_untrusted_types

    def swapped(*, file):
        found = honest(file=file)
        forge(path, attacks(mark)["a shell"][0])
        return found

    monkeypatch.setattr(skops.io, "get_untrusted_types", swapped)
    with pytest.raises(InvalidModelFileError):
        load(path)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("an item that is none", lambda matrix: matrix.indices.__setitem__(0, 1 << 20)),
        ("an item before the first", lambda matrix: matrix.indices.__setitem__(0, -9)),
        ("rows that go backwards", lambda matrix: matrix.indptr.__setitem__(1, 999)),
    ],
)
def test_pairs_outside_the_matrix(path, toy, what, change):
    # Compiled code would write where it may not.
    model = EASE().fit(toy)
    change(model.history_)
    save(model, path)
    assert_refused(path)


@pytest.mark.parametrize("wrap", [lambda model: model, lambda model: [{"a": (model,)}]])
def test_pairs_of_another_shape(path, toy, wrap):
    model = EASE().fit(toy)
    model._stored = PopularityRecommender().fit(toy[:8])._stored
    save(wrap(model), path)
    assert_refused(path, "history_ is no CSR matrix of 5 x 5")


def test_the_list_of_loaders_is_that_of_the_file():
    schema = sequence(MODEL, node("a.B", "TypeNode"), node("a.B", "ObjectNode"))
    assert persistence._loaders(schema) == {
        "builtins.tuple": {"TupleNode"},
        "builtins.dict": {"DictNode"},
        "builtins.list": {"ListNode"},
        EASE_CLASS: {"ObjectNode"},
        "a.B": {"TypeNode", "ObjectNode"},
    }


# --------------------------------------------------------- paths, sizes, stored frames


@pytest.mark.parametrize(
    "name", ["../secret.npy", "/etc/passwd", "..\\secret.npy", "C:\\secret.npy"]
)
def test_a_file_outside_of_the_file(path, tmp_path, name):
    """Neither reads a member from elsewhere nor writes one to there."""
    folder = tmp_path / "inner"
    folder.mkdir()
    np.save(tmp_path / "secret.npy", np.arange(3))
    array = node("numpy.ndarray", "NdArrayNode", type="numpy", file=name)
    model = node(EASE_CLASS, "ObjectNode", dictionary(regularization=array))
    forge(folder / "model.skops", model)
    assert_refused(folder / "model.skops", "not a complete model file")
    before = sorted(tmp_path.rglob("*"))
    forge(folder / "model.skops", MODEL, **{name: b"written"})
    load(folder / "model.skops")
    assert sorted(tmp_path.rglob("*")) == before


def with_array(path, content):
    """A file with an array that is what `content` says."""
    array = node("numpy.ndarray", "NdArrayNode", type="numpy", file="a.npy")
    model = node(EASE_CLASS, "ObjectNode", dictionary(regularization=array))
    forge(path, model, **{"a.npy": content})


def npy(array, shape=None):
    """An array in NumPy's form, of another shape than it is."""
    file = io.BytesIO()
    np.save(file, array)
    content = file.getvalue()
    if shape is None:
        return content
    old = str(array.shape).encode()
    new = str(shape).encode()
    assert len(new) - len(old) < content.count(b" ")
    # The header is filled up with blanks: as many fewer as the shape has more digits.
    head, _, tail = content.partition(old)
    blanks = b" " * (len(new) - len(old))
    return head + new + tail.replace(blanks, b"", 1)


def test_an_array_in_a_file(path):
    with_array(path, npy(np.arange(3)))
    assert load(path).regularization.tolist() == [0, 1, 2]


@pytest.mark.parametrize("shape", [(10**15,), (10**6, 10**6), (2**63,), (-1,), (4,)])
def test_an_array_that_claims_to_be_huge(path, shape):
    with_array(path, npy(np.arange(3), shape))
    assert_refused(path, "not a complete model file")


def test_an_array_of_pickles(path, mark):
    class Runs:
        def __reduce__(self):
            return (open, (str(mark), "w"))

    file = io.BytesIO()
    np.save(file, np.array([Runs()], dtype=object), allow_pickle=True)
    with_array(path, file.getvalue())
    assert_refused(path, "not a complete model file")
    assert not mark.exists()


def test_a_pickle_among_the_members(path, mark):
    """Nobody asks for it, so nobody reads it."""
    attack = pickle.dumps((1, 2))
    forge(path, MODEL, **{"model.pkl": attack, "data.joblib": attack})
    assert type(load(path)) is EASE


@pytest.mark.parametrize("member", ["schema.json", "a.npy", "unused"])
def test_a_member_that_grows_when_it_is_read(path, toy, member):
    save(EASE().fit(toy), path)
    assert path.stat().st_size < 100_000
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{member}.bomb", bytes(50_000_000))
    assert path.stat().st_size < 200_000
    assert_refused(path, "said to have 50......? bytes, it has")


def test_a_frame_cannot_hold_code(path, mark):
    """What a stored frame says of itself is data, whatever it says."""
    stored = "sklearn_metarec._stored_frames.StoredFrame"
    text = str(mark)
    for content in (
        value(None),
        value({"columns": [], "labels": text, "n_rows": 0, "index": None}),
        dictionary(kind=value("eval"), values=value(f"open({text!r}, 'w')")),
    ):
        for library in ("pandas", "polars", "os"):
            frame = node(
                stored,
                "ObjectNode",
                dictionary(library=value(library), content=content),
            )
            model = node(
                "sklearn_metarec.linear_model._content_ranker.ContentRanker",
                "ObjectNode", dictionary(item_features=frame),
            )  # fmt: skip
            forge(path, model)
            assert_refused(path, "not a complete model file")
    assert not mark.exists()
