"""What the commands of ``python -m cubinspect.fleet`` do. Each returns the exit status."""

from __future__ import annotations

import argparse
import functools
import io
import json
import os
import signal
import ssl
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Callable, Optional

from cubinspect.fleet import on_ray, page
from cubinspect.fleet import plan as planning
from cubinspect.fleet import pull as pulling
from cubinspect.fleet import report as reporting
from cubinspect.fleet.admission import Decider, Rules, server
from cubinspect.fleet.documents import visible
from cubinspect.fleet.gate import Gate, NotKnown
from cubinspect.fleet.judge import Judge, Question
from cubinspect.fleet.on_ray import Recipe
from cubinspect.fleet.plan import BYTES_PER_CORE_SECOND, Need, Plan, Planner
from cubinspect.fleet.program import Program
from cubinspect.fleet.progress import Line, size_text, terminal_width, time_text
from cubinspect.fleet.references import Reference, is_digest, is_loopback
from cubinspect.fleet.registry import Clients, Network
from cubinspect.fleet.store import FolderStore, Store, open_store
from cubinspect.fleet.work import Outcome, Worker

# After how many seconds an endpoint reads the plan again.
_RELOAD_SECONDS = 60
# How many of a kind are told one by one.
_MOST_LINES = 10


class UsageError(Exception):
    """Arguments that do not go together."""


class Unfinished(Exception):
    """The work ended before its end; the same command goes on."""


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


def _planner(options: argparse.Namespace, store: Store, line: Line) -> Planner:
    return Planner(store, Clients(_network(options), _stop_on_signals()), tell=line.tell)


def plan(options: argparse.Namespace) -> int:
    store = open_store(options.store)
    try:
        known = planning.load(store, options.plan)
    except (FileNotFoundError, ValueError):
        known = None
    line = Line(quiet=options.quiet)
    made = _planner(options, store, line).make(options.sources, platform=options.platform, since=options.since, known=known)
    line.clear()
    planning.save(made, store, options.plan)
    _tell_plan(made, planning.need(made, store), options.output)
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


def _stored_plan(options: argparse.Namespace, store: Store) -> Plan:
    try:
        return planning.load(store, options.plan)
    except FileNotFoundError:
        raise UsageError(f"{options.store} has no plan '{options.plan}': the command plan makes it") from None


def work(options: argparse.Namespace) -> int:
    store = open_store(options.store)
    return _read(options, store, _stored_plan(options, store))


def watch(options: argparse.Namespace) -> int:
    store = open_store(options.store)
    plan = _stored_plan(options, store)
    line = Line(quiet=options.quiet)
    before = _names(plan)
    plan = _planner(options, store, line).watch(plan, moved=options.moved)
    line.clear()
    planning.save(plan, store, options.plan)
    new = [name for one, name in _names(plan).items() if one not in before]
    for name in new:
        print(f"new: {visible(name)}")
    if not new:
        print("Nothing is new.")
    options.shard = options.ray = None
    return _read(options, store, plan)


def _names(plan: Plan) -> dict[object, str]:
    """What is in a plan, with its names."""
    return {**{image: image.name for image in plan.images}, **{file: file.path for file in plan.files}}


