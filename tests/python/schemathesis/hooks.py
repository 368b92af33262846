"""Datasets and archives for schemathesis, which cannot make valid ones from the description of a form.

The archive is an export of the tested server: MLBACKEND_TEST_ARCHIVE names its file.
"""

import os
from itertools import cycle
from pathlib import Path

import schemathesis
from schemathesis.core.parameters import ParameterLocation
from schemathesis.transport.serialization import Binary

# The first column is the feature of a labelled dataset and the sample id of an unlabelled one, so that the same file serves
# all routes; both columns have the same name, so that every model fits every dataset.
HEADER = 'nfeatures,targetclasses,targettype\n1,"[0,1]",discrete\na,a\n'
ROWS = ["0.1,0\n0.2,1\n", "0.5,1\n-0.25,0\n,1\n1,0\n", "0,0\n0,1\n" * 20]

FILES = {
    "dataset": cycle([Binary((HEADER + rows).encode()) for rows in ROWS]),
    "importzip": cycle([Binary(Path(os.environ["MLBACKEND_TEST_ARCHIVE"]).read_bytes())]),
}

# It responds after the number of seconds that it is sent.
SLOW = "/diagnostics/keepalive"


@schemathesis.hook
def before_call(context, case, kwargs):
    """Gives a valid form valid files, leaves out fields whose names no header of a part can have, and avoids waiting."""
    meta = case.meta
    if case.path == SLOW and meta.generation.mode.is_positive:
        case.query["seconds"] = "0"
        meta.update_validated_hash(ParameterLocation.QUERY, case._hash_container(case.query))
        meta.clear_dirty(ParameterLocation.QUERY)
    if not isinstance(case.body, dict):
        return
    body = {name: value for name, value in case.body.items() if name.isprintable()}
    if meta.generation.mode.is_positive:
        body.update({name: next(FILES[name]) for name in body if name in FILES})
    case.body = body
    # Schemathesis counts a changed body with files as invalid.
    meta.update_validated_hash(ParameterLocation.BODY, case._hash_container(body))
    meta.clear_dirty(ParameterLocation.BODY)
