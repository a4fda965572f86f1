"""The functions: they give what the program writes, and say what it says."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import subprocess
import sys
import zipfile
from typing import Any, Callable

import pytest

import cubinspect
from cubinspect import report as classes

Program = Callable[..., Any]


def camel_case(name: str, keys: set[str]) -> str:
    """The member of an object with these keys that a field is."""
    return next(key for key in keys if key.replace("_", "").lower() == name.replace("_", "").lower())


def expect_same(value: Any, document: Any, place: str = "report") -> None:
    """Everything that is in the document is in the value, and nothing else."""
    if dataclasses.is_dataclass(value):
        assert isinstance(document, dict), place
        present = {}
        for field in dataclasses.fields(value):
            content = getattr(value, field.name)
            if content is None or (content == () and not any(camel(field.name, key) for key in document)):
                continue
            present[camel_case(field.name, set(document))] = content
        assert set(present) == set(document) - {"pathBytes"}, place
        for key, content in present.items():
            if key == "path" and "pathBytes" in document:
                assert os.fsencode(content) == bytes.fromhex(document["pathBytes"])
            else:
                expect_same(content, document[key], f"{place}.{key}")
    elif isinstance(value, tuple):
        assert len(value) == len(document), place
        for index, (one, other) in enumerate(zip(value, document)):
            expect_same(one, other, f"{place}[{index}]")
    else:
        assert value == document, place


def camel(field: str, key: str) -> bool:
    return key.lower() == field.replace("_", "").lower()


def test_what_is_asked_is_what_the_arguments_say(
    fixtures: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cubinspect.toml").write_text('gpu = ["A100"]\nfail-on = "jit"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUBINSPECT_GPU", "H100")
    report = cubinspect.scan(fixtures / "host" / "aarch64.so", gpus="V100")
    assert [answer.query for answer in report.answers] == ["V100"]
    assert len(cubinspect.scan(fixtures / "host" / "aarch64.so").answers) > 2


@pytest.mark.parametrize("folder", ["host", "units", "targets", "malformed"])
def test_a_report_is_the_documents(fixtures: pathlib.Path, program: Program, folder: str) -> None:
    path = fixtures / folder
    report = cubinspect.scan(path, gpus=["A100", "V100"], driver="535", allow_incomplete=True)
    document = program("scan", str(path), "--gpu", "A100", "--gpu", "V100", "--driver", "535", "-o", "json")
    expect_same(report, document)
    assert report.views[0].libraries


def test_what_was_found_is_kept(fixtures: pathlib.Path, tmp_path: pathlib.Path) -> None:
    plain, kept = fixtures / "units", tmp_path / "kept"
    first = cubinspect.scan(plain, gpus="A100", cache=kept)
    again = cubinspect.scan(plain, gpus="A100", cache=kept)
    assert again.views == first.views == cubinspect.scan(plain, gpus="A100").views
    assert len(list((kept / "scans").iterdir())) == 1
    assert again.summary.bytes_read == 0 < first.summary.bytes_read
    assert b'"bytesRead":0' in cubinspect.facts(plain, cache=kept).document
    assert len(list((kept / "scans").iterdir())) == 1


def test_answers(fixtures: pathlib.Path) -> None:
    report = cubinspect.scan([fixtures / "host" / "scale.so"], gpus=("sm_90", "Tesla K80"))
    assert [(answer.query, answer.answer) for answer in report.answers] == [("sm_90", "yes"), ("Tesla K80", "no")]
    assert report.answers[1].reasons[0].code == "noKernelImage"
    assert report.answers[1].compute_capability == "3.7"
    assert report.tool.version == cubinspect.__version__
    assert report.tool.tables and len(report.tool.tables) == 10
    # One text is one GPU and one path, not a list of letters.
    assert cubinspect.scan(str(fixtures / "host" / "scale.so"), gpus="sm_90").answers == report.answers[:1]


def test_requirements(fixtures: pathlib.Path) -> None:
    report = cubinspect.scan(fixtures / "host" / "scale.so", gpus="sm_90", require=["sm_20", "sm_90"])
    statuses = {result.target: result.status for result in report.views[0].libraries[0].requirements}
    assert statuses == {"sm_20": "missing", "sm_90": "met"}


def test_plan_and_checks(fixtures: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """A wheel of PyTorch whose driver is too old: there is something to do."""
    wheel = tmp_path / "torch-2.7.1+cu128-cp312-cp312-linux_x86_64.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("torch/version.py", "__version__ = '2.7.1+cu128'\ncuda: Optional[str] = '12.8'\nhip: Optional[str] = None\n")
        archive.writestr("torch-2.7.1+cu128.dist-info/METADATA", "Metadata-Version: 2.1\nName: torch\nVersion: 2.7.1+cu128\n")
        archive.writestr("torch-2.7.1+cu128.dist-info/WHEEL", "Wheel-Version: 1.0\n")
        archive.writestr("torch-2.7.1+cu128.dist-info/RECORD", "torch/version.py,,\ntorch/lib/libtorch_cuda.so,,\n")
        archive.write(fixtures / "host" / "scale.so", "torch/lib/libtorch_cuda.so")
    report = cubinspect.scan(wheel, gpus="H100", driver="450.80.02")
    [view] = report.views
    assert view.packages[0].name == "torch"
    assert view.stack is not None and view.stack.lines.driver_and_cuda == "fail"
    failed = {check.id for check in view.stack.checks if check.status == "fail"}
    assert failed == {"driverGPU", "driverRuntime"}
    assert view.plan is not None and "installDriver" in {step.kind for step in view.plan.steps}


def test_facts_are_judged_like_the_files(fixtures: pathlib.Path, tmp_path: pathlib.Path) -> None:
    path = fixtures / "units"
    facts = cubinspect.facts(path)
    facts.save(tmp_path / "facts.json")
    assert cubinspect.Facts.load(tmp_path / "facts.json") == facts
    for gpu in ("A100", "Tesla K80"):
        judged = cubinspect.judge(facts, gpus=gpu, driver="470")
        scanned = cubinspect.scan(path, gpus=gpu, driver="470")
        assert judged.answers == scanned.answers
        assert judged.views == scanned.views


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"gpus": "Voodoo 2"}, 'no GPU is called "Voodoo 2"'),
        ({"gpus": ["A100"], "driver": "new"}, "write a release (460.32.03)"),
        ({"require": ["nonsense"]}, "--require"),
        ({"limits": {"depth": 1}}, "--limit"),
        ({"data": ["missing.json"]}, "missing.json"),
        ({"jobs": 0}, "--jobs"),
    ],
)
def test_wrong_values(fixtures: pathlib.Path, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(cubinspect.UsageError) as error:
        cubinspect.scan(fixtures / "host", **arguments)
    assert said in str(error.value)
    assert "Try '" not in str(error.value)


def test_no_path() -> None:
    with pytest.raises(cubinspect.UsageError):
        cubinspect.scan([])


def test_what_cannot_be_read(fixtures: pathlib.Path, tmp_path: pathlib.Path) -> None:
    with pytest.raises(cubinspect.IncompleteError, match="does not exist") as error:
        cubinspect.scan([fixtures / "host", tmp_path / "missing"], gpus="sm_90")
    # What was found besides is there all the same.
    assert error.value.report is not None
    assert error.value.report.views[0].libraries
    with pytest.raises(cubinspect.IncompleteError, match="does not exist") as error:
        cubinspect.facts(tmp_path / "missing")
    assert error.value.facts is not None
    problems = cubinspect.scan(tmp_path / "missing", allow_incomplete=True).views[0].problems
    assert [problem.code for problem in problems] == ["notFound"]


def test_links(fixtures: pathlib.Path, tmp_path: pathlib.Path) -> None:
    environment, cache = tmp_path / "environment", tmp_path / "cache"
    environment.mkdir()
    cache.mkdir()
    (cache / "scale.so").write_bytes((fixtures / "host" / "scale.so").read_bytes())
    (environment / "scale.so").symlink_to(cache / "scale.so")
    with pytest.raises(cubinspect.IncompleteError, match="--follow-links"):
        cubinspect.scan(environment)
    report = cubinspect.scan(environment, follow_links=[cache])
    assert [library.path for library in report.views[0].libraries] == ["scale.so"]
    assert cubinspect.judge(cubinspect.facts(environment, follow_links=[cache])).answers == report.answers


def test_names_of_any_kind(fixtures: pathlib.Path, tmp_path: pathlib.Path) -> None:
    content = (fixtures / "host" / "scale.so").read_bytes()
    names = [b"--gpu", b"-", b"bad\xff.so", "grüß.so".encode()]
    for name in names:
        with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
            file.write(content)
    report = cubinspect.scan(tmp_path, gpus="sm_90")
    found = {library.path for library in report.views[0].libraries}
    found |= {alias.path for library in report.views[0].libraries for alias in library.aliases}
    assert {os.fsencode(path) for path in found} == set(names)
    # An option's name as a path, in the folder where the program starts.
    done = subprocess.run(
        [sys.executable, "-c", "import cubinspect; print(cubinspect.scan('--gpu', gpus='sm_90').answers[0].answer)"],
        cwd=tmp_path, stdout=subprocess.PIPE, check=True, text=True)
    assert done.stdout == "yes\n"


def test_the_program_fails(fixtures: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "cubinspect"
    monkeypatch.setattr("cubinspect._api.find_program", lambda: str(script))
    with pytest.raises(cubinspect.ProgramError):
        cubinspect.scan(fixtures)
    script.write_text("#!/bin/sh\necho 'cubinspect: oh no' >&2\nkill -9 $$\n")
    script.chmod(0o755)
    with pytest.raises(cubinspect.ProgramError, match="SIGKILL: oh no"):
        cubinspect.scan(fixtures)
    script.write_text("#!/bin/sh\nexec sleep 60\n")
    with pytest.raises(subprocess.TimeoutExpired):
        cubinspect.scan(fixtures, timeout=0.2)


def test_unknown_members_are_skipped() -> None:
    """A program that is newer than the classes."""
    reason = classes.Reason.from_json({"code": "notKnown", "text": "nothing tells", "mood": "bad"})
    assert reason == classes.Reason(code="notKnown", text="nothing tells")


def test_which(program: Program) -> None:
    report = cubinspect.which("bitsandbytes", gpus=["GTX 980"], python="3.12")
    document = program("which", "bitsandbytes", "--gpu", "GTX 980", "--python", "3.12", "-o", "json")
    expect_same(report, document)
    assert report.best == report.newest
    assert report.command == f"pip install bitsandbytes=={report.best}"
    best = next(release for release in report.releases if release.version == report.best)
    assert [answer.answer for answer in best.answers] == ["yes"]
    assert any(change.kind == "gone" for change in report.changes[0].changes)
    # For two GPUs one release; for one that none runs on there is none, which is no error.
    assert [change.query for change in cubinspect.which("torch", gpus="V100,H100").changes] == ["V100", "H100"]
    assert cubinspect.which("bitsandbytes", gpus="2.0").best is None


def test_which_of_a_machine(fixtures: pathlib.Path) -> None:
    report = cubinspect.which("bitsandbytes", host=fixtures / "nvidia-smi" / "470-list.txt")
    assert [change.query for change in report.changes] == ["NVIDIA GeForce GTX 1080 Ti", "Tesla P100-PCIE-16GB"]


@pytest.mark.parametrize(
    ("package", "arguments", "said"),
    [
        ("no-such-package", {"gpus": "A100"}, "no-such-package"),
        ("torch", {}, "--gpu is missing"),
        ("torch", {"gpus": "A100", "python": "new"}, "write a version such as 3.12"),
        ("torch", {"gpus": "A100", "machine": "sparc"}, "--machine"),
        ("--help", {"gpus": "A100"}, "help was not measured"),
    ],
)
def test_which_with_wrong_values(package: str, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(cubinspect.UsageError) as error:
        cubinspect.which(package, **arguments)
    assert said in str(error.value)


def test_other_machines(fixtures: pathlib.Path) -> None:
    """What nvidia-smi has printed elsewhere, and inputs that are fetched first."""
    path = fixtures / "host" / "scale.so"
    report = cubinspect.scan(path, host=fixtures / "nvidia-smi" / "610-table.txt")
    assert [(answer.query, answer.driver) for answer in report.answers] == [("NVIDIA B200", "610.43.02")]
    assert report.here is None
    with pytest.raises(cubinspect.UsageError, match="neither a GPU nor a driver"):
        cubinspect.scan(path, host=fixtures / "nvidia-smi" / "README.md")
    with pytest.raises(cubinspect.UsageError, match="is no name"):
        cubinspect.scan("docker:-x")
    layout = cubinspect.scan(f"oci:{fixtures / 'archives' / 'layout'}", gpus="A100")
    assert layout.views[0].kind == "image"


def test_check(fixtures: pathlib.Path, program: Program, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "env" / "lib" / "python3.12" / "site-packages"
    site.mkdir(parents=True)
    (site / "scale.so").write_bytes((fixtures / "host" / "scale.so").read_bytes())
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "env"))
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    report = cubinspect.check(gpus=["A100", "V100"], driver="535")
    expect_same(report, program("check", "--gpu", "A100", "--gpu", "V100", "--driver", "535", "-o", "json"))
    assert report.here is not None and report.here.origin == "VIRTUAL_ENV"
    assert str(tmp_path / "env") in report.here.notes[0]
    assert report.answers == cubinspect.scan(tmp_path / "env", gpus=["A100", "V100"], driver="535").answers
    # Without GPUs, those of this machine, or of each generation.
    assert cubinspect.check().answers
    # Something else in its place, on the machine of an nvidia-smi.
    report = cubinspect.check(fixtures / "host" / "scale.so", host=fixtures / "nvidia-smi" / "610-table.txt")
    assert report.here is not None and report.here.origin == "arguments"
    assert [answer.query for answer in report.answers] == ["NVIDIA B200"]


def test_check_without_an_environment(
    fixtures: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(cubinspect.UsageError, match="PATH leads to no python3"):
        cubinspect.check(gpus="A100")
    with pytest.raises(cubinspect.UsageError, match="Voodoo 2"):
        cubinspect.check(fixtures, gpus="Voodoo 2")
    with pytest.raises(cubinspect.IncompleteError, match="does not exist"):
        cubinspect.check(tmp_path / "missing", gpus="A100")
