# SPDX-License-Identifier: BSD-2-Clause
"""
Reads function prototypes out of C headers: enough of C for the system calls of
a Linux tree and for what a compiler's -E leaves of libc's headers.
"""

import re
from dataclasses import dataclass

QUALIFIERS = {"const", "volatile"}
BUILTIN = {"void", "char", "short", "int", "long", "signed", "unsigned", "float", "double",
           "_Bool", "__int128"}
TAGGED = {"struct", "union", "enum"}
# words without a meaning here: storage, restrict, the kernel's address spaces
NOISE = {"extern", "static", "inline", "__inline", "__inline__", "restrict", "__restrict",
         "__restrict__", "__extension__", "_Noreturn", "asmlinkage", "__user", "__force",
         "__nocast"}
# words that take a parenthesis with them
NOISE_CALLS = {"__attribute__", "__attribute", "__asm__", "__asm", "asm", "_Alignas"}

TOKEN = re.compile(r"[A-Za-z_]\w*|\.\.\.|\d\w*|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|\S")


@dataclass(frozen=True)
class Prototype:
    name: str
    result: str
    params: tuple       # types; () for (void)
    is_variadic: bool = False

    def text(self, name=None):
        params = list(self.params) + (["..."] if self.is_variadic else [])
        space = "" if self.result.endswith("*") else " "
        return f"{self.result}{space}{name or self.name}({', '.join(params) or 'void'})"


class NotAPrototype(Exception):
    """The text is some other part of C."""


def tokens_of(text):
    """Words and signs of C text without comments, line markers and directives."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)
    text = re.sub(r"^[ \t]*#[^\n]*(?:\\\n[^\n]*)*$", " ", text, flags=re.M)
    return TOKEN.findall(text)


def close_of(tokens, start):
    """Index of the sign that closes the one at start."""
    depth = 0
    for index in range(start, len(tokens)):
        if tokens[index] in "([{":
            depth += 1
        elif tokens[index] in ")]}":
            depth -= 1
            if not depth:
                return index
    raise NotAPrototype("unbalanced")


def without_noise(tokens):
    kept, index = [], 0
    while index < len(tokens):
        token = tokens[index]
        if token in NOISE_CALLS and index + 1 < len(tokens) and tokens[index + 1] == "(":
            index = close_of(tokens, index + 1)
        elif token not in NOISE:
            kept.append(token)
        index += 1
    return kept


def statements(tokens):
    """The statements at file level, each a list of tokens without its semicolon."""
    current, index = [], 0
    while index < len(tokens):
        token = tokens[index]
        if token == ";":
            yield current
            current = []
        elif token in "([{":
            end = close_of(tokens, index)
            current += tokens[index:end + 1]
            # a function's body ends a statement without a semicolon
            if token == "{" and end + 1 < len(tokens) and len(current) > end + 1 - index \
                    and current[index - end - 2] == ")":
                current = []
            index = end
        else:
            current.append(token)
        index += 1


def in_usual_order(base):
    """ "long unsigned int" -> "unsigned long": one spelling for one type"""
    words = list(base)
    if len(words) == 1 and words[0] in ("unsigned", "signed"):
        words.append("int")
    elif "long" in words or "short" in words:
        words = [word for word in words if word != "int"]
    if words[0] in BUILTIN:
        words.sort(key=lambda word: word != "unsigned")
        words = [word for word in words if word != "signed" or "char" in words]
    return words


def type_of(tokens):
    """Type of a parameter or result, spelled without the parameter's name."""
    qualifiers, base, stars, index = [], [], "", 0
    while index < len(tokens):
        token = tokens[index]
        if token in QUALIFIERS:
            qualifiers.append(token)
        elif token in TAGGED and not base:
            base = tokens[index:index + 2]
            index += 1
        elif token in BUILTIN and (not base or base[-1] in BUILTIN):
            base.append(token)
        elif not base and re.match(r"[A-Za-z_]", token):
            base = [token]
        else:
            break
        index += 1
    if not base:
        raise NotAPrototype(" ".join(tokens))
    rest = tokens[index:]
    while rest and rest[0] in ("*", "const", "volatile"):
        stars += "*" if rest[0] == "*" else f"{rest[0]} "
        rest = rest[1:]
    if rest and rest[0] == "(":         # T (*name)(...)
        raise NotAPrototype("function pointer")
    if rest and re.match(r"[A-Za-z_]", rest[0]):
        rest = rest[1:]
    while rest and rest[0] == "[":      # an array parameter is a pointer
        stars += "*"
        rest = rest[close_of(rest, 0) + 1:]
    if rest:
        raise NotAPrototype(" ".join(tokens))
    # the qualifier of a parameter itself is not part of the function's type
    stars = re.sub(r"\*(const |volatile )+$", "*", stars)
    text = " ".join([*qualifiers, *in_usual_order(base)])
    return f"{text} {stars}".strip() if stars else text


def split_params(tokens):
    params, current, depth = [], [], 0
    for token in tokens:
        depth += (token in "([{") - (token in ")]}")
        if token == "," and not depth:
            params.append(current)
            current = []
        else:
            current.append(token)
    if current or params:
        params.append(current)
    return params


def parse(tokens):
    """The prototype in one statement; NotAPrototype if it is something else."""
    tokens = without_noise(tokens)
    if "(" not in tokens or "typedef" in tokens or "=" in tokens:
        raise NotAPrototype(" ".join(tokens))
    start = tokens.index("(")
    end = close_of(tokens, start)
    if end != len(tokens) - 1 or start < 2 or not re.match(r"[A-Za-z_]", tokens[start - 1]):
        raise NotAPrototype(" ".join(tokens))
    params, is_variadic = [], False
    for words in split_params(tokens[start + 1:end]):
        if words == ["..."]:
            is_variadic = True
        elif words != ["void"]:
            params.append(type_of(words))
    return Prototype(tokens[start - 1], type_of(tokens[:start - 1]), tuple(params), is_variadic)


def parse_text(text):
    return parse(tokens_of(text))


def parse_all(text, names=None):
    """
    Name -> prototypes of all functions that text declares, in order; of names
    only, if given.  What cannot be read is left out: libc has many such.
    """
    found = {}
    for words in statements(tokens_of(text)):
        if names is not None and not names.intersection(words):
            continue
        try:
            prototype = parse(words)
        except NotAPrototype:
            continue
        if names is None or prototype.name in names:
            found.setdefault(prototype.name, []).append(prototype)
    return found
