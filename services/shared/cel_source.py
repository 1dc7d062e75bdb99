"""The text of a CEL expression as far as it must be known before it is compiled: the entries of a map written out with
braces. What an expression means is the library's business (cel.py, cel_values.py)."""

import re

# A text (raw or not, with one or three quotes), a comment, or any one character.
_TOKEN = re.compile(
    r"""
      (?P<text>
          [rR][bB]?\"{3}.*?\"{3} | [rR][bB]?'{3}.*?'{3} | [bB][rR]\"{3}.*?\"{3} | [bB][rR]'{3}.*?'{3}
        | [rR][bB]?\"[^\"\n]*\"  | [rR][bB]?'[^'\n]*'   | [bB][rR]\"[^\"\n]*\"  | [bB][rR]'[^'\n]*'
        | [bB]?\"{3}(?:\\.|.)*?\"{3} | [bB]?'{3}(?:\\.|.)*?'{3}
        | [bB]?\"(?:\\.|[^\"\\\n])*\" | [bB]?'(?:\\.|[^'\\\n])*'
      )
    | (?P<comment>//[^\n]*)
    | (?P<name>[A-Za-z_][A-Za-z_0-9]*)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)

_OPENING, _CLOSING = "([{", ")]}"


def entries_of(source: str) -> list[tuple[str, str]] | None:
    """Keys and values of a map written out, as they are written; None for any other expression. What is no expression
    at all may give anything: it does not compile."""
    entries: list[tuple[str, str]] = []
    depth = begin = 0
    colon: int | None = None
    closed = False
    for token in _TOKEN.finditer(source):
        mark = token.group("other")
        if token.group("comment") or (mark and mark.isspace()):
            continue
        if closed or (depth == 0 and mark != "{"):
            return None
        if mark is None:
            continue
        if mark in _OPENING:
            depth += 1
            if depth == 1:
                begin = token.end()
        elif mark in _CLOSING:
            depth -= 1
            closed = depth == 0
        if mark == ":" and depth == 1 and colon is None:
            colon = token.start()
        elif (mark == "," and depth == 1) or closed:
            if colon is not None:
                entries.append((_key(source[begin:colon]), source[colon + 1 : token.start()]))
            begin, colon = token.end(), None
    return entries if closed else None


def _key(written: str) -> str:
    """Without the mark of an entry that may be absent: every one may."""
    bare = written.lstrip()
    return bare[1:] if bare.startswith("?") else written
