"""The command line: ``python -m cubinspect.fleet COMMAND``."""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import ssl
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Callable, NoReturn, Optional

import cubinspect
from cubinspect.fleet import on_ray, page
from cubinspect.fleet import plan as planning
from cubinspect.fleet import report as reporting
from cubinspect.fleet.admission import Decider, Rules, server
from cubinspect.fleet.credentials import CredentialsError
from cubinspect.fleet.dataset import DatasetError
from cubinspect.fleet.documents import visible
from cubinspect.fleet.gate import Gate, NotKnown
from cubinspect.fleet.judge import Judge, Question
from cubinspect.fleet.on_ray import Recipe
from cubinspect.fleet.plan import BYTES_PER_CORE_SECOND, Need, Plan, Planner
from cubinspect.fleet.program import Program, ProgramFailure
from cubinspect.fleet.progress import Line, size_text, time_text
from cubinspect.fleet.references import InvalidReference, is_digest, is_loopback
from cubinspect.fleet.registry import Clients, Network, RegistryError, Stopped
from cubinspect.fleet.store import FolderStore, StoreError, open_store
from cubinspect.fleet.work import Outcome, Shard, Worker

_EPILOG = """\
Exit status: 0 done; 2 wrong usage, or the work ended before its end: what is done stays done, and the same command goes
on. A layer that cannot be read is recorded in the store with its cause, and is no reason for another status.
"""
# What is wrong with an input, a registry, a store or a value: one line says it.
_ERRORS = (
    CredentialsError, DatasetError, InvalidReference, NotKnown, ProgramFailure, RegistryError, reporting.ReportError, StoreError, ValueError,
)  # fmt: skip
# After how many seconds an endpoint reads the plan again.
_RELOAD_SECONDS = 60
# How many of a kind are told one by one.
_MOST_LINES = 10


def main(arguments: Optional[Sequence[str]] = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
        return status
    except Stopped:
        return _fail("it was stopped; the same command goes on")
    except _ERRORS as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))


