"""Rules of networks that teach others."""

from collections.abc import Iterator

from snnexp.configuration.rules.reading import Config, before, stages_with


def teachers_are_there(config: Config) -> Iterator[str]:
    """A teacher is an analog network of the same run."""
    analog = stages_with(config, form="analog")
    for name, stage in config["strategy"]["stages"].items():
        teacher, earlier = (
            stage.get("teacher"),
            [each for each in before(config, name) if each in analog],
        )
        if teacher is not None and teacher not in earlier:
            advice = (
                f"set strategy.stages.{name}.teacher={earlier[-1]}"
                if earlier
                else "set strategy=hybrid"
            )
            yield (
                f"strategy.stages.{name}.teacher: no stage before leaves an analog network under "
                f"{teacher!r}; {advice}"
            )


RULES = (teachers_are_there,)
