"""Message: a finished English sentence that keeps its template and values for translation."""

from typing import Any, TypeVar

T = TypeVar("T")


class Message(str):
    """Finished English sentence with its template and values.

    It is logged, compared and raised like any text, and `tr` translates it.

        >>> note = Message("{file}: {count:,} rows left out.", file="train.csv", count=1200)
        >>> note, note.template
        ('train.csv: 1,200 rows left out.', '{file}: {count:,} rows left out.')

    A value is a number, a text that is the same in all languages, or a Message, which is translated as well. Without
    values the template is the sentence, braces included.
    """

    template: str
    values: dict[str, str | float]

    def __new__(cls, template: str, /, **values: str | float) -> "Message":
        self = super().__new__(cls, template.format(**values) if values else template)
        self.template, self.values = template, values
        return self

    def to_json(self) -> str | dict[str, Any]:
        """Form on disk: a plain text if there are no values, else the sentence with template and values."""
        return self._to_object() if self.values else str(self)

    def _to_object(self) -> dict[str, Any]:
        """Form on disk as a value of another message: an object, by which it differs from a text."""
        values = {
            name: value._to_object() if isinstance(value, Message) else value for name, value in self.values.items()
        }
        return {"text": str(self), "template": self.template, "values": values}

    @classmethod
    def from_json(cls, stored: Any) -> "Message":
        """Reads the form on disk. If template and values do not make the sentence, the sentence alone is kept.

        Raises:
            ValueError: it is neither a text nor an object with one.
        """
        text = stored.get("text") if isinstance(stored, dict) else stored
        if not isinstance(text, str):
            raise ValueError("expected a text, or an object with one")
        if text is not stored:
            try:
                values = {
                    name: cls.from_json(value) if isinstance(value, dict) else value
                    for name, value in stored["values"].items()
                }
                if (message := cls(stored["template"], **values)) == text:
                    return message
            except (KeyError, ValueError, TypeError, IndexError, AttributeError, OverflowError, MemoryError):
                pass  # a damaged file
        return cls(text)


def plural(count: int, singular: str, plural: str, /, **values: str | float) -> Message:
    """Message from one of two templates; `count` is among its values."""
    return Message(singular if count == 1 else plural, count=count, **values)


def message_of(error: BaseException) -> Message:
    """Message that an exception was raised with; without one, its text."""
    return next((each for each in error.args if isinstance(each, Message)), Message(str(error)))


def N_(texts: T) -> T:
    """Marks texts that are translated later, through a variable; returns them as they are."""
    return texts


def encode_hook(value: object) -> object:
    """`enc_hook` of msgspec for structs that hold a Message."""
    if isinstance(value, Message):
        return value.to_json()
    raise NotImplementedError(f"no JSON form of {type(value).__name__}")


def decode_hook(kind: type, stored: Any) -> object:
    """`dec_hook` of msgspec for structs that hold a Message."""
    if kind is Message:
        return Message.from_json(stored)
    raise NotImplementedError(f"no JSON form of {kind.__name__}")
