"""Rules of networks that teach others."""

from collections.abc import Iterator

from snnexp.configuration.rules.reading import Config, named


def teachers_are_there(config: Config) -> Iterator[str]:
    """A teacher is an analog network of the same run."""
    names, analog = list(config["strategy"]["stages"]), [*named(config, "ANN"), *named(config, "Pretrained")]
    for name, stage in config["strategy"]["stages"].items():
        teacher, before = stage.get("teacher"), [each for each in names[: names.index(name)] if each in analog]
        if teacher is not None and teacher not in before:
            advice = f"set strategy.stages.{name}.teacher={before[-1]}" if before else "set strategy=hybrid"
            yield f"strategy.stages.{name}.teacher: no stage before leaves an analog network under {teacher!r}; {advice}"
