"""The arguments of ``python -m cubinspect.fleet``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from typing import Callable

import cubinspect
from cubinspect.fleet import plan as planning
from cubinspect.fleet import report as reporting
from cubinspect.fleet.work import Shard

_EPILOG = """\
Exit status: 0 done; 2 wrong usage, or the work ended before its end: what is done stays done, and the same command goes
on. A layer that cannot be read is recorded in the store with its cause, and is no reason for another status.
"""

Commands = Mapping[str, Callable[[argparse.Namespace], int]]


def parser(run: Commands) -> argparse.ArgumentParser:
    """The parser, which leaves in ``run`` the function of the command."""
    whole = argparse.ArgumentParser(
        prog="python -m cubinspect.fleet",
        description="Say which images of a registry, and which wheels and archives, run on which GPUs.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument("--version", action="version", version=f"cubinspect {cubinspect.__version__}")
    commands = whole.add_subparsers(metavar="COMMAND", required=True)

    store = argparse.ArgumentParser(add_help=False)
    store.add_argument(
        "--store", required=True, help="the folder with everything that was read, or its URL for fsspec: s3://bucket/fleet"
    )
    store.add_argument("--plan", default="fleet", metavar="NAME", help="the name of the plan in the store (default: fleet)")
    quiet = argparse.ArgumentParser(add_help=False)
    quiet.add_argument("--quiet", action="store_true", help="show no progress")
    program = argparse.ArgumentParser(add_help=False)
    program.add_argument("--program", metavar="PATH", help="another program cubinspect than that of this package")
    network = _network(patience=600)

    reading = argparse.ArgumentParser(add_help=False)
    reading.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, metavar="N",
        help="how many layers are read at the same time (default: one for each processor)",
    )  # fmt: skip
    reading.add_argument("--again", action="store_true", help="try again what this version could not read")

    command = commands.add_parser(
        "plan", parents=[store, quiet, network],
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
    command.set_defaults(run=run["plan"])

    command = commands.add_parser(
        "work", parents=[store, quiet, network, reading, program],
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
    command.set_defaults(run=run["work"])

    command = commands.add_parser(
        "watch", parents=[store, quiet, network, reading, program],
        help="read what is new in the sources of the plan",
        description="Looks for tags that the sources of the plan have got since, adds them to it, and reads what they need.",
    )  # fmt: skip
    command.add_argument("--moved", action="store_true", help="also ask whether known tags lead to other images now")
    command.set_defaults(run=run["watch"])

    command = commands.add_parser(
        "judge", parents=[store, quiet, program],
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
    command.set_defaults(run=run["judge"])

    command = commands.add_parser(
        "gate", parents=[store, quiet, network, program],
        help="say whether one image runs, or decide about pods",
        description="Answers from the store whether an image runs on some GPUs, and reads it where it is new; or listens as "
        "the endpoint of a ValidatingWebhookConfiguration of Kubernetes. Exit status with --image: 1 for an answer of --deny, else 2 where something is not known.",
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
    command.set_defaults(run=run["gate"])

    command = commands.add_parser(
        "pull", parents=[quiet, _network(patience=60)],
        help="fetch one image",
        description="Writes an image of a registry into a folder, as an OCI layout, which 'cubinspect scan oci:DIR' reads.",
    )  # fmt: skip
    command.add_argument("image", metavar="IMAGE", help="HOST/REPOSITORY:TAG or HOST/REPOSITORY@DIGEST; without a host, of Docker Hub")
    command.add_argument("folder", metavar="DIR", help="a folder that is empty, or not there yet")
    command.add_argument(
        "--platform", metavar="OS/ARCH", help="of an image for several platforms this one (default: that of this machine)"
    )
    command.set_defaults(run=run["pull"])

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
    command.set_defaults(run=run["report"])
    return whole


def _network(patience: int) -> argparse.ArgumentParser:
    """The arguments about registries."""
    network = argparse.ArgumentParser(add_help=False)
    network.add_argument(
        "--patience", type=float, default=patience, metavar="SECONDS",
        help=f"how long a request that gets no further is tried again (default: {patience})",
    )  # fmt: skip
    network.add_argument("--requests", type=_positive, metavar="N", help="at most N requests a second to each registry")
    network.add_argument("--bandwidth", type=_positive, metavar="MB", help="at most so many megabytes a second from each registry")
    network.add_argument("--plain-http", action="append", default=[], metavar="REGISTRY", help="a registry that speaks no TLS")
    return network


def _positive(text: str) -> float:
    value = float(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not more than 0")
    return value


def _date(text: str) -> str:
    if planning.parsed_date(text) is None:
        raise argparse.ArgumentTypeError(f"{text}: write a day such as 2026-01-31")
    return text
