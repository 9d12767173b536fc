"""Jobs: ``vaultctl jobs``, the work that nobody waits for: it follows the ledger and keeps the clocks."""

import json
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import click

from vault.cli import anchoring, backup, worker
from vault.errors import VaultError
from vault.services import (
    alerting,
    charting,
    deriving,
    detail_keys,
    erase,
    forgetting,
    samples,
    signals,
    thinning,
    watch,
    years,
)
from vault.services.anchor import Handover
from vault.services.parts import Parts
from vault.services.siem import forwarding
from vault.setting_exporters import Exporter
from vault.settings import Settings

# Does what there is to do now, and returns; it is called again. It may be killed at any moment.
Work: TypeAlias = Callable[[Parts, Settings], None]


@dataclass(frozen=True, slots=True)
class Job:
    """Work that is done again and again; two processes that do it at once must do no harm."""

    name: str
    every_seconds: float
    work: Work


JOBS: Final[Sequence[Job]] = (
    Job("anchor", anchoring.EVERY_SECONDS, lambda parts, _: anchoring.hand_over(Handover.of(parts))),
    Job("index", 0.5, lambda parts, _: _ignore(deriving.catch_up(parts))),
    # One a day; asked more often, so that a day whose first try failed has its map all the same.
    Job("map", 60.0, lambda parts, _: charting.seal_daily(parts)),
    # What was begun and broke off; and whether what is gone opens nowhere any more.
    Job("erasures", 10.0, lambda parts, _: erase.go_on(_looked_at(parts))),
    Job("years", 3_600.0, lambda parts, _: _ignore(years.close_years(_looked_at(parts)))),
    Job("detail_keys", 86_400.0, lambda parts, _: _ignore(detail_keys.destroy_due(_looked_at(parts)))),
    Job("thin", 86_400.0, lambda parts, _: _ignore(thinning.thin(parts))),
    Job("signals", 1.0, lambda parts, _: _ignore(signals.catch_up(parts))),
    # When the settings say it is time; a house without a place for sets has none to take.
    Job("backup", 60.0, backup.take_due),
    Job("samples", 60.0, lambda parts, _: _ignore(samples.draw(parts))),
    # One each, so that a receiver that is gone delays no other.
    Job("alert-mail", 1.0, lambda parts, settings: alerting.deliver_mail(parts, settings.alerting)),
    Job("alert-webhook", 1.0, lambda parts, settings: alerting.deliver_webhook(parts, settings.alerting)),
    Job("alert-syslog", 1.0, lambda parts, settings: alerting.deliver_syslog(parts, settings.alerting)),
)
# One job for each exporter, ``siem:NAME``, so that a SIEM that does not answer delays no other.
_SIEM: Final = "siem"
_LASTING: Final = frozenset({"ledger_broken", "clock_ahead"})
_LASTING_SECONDS: Final = 3_600.0


def jobs_of(settings: Settings) -> tuple[Job, ...]:
    """Name the jobs of a house with these settings."""
    forwarding.check(settings.exporters)
    return (*JOBS, *map(_forwarding, settings.exporters))


def _followers(settings: Settings) -> frozenset[str]:
    """Name those who are sent the ledger, or what was found in it."""
    exporters = {forwarding.follower(exporter.name) for exporter in settings.exporters}
    return frozenset(exporters | alerting.followers(settings.alerting))


def _forwarding(exporter: Exporter) -> Job:
    name = f"{_SIEM}:{exporter.name}"
    return Job(name, 0.5, lambda parts, _: _ignore(forwarding.forward(parts, exporter)))


@click.command("jobs")
@click.option("--once", is_flag=True, help="Do what there is to do now, and end.")
@click.option("--only", multiple=True, metavar="JOB", help="Do this job alone; may be repeated.")
@click.pass_context
def command(ctx: click.Context, *, once: bool, only: tuple[str, ...]) -> None:
    """Do the work that nobody waits for, until a signal ends it.

    'vaultctl serve' does it beside its web workers; this is for a machine of its own.
    """
    settings = ctx.obj.settings()
    jobs = jobs_of(settings)
    names = {_SIEM, *(job.name for job in jobs)}
    if unknown := set(only) - names:
        raise click.UsageError(f"No job is called {min(unknown)}; there are {', '.join(sorted(names))}.")
    chosen = [job for job in jobs if not only or {job.name, job.name.partition(":")[0]} & set(only)]
    with ctx.obj.open(settings) as parts:
        if once:
            forgetting.forget_others(parts, _followers(settings))
            failed = [job.name for job in chosen if _do(job, parts, settings) is not None]
            ctx.exit(1 if failed else 0)
        stopped = threading.Event()
        worker.obey_signals(stopped.set)
        keep_doing(chosen, parts, settings, stopped)


def keep_doing(jobs: Sequence[Job], parts: Parts, settings: Settings, stopped: threading.Event) -> None:
    """Give each job a thread of its own, so that a slow one delays no other."""
    forgetting.forget_others(parts, _followers(settings))
    threads = [
        threading.Thread(
            target=_again_and_again, args=(job, parts, settings, stopped), name=f"job-{job.name}"
        )
        for job in jobs
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _again_and_again(job: Job, parts: Parts, settings: Settings, stopped: threading.Event) -> None:
    pause = job.every_seconds
    while not stopped.is_set():
        began = time.monotonic()
        pause = pause_after(job, _do(job, parts, settings), was=pause)
        stopped.wait(max(0.0, pause - (time.monotonic() - began)))


def pause_after(job: Job, code: str | None, *, was: float) -> float:
    """Tell how long a job is left alone that failed by *code*, or did not, and waited *was* seconds before.

    One that fails is tried less and less often, up to a minute, and at once again when it worked. What is
    wrong with the whole ledger, or with the clock, an operator puts right, and no hurry does.
    """
    if code is None:
        return job.every_seconds
    return _LASTING_SECONDS if code in _LASTING else min(max(2 * was, 1.0), 60.0)


def _do(job: Job, parts: Parts, settings: Settings) -> str | None:
    """Do it once; returns the code of what went wrong."""
    try:
        job.work(parts, settings)
    except VaultError as fault:
        _tell(job, fault.code, str(fault.facts.get("reason", "")))
        return fault.code
    except Exception as fault:  # noqa: BLE001 - one job's defect must not end the others
        _tell(job, type(fault).__name__)
        return type(fault).__name__
    return None


def _tell(job: Job, code: str, reason: str = "") -> None:
    told = {"event": "job_failed", "job": job.name, "code": code, **({"reason": reason} if reason else {})}
    sys.stderr.write(f"{json.dumps(told)}\n")


def _looked_at(parts: Parts) -> Parts:
    """Look at the house first, which locks it where its stores contradict: then nothing ends."""
    watch.look(parts)
    return parts


def _ignore(_: object) -> None:
    """Take a result that nobody needs."""
