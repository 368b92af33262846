"""Validates JSON files against a JSON Schema.

    python check_schema.py SCHEMA.json FILE.json...

Fields that the schema does not name are errors here, although readers have to ignore them. Prints {"valid": N,
"refused_without_version": N} as JSON; exits with 1 and the reason when a file is invalid. Needs jsonschema.
"""

import json
import sys

import jsonschema


def strict(schema):
    """The schema with no further fields permitted."""
    if isinstance(schema, dict):
        schema = {key: strict(value) for key, value in schema.items()}
        if "properties" in schema:
            schema["additionalProperties"] = False
        return schema
    return [strict(part) for part in schema] if isinstance(schema, list) else schema


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def main(schema_file, files):
    schema = read(schema_file)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(strict(schema))
    refused = 0
    for file in files:
        document = read(file)
        errors = [f"{file}: {error.json_path}: {error.message}" for error in validator.iter_errors(document)]
        if errors:
            sys.exit("\n".join(errors[:5]))
        del document["version"]
        refused += not validator.is_valid(document)
    print(json.dumps({"valid": len(files), "refused_without_version": refused}))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: python check_schema.py SCHEMA.json FILE.json...")
    main(sys.argv[1], sys.argv[2:])
