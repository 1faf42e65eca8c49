"""Class names belong to a run: they are kept with it, and compared wherever its weights meet
data.
"""

import json

import pytest
import torch
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes

from snnexp.cli.evaluate import evaluate
from snnexp.datasets.base import DataError, Source, Split, numbered
from snnexp.datasets.dataset import Dataset
from snnexp.datasets.names import refuse_others
from snnexp.datasets.text import class_name, shown
from snnexp.runs.weights import classes, sort_metadata
from tests.support.options import build_option, options
from tests.support.photographs import write_pictures
from tests.support.stored_weights import replaced
from tests.support.tiny_run import attempted, job

KIND = "A: what belongs to a run is not kept with it"
MISMATCH = "19: class-count mismatch"
ONE = "A: dead, saturated, trivial"


def own(root, *more):
    """Overrides of a run on pictures of one's own."""
    return (
        "dataset=image_folder",
        f"data_dir={root}",
        "dataset.size=8",
        "batch_size=4",
        "epochs=1",
        *more,
    )


@pytest.fixture
def pictures(tmp_path):
    return write_pictures(tmp_path / "data")


@pytest.fixture
def trained(tmp_path, pictures):
    """The folder of a run on pictures of `left` and `right`."""
    job(tmp_path / "run", *own(pictures))
    return tmp_path / "run"


def renamed(root, old, new):
    for part in ("train", "test"):
        (root / part / old).rename(root / part / new)


@pytest.mark.fault(KIND, "a class folder is renamed, so that it sorts behind another")
def test_evaluate_refuses_renamed_classes(trained, pictures, capsys, happened):
    said = json.loads((trained / "result.json").read_text())["classes"]
    assert said == ["left", "right"] == list(classes(trained / "weights.safetensors"))
    assert evaluate([str(trained)]) == 0
    renamed(pictures, "left", "zleft")
    capsys.readouterr()
    assert evaluate([str(trained)]) == 3
    error = capsys.readouterr().err
    assert (
        "2 classes (left, right)" in error
        and "2 classes (right, zleft)" in error
        and "class 0 is 'left' there and 'right' here" in error
    )
    assert len(list((trained / "evaluations").iterdir())) == 1
    renamed(pictures, "zleft", "left")
    assert evaluate([str(trained)]) == 0
    (kept,) = {
        json.dumps(json.loads(path.read_text())["classes"])
        for path in (trained / "evaluations").iterdir()
    }
    happened(f"exit 3, both lists said; the evaluation keeps {kept}")


@pytest.mark.fault(MISMATCH, "weights of two classes are evaluated on three")
def test_evaluate_says_both_numbers(trained, pictures, tmp_path, capsys, happened):
    write_pictures(tmp_path / "three", names=("left", "middle", "right"))
    assert evaluate([str(trained), f"data_dir={tmp_path / 'three'}"]) == 3
    error = capsys.readouterr().err
    assert (
        "2 classes (left, right)" in error
        and "3 classes (left, middle, right)" in error
        and "2 and 3 classes do not go together" in error
    )
    happened("exit 3 before any image is seen, both numbers")


def starting(run, root, *more):
    return own(root, "strategy=ann", f"strategy.stages.train.start={run}", *more)


@pytest.mark.fault(MISMATCH, "a run starts from one of other classes, in name or number")
def test_a_start_has_the_same_classes_or_is_trained_on(pictures, tmp_path, happened):
    job(tmp_path / "ann", *own(pictures, "strategy=ann"))
    others = write_pictures(tmp_path / "others", names=("lower", "upper"))
    three = write_pictures(tmp_path / "three", names=("left", "middle", "right"))
    as_it_is = "strategy.stages.train.epochs=0"
    assert attempted(tmp_path / "same", *starting(tmp_path / "ann", pictures, as_it_is))[2] == 0
    for root, epochs, part in (
        (others, [as_it_is], "their names differ"),
        (three, [], "2 and 3 classes do not go together"),
    ):
        _, error, code = attempted(
            tmp_path / root.name / "run", *starting(tmp_path / "ann", root, *epochs)
        )
        assert code == 3 and isinstance(error, DataError) and part in str(error)
    assert attempted(tmp_path / "transfer", *starting(tmp_path / "ann", others))[2] == 0
    assert (
        "was trained on 2 classes (left, right); here it learns 2 classes (lower, upper)"
        in (tmp_path / "transfer/train.log").read_text()
    )
    happened(
        "as it is: exit 3; trained on for other classes: said and done; other numbers: exit "
        "3 with both"
    )