def _fail(text: str) -> int:
    print(f"cubinspect.fleet: {visible(text)}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m cubinspect.fleet",
        description="Say which images of a registry, and which wheels and archives, run on which GPUs.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"cubinspect {cubinspect.__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    store = argparse.ArgumentParser(add_help=False)
    store.add_argument(
        "--store", required=True, help="the folder with everything that was read, or its URL for fsspec: s3://bucket/fleet"
    )
    store.add_argument("--plan", default="fleet", metavar="NAME", help="the name of the plan in the store (default: fleet)")
    store.add_argument("--quiet", action="store_true", help="show no progress")

    network = argparse.ArgumentParser(add_help=False)
    network.add_argument(
        "--patience", type=float, default=600, metavar="SECONDS",
        help="how long a request that gets no further is tried again (default: 600)",
    )  # fmt: skip
    network.add_argument("--requests", type=_positive, metavar="N", help="at most N requests a second to each registry")
    network.add_argument("--bandwidth", type=_positive, metavar="MB", help="at most so many megabytes a second from each registry")
    network.add_argument("--plain-http", action="append", default=[], metavar="REGISTRY", help="a registry that speaks no TLS")

    reading = argparse.ArgumentParser(add_help=False)
    reading.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, metavar="N",
        help="how many layers are read at the same time (default: one for each processor)",
    )  # fmt: skip
    reading.add_argument("--again", action="store_true", help="try again what this version could not read")
    reading.add_argument("--program", metavar="PATH", help="another program cubinspect than that of this package")

    command = commands.add_parser(
        "plan", parents=[store, network],
        help="list images, layers and files, and say what has to be read",
        description="Lists what belongs to a fleet, from the lists and manifests of registries alone, and says what of it has to be read.",
    )  # fmt: skip
    command.add_argument(
        "sources", nargs="+", metavar="SOURCE",
        help="HOST/REPOSITORY[:TAG], where * stands for any characters: 'HOST/*' is a whole registry; list:FILE with one of "
        "them in each line; a wheel or an archive; a folder with wheels and archives, each of which is one",
    )  # fmt: skip
    command.add_argument(
        "--platform", default="linux/*", metavar="OS/ARCH",
        help="of an image for several platforms only those that match (default: linux/*)",
    )  # fmt: skip
    command.add_argument("--since", type=_date, metavar="DATE", help="only images that were made on this day or later")
    command.add_argument("-o", choices=["text", "json"], default="text", dest="output", help="how the plan is told")
    command.set_defaults(run=_plan)

    command = commands.add_parser(
        "work", parents=[store, network, reading],
        help="read what the plan needs",
        description="Reads each layer of the plan once, as a stream, and keeps its facts. What is there is not read again.",
    )  # fmt: skip
    command.add_argument(
        "--ray", nargs="?", const="local", metavar="ADDRESS",
        help="read on a cluster of Ray; without an address, on one of its own on this machine",
    )  # fmt: skip
    command.add_argument(
        "--shard", type=Shard.parse, metavar="I/N", help="read the I-th of N parts alone; all N together are the whole"
    )
    command.set_defaults(run=_work)

    command = commands.add_parser(
        "watch", parents=[store, network, reading],
        help="read what is new in the sources of the plan",
        description="Looks for tags that the sources of the plan have got since, adds them to it, and reads what they need.",
    )  # fmt: skip
    command.add_argument("--moved", action="store_true", help="also ask whether known tags lead to other images now")
    command.set_defaults(run=_watch)

    command = commands.add_parser(
        "judge", parents=[store],
        help="say what runs where, as a dataset",
        description="Judges everything in the plan that was read, for each GPU with each driver and without one, and writes a "
        "dataset of Parquet files. No layer is read, and no registry is asked.",
    )  # fmt: skip
    command.add_argument(
        "--gpu", action="append", required=True, metavar="GPU",
        help="a GPU as 'cubinspect scan --gpu' takes it; several times, or several separated by commas",
    )  # fmt: skip
    command.add_argument("--driver", action="append", default=[], metavar="VERSION", help="a driver; several like GPUs")
    command.add_argument("--data", action="append", default=[], metavar="FILE", help="more tables, as 'cubinspect scan --data'")
    command.add_argument("--team-label", default="team", metavar="LABEL", help="the label of images with their team (default: team)")
    command.add_argument("-o", required=True, dest="output", metavar="DATASET", help="the folder for the dataset")
    command.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="how many runs of the program at a time")
    command.add_argument("--program", metavar="PATH", help="another program cubinspect than that of this package")
    command.set_defaults(run=_judge)

    command = commands.add_parser(
        "gate", parents=[store, network],
        help="say whether one image runs, or decide about pods",
        description="Answers from the store whether an image runs on some GPUs, and reads it where it is new; or listens as "
        "the endpoint of a ValidatingWebhookConfiguration of Kubernetes. Exit status with --image: 1 for an answer of --deny.",
    )  # fmt: skip
    command.add_argument("--image", action="append", default=[], metavar="NAME", help="an image, or the digest of its manifest")
    command.add_argument("--listen", metavar="HOST:PORT", help="decide about pods, with the GPUs that their labels name")
    command.add_argument("--tls-cert", metavar="FILE", help="the certificate of the endpoint, in PEM")
    command.add_argument("--tls-key", metavar="FILE", help="its key")
    command.add_argument("--gpu", action="append", default=[], metavar="GPU",
                         help="a GPU; of a pod, where it asks for a GPU and does not say which")  # fmt: skip
    command.add_argument("--driver", default="", metavar="VERSION", help="the driver; of a pod, where its labels name none")
    command.add_argument("--deny", choices=["no", "partly", "never"], default=None,
                         help="refuse for this answer and worse (default: no; never for pods, which are only warned)")  # fmt: skip
    command.add_argument("--seconds", type=_positive, default=5.0, metavar="N", help="let a pod in after N seconds without an answer")
    command.add_argument("--platform", default="linux/amd64", metavar="OS/ARCH", help="of an image for several platforms this one")
    command.add_argument("--program", metavar="PATH", help="another program cubinspect than that of this package")
    command.set_defaults(run=_gate)

    command = commands.add_parser(
        "report",
        help="answer questions from a dataset",
        description="Answers ready questions from a dataset: " + ", ".join(one.name for one in reporting.QUESTIONS) + ".",
        epilog="The tables are Parquet files: DuckDB, Polars and Spark answer every other question.",
    )
    command.add_argument("dataset", metavar="DATASET")
    command.add_argument("--question", action="append", default=[], metavar="NAME", help="this question alone; several times")
    command.add_argument("--gpu", action="append", default=[], metavar="GPU", help="only these GPUs of the dataset")
    command.add_argument("--driver", metavar="VERSION", help="with this driver (default: the first of the dataset)")
    command.add_argument("--to", metavar="VERSION", help="what changes when this driver takes the place of --driver")
    command.add_argument("--limit", type=int, metavar="N", help="at most N rows of each answer; 0 is all (default: 10; with --question all)")
    command.add_argument("-o", action="append", default=[], dest="output", metavar="FORMAT[=FILE]",
                         help="text, markdown, csv (of one question) or html (one page); several times")  # fmt: skip
    command.set_defaults(run=_report)
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not more than 0")
    return value


