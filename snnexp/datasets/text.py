"""Names of files and classes as text that can be shown and stored."""

from unicodedata import normalize


def shown(name: object) -> str:
    """`name` with everything a terminal would act on, and every byte that is no text, as an escape.

    File names are bytes: those that are no UTF-8 could neither be written nor printed as they are.
    """
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii")
        for each in str(name)
    )


def class_name(folder: str) -> str:
    """The name of a class from that of its folder; letters with accents in one spelling, since
    systems spell them in two ways.
    """
    return shown(normalize("NFC", folder))