@pytest.mark.fault(KIND, "a class folder is renamed while a run is interrupted")
def test_a_resumed_run_has_the_classes_it_had(pictures, tmp_path, monkeypatch, happened):
    class Interrupted(Exception):
        pass

    def interrupted(*_):
        raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr("snnexp.runs.checkpoint.Checkpoints.close", interrupted)
        patch.setattr("snnexp.runs.checkpoint.Checkpoints.finish", interrupted)
        assert isinstance(attempted(tmp_path / "run", *own(pictures, "epochs=2"))[1], Interrupted)
    assert list((tmp_path / "run/checkpoints").iterdir())
    renamed(pictures, "left", "zleft")
    _, error, code = attempted(tmp_path / "run", *own(pictures, "epochs=2"))
    assert code == 3 and "2 classes (left, right)" in str(error)
    renamed(pictures, "zleft", "left")
    assert attempted(tmp_path / "run", *own(pictures, "epochs=2"))[2] == 0
    happened("exit 3; with the old name it goes on")


def test_a_run_that_did_not_keep_its_classes_is_still_read(trained, tmp_path):
    path = trained / "weights.safetensors"
    replaced(trained, load_file(path), "spiking")
    assert classes(path) is None and evaluate([str(trained)]) == 0


@pytest.mark.parametrize("content", [b"", b"\xff" * 40, b"[" * 200])
def test_damaged_weights_are_an_error_in_words(content, tmp_path):
    (tmp_path / "weights.safetensors").write_bytes(content)
    with pytest.raises(DataError, match="cannot be read.*finished run"):
        classes(tmp_path / "weights.safetensors")


def test_equal_networks_give_equal_bytes(tmp_path):
    """safetensors writes what is said of a network in random order."""
    weight, said = torch.randn(3, 2), {"form": "spiking", "classes": json.dumps(["a", "ä"])}
    written = {
        sort_metadata(to_bytes({"weight": weight, "bias": weight[0].clone()}, said))
        for _ in range(12)
    }
    (tmp_path / "x").write_bytes(*written)
    assert torch.equal(load_file(tmp_path / "x")["weight"], weight) and classes(tmp_path / "x") == (
        "a",
        "ä",
    )


@pytest.mark.parametrize("name", options("dataset"))
def test_every_data_set_knows_its_classes(name, tmp_path):
    source = build_option("dataset", name, {"data_dir": str(write_pictures(tmp_path))}).source
    if name in ("imagenet", "imagenette"):
        assert source.class_names == ()  # the folders, which are not there
    else:
        assert len(source.class_names) == source.classes == len(set(source.class_names))


def test_names_of_published_sets_are_those_of_their_publishers():
    import torchvision

    assert build_option("dataset", "fashion_mnist").source.class_names == tuple(
        torchvision.datasets.FashionMNIST.classes
    )
    assert (
        build_option("dataset", "cifar10").source.class_names[3] == "cat"
        and build_option("dataset", "cifar100").source.classes == 100
    )
    assert (
        build_option("dataset", "mnist").source.class_names
        == build_option("dataset", "digits").source.class_names
    )


def test_equal_names_pass_and_long_lists_are_shortened():
    refuse_others(None, ["a"], "run")
    refuse_others(("a", "b"), ["a", "b"], "run")
    many = [f"class {number}" for number in range(1000)]
    with pytest.raises(DataError) as error:
        refuse_others(many, [*many[1:], many[0]], "run")
    assert "1000 classes (class 0, class 1, class 2, ..., class 999)" in str(
        error.value
    ) and "the same in another order" in str(error.value)
    assert len(str(error.value)) < 600


