"""Records one fixture: copies the file into its group and appends what it must hold to declared.jsonl."""
import json
import os
import shutil
import sys

work, here, commands, name, *arguments = sys.argv[1:]
record = {"file": name, "madeBy": " && ".join(line for line in commands.splitlines() if line), "images": []}
source, problems, links = name, [], []
while arguments:
    word = arguments.pop(0)
    if word == "--note":
        record["note"] = arguments.pop(0)
    elif word == "--problem":
        problems.append(arguments.pop(0))
    elif word == "--from":
        source = arguments.pop(0)
    elif word == "--link":
        links.append(int(arguments.pop(0)))
    elif word == "--no-oracle":
        record["oracle"] = False
    elif word == "--undecoded":
        record["decoded"] = False
    else:
        section, module, kind, target, compression, *isa = word.split(":")
        image = {"module": int(module), "kind": kind, "target": target, "compression": compression}
        if section != "-":
            image["section"] = section
        if isa:
            image["ptxISA"] = isa[0]
        record["images"].append(image)
if problems:
    record["problems"] = problems
if links:
    record["wrapperVersions"] = links
destination = os.path.join(here, name)
os.makedirs(os.path.dirname(destination), exist_ok=True)
shutil.copyfile(os.path.join(work, source), destination)
with open(os.path.join(work, "declared.jsonl"), "a") as lines:
    lines.write(json.dumps(record) + "\n")