def _read(options: argparse.Namespace, store: Store, plan: Plan) -> int:
    program = Program(options.program)
    stop = _stop_on_signals(program)
    line = Line(quiet=options.quiet)
    worker = Worker(
        store,
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
    _tell_outcome(outcome, plan)
    if outcome.ended is not None:
        raise Unfinished(outcome.ended)
    return 0


def _several(values: Sequence[str]) -> tuple[str, ...]:
    """Each once, in the order in which they were named."""
    return tuple(dict.fromkeys(part.strip() for value in values for part in value.split(",") if part.strip()))


def judge(options: argparse.Namespace) -> int:
    store = open_store(options.store)
    plan = _stored_plan(options, store)
    judge_of_plan = Judge(
        store,
        Program(options.program, data=options.data),
        jobs=max(1, options.jobs),
        team_label=options.team_label,
        line=Line(quiet=options.quiet),
    )
    question = Question(_several(options.gpu), _several(options.driver))
    outcome = judge_of_plan.run(plan, question, Path(options.output))
    states = ", ".join(f"{count:,} {state}" for state, count in sorted(outcome.images.items())) or "none"
    print(f"Images and files: {states}; {outcome.facts:,} different, {_count(outcome.answers, 'answer')} in {options.output}")
    return 0


def pull(options: argparse.Namespace) -> int:
    stop = _stop_on_signals()
    reference = Reference.parse(options.image)
    manifest = pulling.pull(
        reference,
        Path(options.folder),
        Clients(_network(options), stop),
        platform=options.platform,
        stop=stop,
        line=Line(quiet=options.quiet),
    )
    print(f"{reference} for {manifest.platform}: {_count(len(manifest.layers), 'layer')}, "
          f"{size_text(sum(layer.size for layer in manifest.layers))}; {manifest.digest}")  # fmt: skip
    return 0


# By --deny the answers for which it refuses.
_DENIED: Mapping[str, frozenset[str]] = {
    "no": frozenset({"no"}), "partly": frozenset({"no", "partly"}), "never": frozenset(),
}  # fmt: skip


def gate(options: argparse.Namespace) -> int:
    if bool(options.image) == bool(options.listen):
        raise UsageError("gate takes --image or --listen")
    program = Program(options.program)
    stop = threading.Event() if options.listen else _stop_on_signals(program)
    clients = Clients(_network(options), stop)
    one = Gate(open_store(options.store), program, clients, plan=options.plan, platform=options.platform)
    gpus = _several(options.gpu)
    if options.listen:
        return _listen(options, one, Rules(gpus, options.driver, _DENIED[options.deny or "never"], options.seconds))
    if not gpus:
        raise UsageError("gate --image needs --gpu")
    found: set[str] = set()
    for image in options.image:
        try:
            answers = one.ask(image, gpus, options.driver)
        except NotKnown:
            if is_digest(image):
                raise
            one.read(image)
            answers = one.ask(image, gpus, options.driver)
        for answer in answers:
            print(visible(answer.text))
            found.add(answer.answer)
    return 1 if found & _DENIED[options.deny or "no"] else 2 if "unknown" in found else 0


def _listen(options: argparse.Namespace, gate: Gate, rules: Rules) -> int:
    host, _, port = options.listen.rpartition(":")
    if not port.isdecimal():
        raise UsageError(f"--listen {options.listen}: write HOST:PORT")
    tls = None
    if options.tls_cert:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(options.tls_cert, options.tls_key)
    elif not is_loopback(host):
        raise UsageError("--listen needs --tls-cert and --tls-key: Kubernetes speaks with an endpoint over TLS alone")

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


_WRITERS: Mapping[str, Callable[[Iterable[reporting.Table]], str]] = {
    "text": reporting.text, "markdown": reporting.markdown, "csv": reporting.comma_separated,
}  # fmt: skip


def report(options: argparse.Namespace) -> int:
    folder = Path(options.dataset)
    limit = options.limit if options.limit is not None else (0 if options.question else 10)
    gpus = _several(options.gpu)
    about = reporting.choice(folder, gpus, options.driver, options.to, limit or None)
    for output in options.output or ["text"]:
        form, _, path = output.partition("=")
        if form not in (*_WRITERS, "html"):
            raise UsageError(f"-o {form}: there are text, markdown, csv and html")
        stream = io.StringIO()
        if form == "html":
            page.write(folder, about, stream)
        else:
            writer = _WRITERS[form]
            if form == "text" and not path:
                writer = functools.partial(reporting.text, width=terminal_width(sys.stdout))
            stream.write(reporting.report(folder, about, options.question, writer))
        if path:
            FolderStore(Path(path).parent).write(Path(path).name, stream.getvalue().encode("utf-8", "backslashreplace"))
        else:
            sys.stdout.write(stream.getvalue())
    return 0


def _tell_outcome(outcome: Outcome, plan: Plan) -> None:
    print(f"{_count(outcome.read, 'layer or file', 'layers and files')} read, {size_text(outcome.bytes)} in "
          f"{time_text(outcome.seconds)}; {_count(outcome.images, 'image')} made of them")  # fmt: skip
    _tell_causes("failed", outcome.failed)
    names = {image.manifest: image.name for image in plan.images}
    _tell_causes("without all layers", {names[digest]: cause for digest, cause in outcome.waiting.items()})


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
