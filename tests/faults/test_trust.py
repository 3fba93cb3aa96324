"""Nothing that is read is executed, nothing leads out of the study's folder, and no secret is written down."""

from __future__ import annotations

import ast
import gzip
import json
import os
import pickle
import re
import resource
import struct
import subprocess
import sys
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from detstudy.data.headers import PNG_SIGNATURE
from detstudy.data.images import decode_image
from detstudy.data.records import Fault, ImageRecord
from detstudy.evaluation import EvaluationError, load_ground_truth, load_matches
from detstudy.execution import Place, prepare_ledger
from detstudy.execution.executors.assignment import make_assignment, make_command
from detstudy.execution.provenance import describe_machine
from detstudy.execution.work import train_run
from detstudy.ledger import Ledger
from detstudy.ledger.files import remove_dead_temporaries
from detstudy.plan import plan_study
from detstudy.study.spec import load_study
from detstudy.study.study import StudyError

STUDY = """\
study: %s
data:
  format: coco
  root: .
  train: {annotations: train.json, images: train}
  validation: {annotations: val.json, images: val}
model: {name: compact}
baseline: {learning_rate: 0.004, batch_size: 4, iterations: 40}
factors: {}
"""


class Trap:
    """Makes a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture
def trap(tmp_path):
    """A trap, which is shown to work, and the place where it would leave its mark."""
    mark = tmp_path / "mark"
    pickle.loads(pickle.dumps(Trap(mark)))
    mark.rmdir()
    return Trap(mark)


def write_traps(folder: Path, trap: Trap, *, legacy: bool) -> Path:
    import torch

    path = folder / "checkpoint-00000003.pt"
    torch.save({"a": torch.ones(2), "b": trap}, path, _use_new_zipfile_serialization=not legacy)
    return path


@pytest.mark.parametrize("legacy", [False, True])
def test_weights_execute_nothing(tmp_path, trap, legacy):
    from detstudy.trainers.torchvision.weights import WeightsError, read_weights

    with pytest.raises(WeightsError, match=r"can't be read .* save a state dict with torch.save"):
        read_weights(write_traps(tmp_path, trap, legacy=legacy))
    assert not trap.path.exists()


@pytest.mark.parametrize("legacy", [False, True])
def test_checkpoints_execute_nothing(tmp_path, trap, legacy):
    from detstudy.trainers.torchvision.checkpoint import read_checkpoint

    write_traps(tmp_path, trap, legacy=legacy)
    assert read_checkpoint(tmp_path) is None
    assert not trap.path.exists()


def test_a_plain_pickle_is_no_weights(tmp_path, trap):
    from detstudy.trainers.torchvision.weights import WeightsError, read_weights

    (tmp_path / "weights.pt").write_bytes(pickle.dumps(trap))
    with pytest.raises(WeightsError):
        read_weights(tmp_path / "weights.pt")
    assert not trap.path.exists()


def test_matches_execute_nothing(tmp_path, trap):
    array = np.empty(1, dtype=object)
    array[0] = trap
    np.save(tmp_path / "version.npy", array, allow_pickle=True)
    with zipfile.ZipFile(tmp_path / "matches.npz", "w") as archive:
        archive.write(tmp_path / "version.npy", "version.npy")
    with pytest.raises(EvaluationError, match="match the run's predictions again"):
        load_matches(tmp_path / "matches.npz")
    assert not trap.path.exists()


PATHS = ["../../x", "..", "/etc/x", "a/b", "a\\\\b", ".hidden", '"a\\nb"', '"a\\0b"', "<b>", "~", '"\\e[2J"', 300 * "x"]


@pytest.mark.parametrize("name", PATHS)
def test_a_study_can_have_no_name_that_is_a_path(tmp_path, name):
    path = tmp_path / "study.yaml"
    path.write_text(STUDY % name)
    with pytest.raises(StudyError, match="study"):
        load_study(path)


def test_the_gallery_reads_from_its_own_folder_alone(tmp_path):
    ledger = Ledger(tmp_path / "study")
    ledger.store_gallery([(1, "a.png", 1.0, b"jpeg")])
    (tmp_path / "secret").write_text("secret")
    index = tmp_path / "study" / "gallery" / "index.json"
    (row,) = json.loads(index.read_text())["images"]
    for file in ("../../secret", str(tmp_path / "secret"), "..", "a\0b", ""):
        index.write_text(json.dumps({"images": [{**row, "file": file, "sum": None}]}))
        assert ledger.read_gallery() == []
    index.write_text(json.dumps({"images": [row]}))
    assert len(ledger.read_gallery()) == 1


def test_provenance_holds_no_secret_of_the_environment(monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "hush-hush-1234")
    monkeypatch.setenv("HTTPS_PROXY", "http://user:hush-hush-1234@proxy")
    told = json.dumps(asdict(describe_machine("cpu", 1)))
    assert "hush-hush-1234" not in told
    assert "SECRET_TOKEN" not in told


SOURCE = Path(load_study.__code__.co_filename).parents[1]
# Who may start processes and import by name, and why.
PROCESSES = {
    "execution/executors/process.py",  # workers and probes, of detstudy's own modules
    "execution/provenance.py",  # nvidia-smi, asked for names
}
BY_NAME = {
    "study/extension.py",  # what a study file that a person plans or runs names; no folder's is imported
    "__init__.py",  # detstudy's own modules, when a public name is first used
}


def find_executing(tree: ast.AST) -> list[str]:
    """Return what in a module would execute what it reads."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            modules = {name.partition(".")[0] for name in names}
            found += sorted(
                modules & {"pickle", "cPickle", "shelve", "marshal", "dill", "joblib", "cloudpickle", "yaml"}
            )
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            needed = {
                "torch.load": ("weights_only", "True"),
                "torch.hub.load_state_dict_from_url": ("weights_only", "True"),
                "np.load": ("allow_pickle", "False"),
                "jinja2.Environment": ("autoescape", "True"),
                "YAML": ("typ", "'rt'"),
            }
            # Without a type YAML() round-trips, too: it makes plain values with their comments.
            if name in needed and not (name == "YAML" and not keywords):
                key, value = needed[name]
                found += [] if keywords.get(key) == value else [f"{name} without {key}={value}"]
            forbidden = ("eval", "exec", "compile", "__import__", "torch.hub.load", "torch.jit.load", "jinja2.Template")
            found += [name] if name in (*forbidden, "os.system", "os.popen", "Markup", "markupsafe.Markup") else []
            found += ["a shell"] if keywords.get("shell", "False") != "False" else []
            found += ["a pickle"] if keywords.get("allow_pickle", "False") != "False" else []
    return found