def _date(text: str) -> str:
    if planning.parsed_date(text) is None:
        raise argparse.ArgumentTypeError(f"{text}: write a day such as 2026-01-31")
    return text


def _network(options: argparse.Namespace) -> Network:
    return Network(options.patience, options.requests, options.bandwidth, tuple(options.plain_http))


def _stop_on_signals(program: Optional[Program] = None) -> threading.Event:
    """An event that the first signal to end sets; the second ends at once."""
    stop = threading.Event()

    def handle(number: int, frame: object) -> None:
        stop.set()
        if program is not None:
            program.stop()
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)
    return stop


def _planner(options: argparse.Namespace, line: Line) -> Planner:
    return Planner(open_store(options.store), Clients(_network(options), _stop_on_signals()), tell=line.tell)


def _plan(options: argparse.Namespace) -> int:
    store = open_store(options.store)
    try:
        known = planning.load(store, options.plan)
    except (FileNotFoundError, ValueError):
        known = None
    line = Line(quiet=options.quiet)
    plan = _planner(options, line).make(options.sources, platform=options.platform, since=options.since, known=known)
    line.clear()
    planning.save(plan, store, options.plan)
    _tell_plan(plan, planning.need(plan, store), options.output)
    return 0


def _tell_plan(plan: Plan, need: Need, output: str) -> None:
    jobs = os.cpu_count() or 1
    if output == "json":
        document = {
            "bytesToRead": need.bytes,
            "files": len(plan.files),
            "filesKnown": need.known_files,
            "images": len(plan.images),
            "layers": len(plan.layers()),
            "layersKnown": need.known_layers,
            "platforms": sorted({manifest.platform for manifest in plan.manifests.values()}),
            "secondsEstimated": round(need.seconds(jobs), 1),
            "skipped": plan.skipped,
        }
        print(json.dumps(document, indent=2, sort_keys=True))
        return
    if plan.images:
        repositories = len({(image.registry, image.repository) for image in plan.images})
        platforms = ", ".join(sorted({manifest.platform for manifest in plan.manifests.values()}))
        print(f"{_count(len(plan.images), 'image')} of {_count(repositories, 'repository', 'repositories')} ({platforms}), "
              f"{_count(len(plan.manifests), 'manifest')}")  # fmt: skip
        print(f"  {_count(len(plan.layers()), 'layer')}, {size_text(sum(plan.layers().values()))}: {need.known_layers} known")
    if plan.files:
        print(f"{_count(len(plan.files), 'file')}, {size_text(sum(file.size for file in plan.files))}: {need.known_files} known")
    if need.bytes:
        rate = BYTES_PER_CORE_SECOND * jobs
        print(f"To read: {_count(len(need.layers) + len(need.files), 'layer or file', 'layers and files')}, "
              f"{size_text(need.bytes)}: about {time_text(need.seconds(jobs))} on {_count(jobs, 'processor')}, "
              f"if the registry delivers {size_text(rate)}/s")  # fmt: skip
    else:
        print("Nothing has to be read.")
    _tell_causes("left out", plan.skipped)


