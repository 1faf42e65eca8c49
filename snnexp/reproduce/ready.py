"""Whether everything is there that a job needs."""

from typing import Any

from snnexp.composition.compose import composed, option
from snnexp.composition.explain import MISTAKES
from snnexp.configuration.build import component
from snnexp.configuration.check import faults
from snnexp.errors import ConfigError
from snnexp.jobs.folder import resolved
from snnexp.jobs.mistakes import told
from snnexp.reproduce.jobs import Job


def missing(job: Job) -> str | None:
    """In words, what keeps a job from being run: a fault in its configuration, or data that are not
    there; None if nothing does.
    """
    try:
        config, name = configuration(job)
    except ConfigError as error:
        return str(error)
    if wrong := faults(config):
        return "; ".join(wrong)
    found = component(config["dataset"]).source.status()
    return None if found.startswith("ready") else f"no data: {name}: {found}"


def configuration(job: Job) -> tuple[dict[str, Any], str]:
    """The resolved configuration of a job, as if it trained everything itself, and the name of its
    data set. Raises `ConfigError`.
    """
    words = [f"+experiment={job.experiment}", *job.settings]
    try:
        config, name = resolved(composed(words)), option(words, "dataset")
    except MISTAKES as error:
        raise ConfigError(told(error, words)) from error
    return config, name