@pytest.mark.parametrize(
    "code",
    [
        "torch.load(p)",
        "torch.load(p, weights_only=False)",
        "np.load(p)",
        "np.load(p, allow_pickle=True)",
        "from pickle import loads",
        "import yaml",
        "YAML(typ='unsafe')",
        "eval(x)",
        "subprocess.run(x, shell=True)",
        "os.system(x)",
        "jinja2.Environment()",
        "jinja2.Template(x)",
        "Markup(x)",
    ],
)
def test_what_executes_is_found(code):
    assert find_executing(ast.parse(code))


def test_no_module_executes_what_it_reads():
    processes, by_name = set(), set()
    for path in SOURCE.rglob("*.py"):
        name, text = path.relative_to(SOURCE).as_posix(), path.read_text()
        assert find_executing(ast.parse(text)) == [], name
        processes |= {name} if "import subprocess" in text else set()
        by_name |= {name} if "import_module" in text else set()
    assert processes == PROCESSES
    assert by_name == BY_NAME


def test_pages_escape_all_but_the_charts_runtime():
    for path in (SOURCE / "reporting" / "templates").iterdir():
        text = path.read_text()
        assert "autoescape" not in text
        assert re.findall(r"\{\{ *([^}]*)\| *safe", text) in ([], ["runtime"]), path.name


def run_study(study: Path, out: Path, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "detstudy.cli", "run", str(study), "--out", str(out), "--workers", "1"]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, timeout=120, cwd=cwd)


def test_a_study_with_hostile_weights_is_refused(tmp_path, tiny_study, trap):
    weights = write_traps(tmp_path, trap, legacy=False)
    model = {"name": "compact", "weights": str(weights)}
    study = tiny_study(trainer="torchvision", model=model, factors={}, baseline_seeds=[0])
    done = run_study(study, tmp_path / "out")
    assert done.returncode == 2
    assert f"{weights} can't be read" in done.stderr
    assert "Traceback" not in done.stderr
    assert not trap.path.exists()
    assert list((tmp_path / "out").glob("runs/*")) == []


