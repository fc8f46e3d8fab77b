"""Adds to `cfn-lint.tsv` what cfn-lint says of mutants that are not in it yet: `error` or `nothing`.

Usage: pip install cfn-lint==1.58.0 && python judge.py [COUNT]

A mutant takes about a second. Warnings are counted as nothing, since they stop nobody.
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


def verdict(template, mutant):
    text = json.dumps(mutated(template, mutant["patch"]))
    matches = lint(text, config=ManualArgs(regions=["us-east-1"]))
    return "error" if any(match.rule.severity == "error" for match in matches) else "nothing"


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else None
    table = FOLDER / "cfn-lint.tsv"
    judged = {line.split("\t")[0] for line in table.read_text().splitlines()}
    template = json.loads(json.dumps(loads((FOLDER / "template.yaml").read_text())))
    mutants = map(json.loads, (FOLDER / "mutants.jsonl").read_text().splitlines())
    missing = [mutant for mutant in mutants if mutant["name"] not in judged]
    for mutant in missing[:count]:
        with table.open("a") as file:
            file.write(f"{mutant['name']}\t{verdict(template, mutant)}\n")


main()