@pytest.mark.fault(
    KIND, "a class with a name that is no text: bytes, escape codes, one letter spelt in two ways"
)
def test_odd_names_are_kept_as_text(tmp_path, happened):
    assert (
        class_name("cafe\u0301") == "café"
        and class_name("a\x1b[2Jb") == "a\\x1b[2Jb"
        and shown("\udce9") == "\\udce9"
    )
    write_pictures(tmp_path / "data", names=("caf\udce9", "a\x1b[2Jb"))
    result = job(tmp_path / "run", *own(tmp_path / "data"))
    assert (
        result["classes"]
        == ["a\\x1b[2Jb", "caf\\udce9"]
        == json.loads((tmp_path / "run/result.json").read_text())["classes"]
    )
    bad = tmp_path / "data/train/caf\udce9/0.png"
    bad.write_bytes(b"")
    _, error, code = attempted(tmp_path / "again", *own(tmp_path / "data"))
    assert code == 3 and "caf\\udce9/0.png: unreadable" in str(error)
    assert json.loads((tmp_path / "again/status.json").read_text())["status"] == "failed"
    happened("result and errors hold escapes; the status is true")


# No classification


@pytest.mark.parametrize(
    "names, train, part", [(("only",), 4, r"there is 1 class \(only\)"), (("only",), 1, "1 class")]
)
@pytest.mark.fault(ONE, "data of one class, or one picture")
def test_one_class_is_no_classification(names, train, part, tmp_path, happened):
    write_pictures(tmp_path / "data", names, train=train)
    _, error, code = attempted(tmp_path / "run", *own(tmp_path / "data"))
    assert code == 3
    with pytest.raises(DataError, match=part):
        raise error
    happened("exit 3 in words")


class Given(Source):
    """A source with these labels."""

    shape, classes, class_names, place = (1, 2, 2), 2, ("a", "b"), "here"
    status = verify = prepare = None

    def __init__(self, train, test):
        self.splits = [
            numbered(torch.zeros(len(each), 1, 2, 2, dtype=torch.uint8), torch.tensor(each).long())
            for each in (train, test)
        ]

    def read(self) -> tuple[Split, Split]:
        return tuple(self.splits)


@pytest.mark.parametrize(
    "train, test, held_out, part",
    [
        ([0], [1], 0, "1 training sample"),
        ([0, 1, 1], [1], 2, "validation=2 leaves 1 training sample"),
        ([0, 1], [], 0, "no test sample"),
        ([], [0], 0, "no training sample"),
        (
            [0, 2],
            [1],
            0,
            r"training labels go from 0 to 2. Expected: 0 to 1 for 2 classes \(a, b\)",
        ),
        ([0, 1], [-1], 0, "test labels go from -1"),
    ],
)
@pytest.mark.fault(
    "20: data missing, corrupt, empty split",
    "a split without images, with one, or with labels that are no classes",
)
def test_what_cannot_be_trained_and_tested_on_is_said(train, test, held_out, part, happened):
    with pytest.raises(DataError, match=f"^here: .*{part}"):
        Dataset(lambda: Given(train, test), held_out, 0, None, None).load()
    happened("DataError, exit 3")


@pytest.mark.fault(ONE, "two training images and a batch norm, and batches that leave one over")
def test_few_images_train(tmp_path, happened):
    for count, size in ((1, 4), (2, 3), (3, 5)):
        root = write_pictures(tmp_path / f"data{count}", train=count)
        assert (
            attempted(tmp_path / f"run{count}", *own(root, "norm=batch", f"batch_size={size}"))[2]
            == 0
        )
    happened("exit 0: a single image left over is left out")


@pytest.mark.fault(ONE, "a class whose images were all held out for validation")
def test_a_class_that_is_not_trained_on_is_said(caplog):
    Dataset(lambda: Given([0, 0, 0], [0, 1]), 0, 0, None, None).load()
    assert "here: no training sample of 1 class (b)" in caplog.text