def test_a_run_whose_checkpoint_was_replaced_starts_anew(tmp_path, tiny_study, trap):
    from detstudy.trainers.torchvision.trainer import TorchvisionTrainer

    sections = {"factors": {}, "baseline_seeds": [0], "gallery_images": 0}
    baseline = {"learning_rate": 0.004, "batch_size": 1, "iterations": 1}
    study, ledger = load_study(tiny_study(baseline=baseline, **sections)), Ledger(tmp_path / "out")
    prepare_ledger(study, ledger)
    (run,) = plan_study(study).runs
    folder = ledger.run_folder(run)
    folder.mkdir(parents=True)
    write_traps(folder, trap, legacy=False)
    train_run(run, study, ledger, TorchvisionTrainer(), Place(), lambda _: None)
    assert json.loads((folder / "result.json").read_text())["outcome"] == "finished"
    assert not trap.path.exists()


def rename_trainer(folder, before, after):
    """Let a study's folder name another trainer, as whoever made it could."""
    for name in ("study.yaml", "planned.yaml", "hyperparameters.json", "data.json"):
        text = (folder / name).read_text().replace(before, after)
        if name.endswith(".json"):
            text = json.dumps(
                {key: value for key, value in json.loads(text).items() if key not in ("checksum", "files")}
            )
        (folder / name).write_text(text)


def test_no_code_that_a_folder_names_is_imported_to_read_it(tmp_path, planned):
    """A study's folder from elsewhere: its trainer is in reach, and only running its study file imports it."""
    ledger, _ = planned
    mark = tmp_path / "mark"
    (tmp_path / "hostile.py").write_text(f"import os\nos.mkdir({str(mark)!r})\n")
    rename_trainer(ledger.folder, "detstudy.testing:FakeTrainer", "hostile:Trainer")
    for verb in (["status"], ["report"], ["compare", "baseline", "baseline"]):
        command = [sys.executable, "-m", "detstudy.cli", verb[0], str(ledger.folder), *verb[1:]]
        subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, cwd=tmp_path)
        assert not mark.exists(), verb
    assert ledger.load_study().trainer.name == "hostile:Trainer"
    assert run_study(ledger.folder / "study.yaml", tmp_path / "other", cwd=tmp_path).returncode == 2
    assert mark.exists()


@pytest.fixture
def planned(tmp_path, tiny_study):
    """A study of one run, prepared: its ledger and its run."""
    study, ledger = load_study(tiny_study(factors={}, baseline_seeds=[0])), Ledger(tmp_path / "out")
    prepare_ledger(study, ledger)
    return ledger, plan_study(study).runs[0]


def test_workers_import_no_module_of_the_folder_they_are_started_in(tmp_path, planned):
    """`python -m` alone would import a `numpy.py` that came along with a study."""
    place = tmp_path / "downloaded"
    place.mkdir()
    for module in ("numpy", "json", "psutil"):
        (place / f"{module}.py").write_text("import os\nos.mkdir('mark')\nraise SystemExit\n")
    (place / "mine.py").write_text("from detstudy.testing import FakeTrainer as Mine\n")
    ledger, _ = planned
    before = "detstudy.testing:FakeTrainer"
    for trainer, ending in (("mine:Mine", ""), ("other:Mine", "trainer: other:Mine: No module named")):
        rename_trainer(ledger.folder, before, trainer)
        before = trainer
        assignment = make_assignment(ledger, "cpu").encode().decode()
        command = make_command("detstudy.execution.worker")
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=place) as worker:
            worker.stdin.write(assignment)
            worker.stdin.flush()
            assert ending in worker.stdout.read()
        assert bool(worker.returncode) == bool(ending)  # a trainer that lies there and is named is found
    assert not (place / "mark").exists()


