"""Which encoding a file's bytes are in, and the text they are. Bytes that are none of the encoding become MARK, so that
the records they are in can be refused and all others go on."""

import codecs

UTF8 = "utf-8"
WINDOWS_1252 = "windows-1252"

MARK = "\udc80"
"""In the place of bytes that can't be decoded: no text of a valid file has it."""

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, UTF8),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_HANDLER = "scoreline-mark"


def _mark(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return MARK, error.end


codecs.register_error(_HANDLER, _mark)


def detect(head: bytes) -> tuple[str, int]:
    """The encoding, and how many bytes its mark at the beginning takes.

    Without a mark it is UTF-8, unless what is not ASCII mostly is not UTF-8 either: then it is Windows-1252.
    """
    for mark, encoding in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return encoding, len(mark)
    # Not the end of the file: a character that is cut off is left alone.
    text = codecs.getincrementaldecoder(UTF8)(_HANDLER).decode(head)
    damaged = text.count(MARK)
    if damaged and damaged >= sum(not character.isascii() for character in text) - damaged:
        return WINDOWS_1252, 0
    return UTF8, 0


class Decoder:
    """Bytes in pieces to text in pieces."""

    def __init__(self, encoding: str, lone_returns: bool = False) -> None:
        """`lone_returns`: lines end with `\\r` alone, as old spreadsheets write them."""
        self._decoder = codecs.getincrementaldecoder(encoding)(_HANDLER)
        self._lone_returns = lone_returns

    def decode(self, data: bytes, final: bool = False) -> str:
        """The text that is complete, its lines ending with `\\n`; `final` with the last bytes."""
        text = self._decoder.decode(data, final)
        return text.replace("\r", "\n") if self._lone_returns else text