def _work(options: argparse.Namespace) -> int:
    store = open_store(options.store)
    try:
        plan = planning.load(store, options.plan)
    except FileNotFoundError:
        return _fail(f"{options.store} has no plan '{options.plan}': the command plan makes it")
    return _read(options, plan)


def _watch(options: argparse.Namespace) -> int:
    store = open_store(options.store)
    try:
        plan = planning.load(store, options.plan)
    except FileNotFoundError:
        return _fail(f"{options.store} has no plan '{options.plan}': the command plan makes it")
    line = Line(quiet=options.quiet)
    before = set(plan.images)
    plan = _planner(options, line).watch(plan, moved=options.moved)
    line.clear()
    planning.save(plan, store, options.plan)
    new = [image.name for image in plan.images if image not in before]
    for name in new:
        print(f"new: {name}")
    if not new:
        print("No image is new.")
    options.shard = options.ray = None
    return _read(options, plan)


def _read(options: argparse.Namespace, plan: Plan) -> int:
    program = Program(options.program)
    stop = _stop_on_signals(program)
    line = Line(quiet=options.quiet)
    worker = Worker(
        open_store(options.store),
        program,
        Clients(_network(options), stop),
        jobs=max(1, options.jobs),
        again=options.again,
        stop=stop,
        line=line,
    )
    if options.ray is None:
        outcome = worker.run(plan, options.shard)
    else:
        recipe = Recipe(options.store, _network(options), options.program)
        outcome = on_ray.run(worker, plan, options.shard, recipe, options.ray, stop, line)
    _tell_outcome(outcome)
    return 0 if outcome.ended is None else _fail(f"{outcome.ended}; the same command goes on")


def _several(values: Sequence[str]) -> tuple[str, ...]:
    """Each once, in the order in which they were named."""
    return tuple(dict.fromkeys(part.strip() for value in values for part in value.split(",") if part.strip()))


def _judge(options: argparse.Namespace) -> int:
    store = open_store(options.store)
    try:
        plan = planning.load(store, options.plan)
    except FileNotFoundError:
        return _fail(f"{options.store} has no plan '{options.plan}': the command plan makes it")
    judge = Judge(
        store,
        Program(options.program, data=options.data),
        jobs=max(1, options.jobs),
        team_label=options.team_label,
        line=Line(quiet=options.quiet),
    )
    question = Question(_several(options.gpu), _several(options.driver))
    outcome = judge.run(plan, question, Path(options.output))
    states = ", ".join(f"{count:,} {state}" for state, count in sorted(outcome.images.items())) or "none"
    print(f"Images and files: {states}; {outcome.facts:,} different, {_count(outcome.answers, 'answer')} in {options.output}")
    return 0


_DENIED = {None: frozenset({"no"}), "no": frozenset({"no"}), "partly": frozenset({"no", "partly"}), "never": frozenset()}