@pytest.mark.parametrize("name", ["", "log.txt", "evaluations", "evaluations/default/matches.npz"])
def test_no_run_is_written_through_a_link(tmp_path, planned, name):
    ledger, run = planned
    outside = tmp_path / "outside"
    outside.mkdir()
    link = ledger.run_folder(run) / name
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)
    with pytest.raises(StudyError, match="is a link"), ledger.claim(run):
        pass
    done = run_study(tmp_path / "study.yaml", ledger.folder, "--set", "trainer.python=detstudy.testing:FakeTrainer")
    assert done.returncode == 2
    assert f"{link}: is a link" in done.stderr.replace("\n", "")
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("name", ["ground_truth", "gallery", "sessions"])
def test_nothing_of_a_study_is_written_through_a_link(tmp_path, planned, name):
    ledger, _ = planned
    outside = tmp_path / "outside"
    outside.mkdir()
    folder = ledger.folder / name
    if folder.exists():
        folder.rename(tmp_path / "aside")
    folder.symlink_to(outside)
    done = run_study(tmp_path / "study.yaml", ledger.folder, "--set", "trainer.python=detstudy.testing:FakeTrainer")
    assert done.returncode == 2
    assert f"{folder}: is a link" in done.stderr.replace("\n", "")
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("name", ["log.txt", "lease.json", "curves.jsonl", "result.json"])
def test_a_pipe_in_a_run_is_refused_and_waited_for_by_nobody(tmp_path, planned, name):
    ledger, run = planned
    folder = ledger.run_folder(run)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    ledger.read_runs()
    with pytest.raises(StudyError, match=r"is a link or a pipe"), ledger.claim(run):
        pass
    done = run_study(tmp_path / "study.yaml", ledger.folder, "--set", "trainer.python=detstudy.testing:FakeTrainer")
    assert done.returncode == 2
    assert "is a link or a pipe" in done.stderr


def test_a_temporary_file_of_no_process_is_no_crash(tmp_path):
    (tmp_path / f".a.{'9' * 20}-0123.part").touch()
    os.utime(tmp_path / f".a.{'9' * 20}-0123.part", (0, 0))
    remove_dead_temporaries(tmp_path)


def test_a_study_and_its_runs_may_lie_on_another_disk(tmp_path, planned):
    ledger, run = planned
    (tmp_path / "disk").mkdir()
    (ledger.folder / "runs").symlink_to(tmp_path / "disk")
    (tmp_path / "linked").symlink_to(ledger.folder)
    with Ledger(tmp_path / "linked").claim(run) as folder:
        assert (tmp_path / "disk" / folder.name / "lease.json").exists()


def write_bomb(path: Path, name: str, size: int) -> None:
    """Write an archive with an entry of zeros that unpacks to a thousand times what it takes."""
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(name, "w", force_zip64=True) as entry,
    ):
        for _ in range(size >> 20):
            entry.write(bytes(1 << 20))


def measure_peak(action: Callable[[], object]) -> int:
    """Return how many bytes Python and numpy held at most meanwhile."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_matches_that_would_fill_memory_are_refused(tmp_path):
    path = tmp_path / "matches.npz"
    write_bomb(path, "version.npy", 1 << 27)

    def read() -> None:
        with pytest.raises(EvaluationError, match="unpacks to"):
            load_matches(path)

    assert measure_peak(read) < 1 << 23


def test_gzipped_json_that_would_fill_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("detstudy.data.formats.entries.limit_unpacked", lambda packed: 100 * packed)
    path = tmp_path / "truth.json.gz"
    path.write_bytes(gzip.compress(b" " * (1 << 27)))

    def read() -> None:
        with pytest.raises(EvaluationError, match="unpacks to more than"):
            load_ground_truth(path)

    assert measure_peak(read) < 1 << 26


def test_weights_and_checkpoints_that_would_fill_memory_are_refused(tmp_path):
    import torch

    from detstudy.trainers.torchvision.checkpoint import read_checkpoint
    from detstudy.trainers.torchvision.weights import WeightsError, read_weights

    path, packed = tmp_path / "plain.pt", tmp_path / "checkpoint-00000003.pt"
    torch.save({"a": torch.zeros(1 << 20)}, path)
    assert read_weights(path)["a"].shape == (1 << 20,)
    with zipfile.ZipFile(path) as plain, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in plain.infolist():
            archive.writestr(entry.filename, plain.read(entry))
    assert torch.load(packed, weights_only=True)["a"].shape == (1 << 20,)  # torch itself would unpack it
    with pytest.raises(WeightsError, match="unpacks to more than its size"):
        read_weights(packed)
    assert read_checkpoint(tmp_path) is None


def test_an_image_that_claims_gigabytes_is_refused_before_it_is_decoded(tmp_path):
    chunk = b"IHDR" + struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1 << 20))
    parts = [chunk, b"IDAT" + body, b"IEND"]
    packed = [struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in parts]
    path = tmp_path / "a.png"
    path.write_bytes(PNG_SIGNATURE + b"".join(packed))

    def read(side: int) -> Fault:
        fault = decode_image(
            ImageRecord(id=1, name="a.png", path=path, height=side, width=side, sequence=None, annotations=())
        )
        assert isinstance(fault, Fault)
        return fault

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert read(64).kind == "image_size_mismatch"
    assert read(60000).kind == "undecodable_image"
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10 < 1 << 28
