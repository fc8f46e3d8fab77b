"""Writes `cfn-lint.txt`: the names of the mutants in which cfn-lint finds an error.

Usage: pip install cfn-lint==1.51.0 && python judge.py > cfn-lint.txt
"""

import copy
import json
import pathlib
import sys

from cfnlint.api import ManualArgs, lint
from cfnlint.decode.cfn_yaml import loads

FOLDER = pathlib.Path(__file__).parent


def parent_of(document, path):
    keys = [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]
    for key in keys[:-1]:
        document = document[int(key)] if isinstance(document, list) else document[key]
    return document, keys[-1]


def take(document, path):
    holder, key = parent_of(document, path)
    return holder.pop(int(key) if isinstance(holder, list) else key)


def put(document, path, value):
    holder, key = parent_of(document, path)
    if not isinstance(holder, list):
        holder[key] = value
    elif key == "-":
        holder.append(value)
    else:
        holder[int(key)] = value


def mutated(template, changes):
    result = copy.deepcopy(template)
    for change in changes:
        if change["op"] == "remove":
            take(result, change["path"])
        elif change["op"] == "move":
            put(result, change["path"], take(result, change["from"]))
        else:
            put(result, change["path"], change["value"])
    return result


def main():
    template = json.loads(json.dumps(loads((FOLDER / "template.yaml").read_text())))
    for line in (FOLDER / "mutants.jsonl").read_text().splitlines():
        mutant = json.loads(line)
        text = json.dumps(mutated(template, mutant["patch"]))
        matches = lint(text, config=ManualArgs(regions=["us-east-1"]))
        if any(match.rule.severity == "error" for match in matches):
            sys.stdout.write(mutant["name"] + "\n")
            sys.stdout.flush()


main()
