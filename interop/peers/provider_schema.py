"""Holds every provider file to the published JSON Schema, and the schema to wrong files: provider_schema.py SCHEMA FOLDER

With --mistakes in the place of the folder, files come on stdin, a JSON list of texts: says which of them, by number, the schema finds nothing wrong with."""

import copy
import datetime
import json
import pathlib
import sys
import tomllib

import jsonschema_rs

# Another type than any key has. What may be anything is left alone.
WRONG = [[[7]]]
ANYTHING = {"json", "values", "none", "invalid_grant"}


def plain(value):
    """A date is its text, as editors judge it."""
    if isinstance(value, dict):
        return {key: plain(member) for key, member in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.isoformat() if isinstance(value, (datetime.date, datetime.datetime)) else value


def spoilt(tree):
    """The tree with one thing wrong, for each thing there is; and with a member too many, for each table whose names are not free."""
    if isinstance(tree, list):
        for at, item in enumerate(tree):
            for worse, where in spoilt(item):
                yield tree[:at] + [worse] + tree[at + 1:], f"[{at}]{where}"
    elif isinstance(tree, dict):
        for key, member in tree.items():
            if key in ANYTHING:
                continue
            yield {**tree, key: WRONG}, f".{key}"
            for worse, where in spoilt(member):
                yield {**tree, key: worse}, f".{key}{where}"


schema, folder = json.loads(pathlib.Path(sys.argv[1]).read_text()), pathlib.Path(sys.argv[2])
validator = jsonschema_rs.Draft202012Validator(schema)
if sys.argv[2] == "--mistakes":
    passed = []
    for at, text in enumerate(json.load(sys.stdin)):
        try:
            tree = plain(tomllib.loads(text))
        except tomllib.TOMLDecodeError:
            continue
        if validator.is_valid(tree):
            passed.append(at)
    print(json.dumps(passed))
    sys.exit(0)
complaints, files, changes = [], 0, 0
for path in sorted(folder.glob("*.toml")):
    files += 1
    tree = plain(tomllib.loads(path.read_text()))
    complaints += [f"{path.name}: {error.instance_path}: {error.message}" for error in validator.iter_errors(tree)]
    for worse, where in spoilt(tree):
        changes += 1
        if validator.is_valid(worse):
            complaints.append(f"{path.name}: {where} may be {WRONG}")
    for table in [(), ("client",), ("client", "redirect"), ("endpoints",), ("api",), ("oauth1",), ("oauth2",)]:
        worse = copy.deepcopy(tree)
        at = worse
        for key in table:
            at = at.get(key, None) if at is not None else None
        if at is not None:
            at["zzz"] = "x"
            changes += 1
            if validator.is_valid(worse):
                complaints.append(f"{path.name}: an unknown key in {'.'.join(table) or 'the top'}")
# A file that changes another needs nothing; one on its own does.
for text, good in [('[api]\nbase_url = "https://a.example"', True), ('kind = "oauth2"', False), ('kind = "oauth3"', False)]:
    if validator.is_valid(plain(tomllib.loads(text))) is not good:
        complaints.append(f"{text!r} is {'not ' if good else ''}valid")
print(f"{files} files, {changes} changes")
print("\n".join(complaints[:40]))
sys.exit(1 if complaints or files < 100 or changes < 5000 else 0)
