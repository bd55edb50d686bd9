"""Where keys stand: every value that tomllib finds has its line."""

import json
import tomllib
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from kiban.shared.toml_lines import KeyPath, lines_of

HARD = '''\
# comment with = and [brackets]
a.b."c.d" = 1
'quoted # key' = "text with # and ]"   # comment
long = """
[not a table]
x = 1 \\""" still
five"""""
raw = \'\'\'
[[no]] ''\'\'\'
when = 1979-05-27 07:32:00
list = [
  1,  # ]
  { k = "}", "\\u0041" = [2,
     3] },
]

[table."sub"]
x = -inf
[[rows]]
n = 1
[[rows.inner]]
m = 2
[[rows]]
[[rows.inner]]
m = 3
[rows.more]
o = 4
'''


def paths(value: object, path: KeyPath = ()) -> set[KeyPath]:
    found = {path}
    if isinstance(value, dict):
        for key, inner in value.items():
            found |= paths(inner, (*path, key))
    if isinstance(value, list):
        for place, inner in enumerate(value):
            found |= paths(inner, (*path, place))
    return found


def test_strings_lists_and_comments_do_not_mislead():
    lines = lines_of(HARD)

    assert paths(tomllib.loads(HARD)) - {()} == set(lines)
    assert lines["a", "b", "c.d"] == 2
    assert lines["quoted # key",] == 3
    assert lines["raw",] == 8
    assert lines["when",] == 10
    assert lines["list", 0] == 12
    assert lines["list", 1, "A", 1] == 14
    assert lines["table", "sub", "x"] == 18
    assert lines["rows", 0, "inner", 0, "m"] == 22
    assert lines["rows", 1, "inner", 0, "m"] == 25
    assert lines["rows", 1, "more", "o"] == 27


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)
SCALAR = st.one_of(st.integers(-9, 9), st.booleans(), TEXT, st.dates())
VALUE = st.recursive(
    SCALAR,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=6,
)
TREE = st.recursive(
    st.dictionaries(TEXT, VALUE, max_size=3),
    lambda table: st.dictionaries(
        TEXT, st.one_of(VALUE, table, st.lists(table, min_size=1, max_size=3)), max_size=3
    ),
    max_leaves=8,
)


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def inline(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return quoted(value)
        case dict():
            return "{" + ", ".join(f"{quoted(k)} = {inline(v)}" for k, v in value.items()) + "}"
        case list():
            return "[\n # ]\n" + "".join(f"  {inline(each)},\n" for each in value) + "]"
        case _:
            return str(value)


def written(table: dict, header: str = "") -> str:
    """Write nested tables with headers, lists of tables with double ones, and the rest in place."""
    plain, below = [], []
    for key, value in table.items():
        name = f"{header}.{quoted(key)}" if header else quoted(key)
        if isinstance(value, dict):
            below.append(f"[ {name} ] # table\n" + written(value, name))
        elif isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
            below += [f"\n[[{name}]]\n" + written(each, name) for each in value]
        else:
            plain.append(f"{quoted(key)} = {inline(value)}\n")
    return "".join(plain + below)


@given(TREE)
def test_every_value_of_any_file_has_its_line(tree):
    text = written(tree)
    assert tomllib.loads(text) == tree

    lines = lines_of(text)

    assert paths(tree) - {()} == set(lines)
    assert all(1 <= line <= text.count("\n") + 1 for line in lines.values())


@given(st.lists(st.integers(0, 4), max_size=20))
def test_a_key_is_found_in_the_line_where_it_stands(gaps):
    numbers = count()
    text = "".join("\n" * gap + f"key{next(numbers)} = 1\n" for gap in gaps)

    lines = lines_of(text)

    rows = text.split("\n")
    for place in range(len(gaps)):
        assert rows[lines[f"key{place}",] - 1] == f"key{place} = 1"
