"""The model card of a published network: all of it out of its result and configuration."""

from collections.abc import Iterator

from snnexp.composition.catalogue import comment, groups, headline
from snnexp.published.figures import choices, energy, outcome, published
from snnexp.published.front import front, name_of
from snnexp.published.limits import limits
from snnexp.published.source import Source
from snnexp.results.run import RunResult

AT_HAND = ("digits", "digits_dvs")
"""Data sets that are there wherever the package is."""
OWN = ("image_folder", "event_folder")
"""Data sets that only their owner has."""
NO_ROW = "It stands for no published figure."


def card(source: Source, license_name: str | None) -> str:
    """README.md: the head that the Hub reads, and a page for people."""
    parts = [f"# {name_of(source.result)}\n", *_begun(source)]
    for heading, text in _sections(source):
        parts += [f"## {heading}\n", text]
    return "---\n" + front(source, license_name) + "---\n\n" + "\n".join(parts)


def _begun(source: Source) -> Iterator[str]:
    last = source.result.last
    if title := _title(last.experiment):
        yield f"{title}\n"
    yield (
        f"A network of the {last.form or 'spiking'} form for `{last.dataset}`, made by the "
        f"strategy `{last.strategy}` of snnexp, a bench on which ways of training deep spiking "
        "neural networks are run, measured and compared in the same code.\n"
    )


def _sections(source: Source) -> Iterator[tuple[str, str]]:
    yield "What it comes to", outcome(source)
    yield "Published and measured", published(source) or f"{NO_ROW}\n"
    if text := energy(source):
        yield "Energy per image", text
    yield "To be read with it", "".join(f"- {each}\n" for each in limits(source))
    if text := _deviations(source.result.last.experiment):
        yield "How the experiment differs from its source", f"{text}\n"
    yield "Load it", _loading(source)
    yield "How it was made", _making(source.result)
    yield "What it is made of", choices(source)


def _title(experiment: str | None) -> str | None:
    found = groups()["experiment"].get(experiment or "")
    return None if found is None else headline(found)


def _deviations(experiment: str | None) -> str | None:
    """What the head of the experiment says under this label, as it stands in this version."""
    found = groups()["experiment"].get(experiment or "")
    lines = [] if found is None else comment(found)
    first = next((n for n, line in enumerate(lines) if line.startswith("Deviations:")), None)
    if first is None:
        return None
    text = [lines[first].removeprefix("Deviations:")]
    for line in lines[first + 1 :]:
        if not line.startswith("  "):
            break
        text.append(line)
    words = " ".join(line.strip() for line in text)
    return words[:1].upper() + words[1:]


def _loading(source: Source) -> str:
    words = "".join(_trust(source))
    return f"""Nothing in this folder is executed: the weights are safetensors, the configuration
names components that snnexp knows.{_needed(source)} `FOLDER` is this folder, or its address.

```bash
{_prepare(source.result.last.dataset)}snnexp evaluate FOLDER{words}
```

```python
import snnexp

run = snnexp.load("FOLDER"{"".join(f', "{word.strip()}"' for word in _trust(source))})
print(snnexp.evaluate(run).accuracy)
```
"""


def _prepare(dataset: str | None) -> str:
    """What has to be done once, before anything can be evaluated."""
    if dataset is None or dataset in OWN:
        return "# with the data that it was trained on: data_dir=DIR\n"
    return "" if dataset in AT_HAND else f"snnexp data prepare {dataset}    # once\n"


def _needed(source: Source) -> str:
    if not source.packages:
        return ""
    return f" Some are of {', '.join(source.packages)}, which you install and trust yourself."


def _trust(source: Source) -> list[str]:
    return [f" trust=[{','.join(source.packages)}]"] if source.packages else []


def _making(result: RunResult) -> str:
    command = f"```bash\n{result.command}\n```\n\n" if result.command else ""
    facts = "".join(f"- {name}: {value}\n" for name, value in _facts(result) if value)
    return f"{command}{facts}"


def _facts(result: RunResult) -> Iterator[tuple[str, str | None]]:
    seconds = sum(stage.train_seconds or 0 for stage in result.stages.values())
    versions = (f"{name} {version}" for name, version in (result.versions or {}).items() if version)
    yield "commit", result.git_commit and f"`{result.git_commit}`"
    yield "versions", ", ".join(versions)
    yield "device", result.device and f"{result.device}, {result.precision}"
    yield "training", f"{seconds:.0f} s" if seconds else None
    yield "configuration", result.config_hash and f"`{result.config_hash}`"
    yield "weights", f"SHA-256 `{result.weights_sha256}`"
    for name, digest in (result.started_from or {}).items():
        yield f"started from ({name})", f"weights with SHA-256 `{digest}`"
