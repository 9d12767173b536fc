"""Write ocsf-1.8.0.json: what the published schema of OCSF says of the classes that the house uses.

    pip install ocsf-json-schema==1.2.0    (in an environment of its own: the house does not need it)
    python tests/vectors/make_ocsf.py > tests/vectors/ocsf-1.8.0.json

The package (MIT) carries the schema of OCSF 1.8.0 as schema.ocsf.io exports it (Apache-2.0), turning a class
into JSON Schema. Kept are the classes named below, with every attribute of a plain type, and of the
objects those that an event of ours has: what is valid by this file is valid by the whole.
"""

import json
import sys
from typing import Any

from ocsf_json_schema.embedded import OcsfJsonSchemaEmbedded  # type: ignore[import-not-found]
from ocsf_json_schema.loader import get_ocsf_schema  # type: ignore[import-not-found]

VERSION = "1.8.0"
CLASSES = ("detection_finding", "authentication", "user_access", "api_activity", "datastore_activity")
OBJECTS = {
    "actor",
    "analytic",
    "api",
    "databucket",
    "evidences",
    "finding_info",
    "metadata",
    "network_endpoint",
    "object",
    "product",
    "request",
    "resource_details",
    "service",
    "session",
    "user",
}


def is_kept(attribute: dict[str, Any]) -> bool:
    """Tell whether an attribute is of a plain type, or of an object that is kept."""
    reference = attribute.get("$ref") or attribute.get("items", {}).get("$ref")
    return reference is None or reference.rpartition("/")[2] in OBJECTS


def lessened(schema: dict[str, Any]) -> dict[str, Any]:
    """Leave out the attributes that are not kept."""
    kept = {name: one for name, one in schema["properties"].items() if is_kept(one)}
    missing = set(schema.get("required", ())) - kept.keys()
    if missing:
        sys.exit(f"{schema['title']} needs {missing}")
    return {**schema, "properties": dict(sorted(kept.items()))}


def main() -> None:
    """Write the file to standard output."""
    published = OcsfJsonSchemaEmbedded(get_ocsf_schema(VERSION))
    classes: dict[str, Any] = {}
    objects: dict[str, Any] = {}
    for name in CLASSES:
        schema = published.get_class_schema(name)
        objects |= schema.pop("$defs")
        classes[str(schema["properties"]["class_uid"]["const"])] = lessened(schema)
    json.dump(
        {
            "source": "schema.ocsf.io, export v2 of 1.8.0, by way of ocsf-json-schema 1.2.0",
            "licence": "Apache-2.0, Copyright OCSF a Series of LF Projects, LLC",
            "version": VERSION,
            "classes": dict(sorted(classes.items())),
            "objects": {name: lessened(objects[name]) for name in sorted(OBJECTS)},
        },
        sys.stdout,
        indent=1,
    )


if __name__ == "__main__":
    main()