def _gate(options: argparse.Namespace) -> int:
    if bool(options.image) == bool(options.listen):
        return _fail("gate takes --image or --listen")
    program = Program(options.program)
    stop = threading.Event() if options.listen else _stop_on_signals(program)
    gate = Gate(open_store(options.store), program, Clients(_network(options), stop), plan=options.plan, platform=options.platform)
    gpus = _several(options.gpu)
    if options.listen:
        return _listen(options, gate, Rules(gpus, options.driver, frozenset() if options.deny is None else _DENIED[options.deny], options.seconds))
    if not gpus:
        return _fail("gate --image needs --gpu")
    status = 0
    for image in options.image:
        try:
            answers = gate.ask(image, gpus, options.driver)
        except NotKnown:
            if is_digest(image):
                raise
            gate.read(image)
            answers = gate.ask(image, gpus, options.driver)
        for answer in answers:
            print(visible(answer.text))
            status = max(status, answer.answer in _DENIED[options.deny])
    return int(status)


def _listen(options: argparse.Namespace, gate: Gate, rules: Rules) -> int:
    host, _, port = options.listen.rpartition(":")
    tls = None
    if options.tls_cert:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(options.tls_cert, options.tls_key)
    elif not is_loopback(host):
        return _fail("--listen needs --tls-cert and --tls-key: Kubernetes speaks with an endpoint over TLS alone")

    def tell(text: str) -> None:
        print(f"cubinspect.fleet: {visible(text)}", file=sys.stderr, flush=True)

    listener = server((host.strip("[]"), int(port)), Decider(gate, rules, tell), tell, tls)

    def end(number: int, frame: object) -> None:
        # From another thread, because it waits for the loop that runs in this one.
        threading.Thread(target=listener.shutdown).start()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    tell(f"listens on {host}:{listener.server_address[1]}")
    threading.Thread(target=_reload, args=(gate, tell), daemon=True).start()
    listener.serve_forever()
    return 0


def _reload(gate: Gate, tell: Callable[[str], None]) -> None:
    """Reads the plan again, now and then."""
    while True:
        time.sleep(_RELOAD_SECONDS)
        try:
            gate.reload()
        except Exception as error:  # The plan of before stays.
            tell(f"the plan cannot be read: {error}")


_WRITERS = {"text": reporting.text, "markdown": reporting.markdown, "csv": reporting.comma_separated}


def _report(options: argparse.Namespace) -> int:
    folder = Path(options.dataset)
    limit = options.limit if options.limit is not None else (0 if options.question else 10)
    gpus = _several(options.gpu)
    about = reporting.choice(folder, gpus, options.driver, options.to, limit or None)
    for output in options.output or ["text"]:
        form, _, path = output.partition("=")
        if form not in (*_WRITERS, "html"):
            return _fail(f"-o {form}: there are text, markdown, csv and html")
        stream = io.StringIO()
        if form == "html":
            page.write(folder, about, stream)
        else:
            stream.write(reporting.report(folder, about, options.question, _WRITERS[form]))
        if path:
            FolderStore(Path(path).parent).write(Path(path).name, stream.getvalue().encode("utf-8", "backslashreplace"))
        else:
            sys.stdout.write(stream.getvalue())
    return 0


def _tell_outcome(outcome: Outcome) -> None:
    print(f"{_count(outcome.read, 'layer or file', 'layers and files')} read, {size_text(outcome.bytes)} in "
          f"{time_text(outcome.seconds)}; {_count(outcome.images, 'image')} made of them")  # fmt: skip
    _tell_causes("failed", outcome.failed)
    _tell_causes("waiting for layers", outcome.waiting)


def _tell_causes(what: str, causes: dict[str, str]) -> None:
    if not causes:
        return
    print(f"{len(causes)} {what}:")
    for name, cause in list(causes.items())[:_MOST_LINES]:
        print(f"  {visible(name)}: {visible(cause)}")
    if len(causes) > _MOST_LINES:
        print(f"  … and {len(causes) - _MOST_LINES} more")


def _count(number: int, one: str, several: Optional[str] = None) -> str:
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def _exit() -> NoReturn:
    status = main()
    sys.stdout.flush()
    sys.exit(status)


if __name__ == "__main__":
    _exit()
