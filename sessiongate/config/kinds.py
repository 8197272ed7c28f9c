"""The kinds of settings: how each is read, and how the schema describes it.

A kind is a type with the reader of `values` that makes it. `Table` is what all tables are.
"""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema

from sessiongate.config import addresses, home, values
from sessiongate.config.addresses import Address, Proxy
from sessiongate.rules.profile import PROFILES
from sessiongate.rules.store_url import StoreAddress
from sessiongate.secret import Secret

_TEXT = WithJsonSchema({"type": "string"})
_SPAN = WithJsonSchema({"type": "string", "format": "sessiongate-duration", "examples": ["30m"]})
_LIST = WithJsonSchema({"type": "array", "items": {"type": "string"}})

Duration = Annotated[timedelta, PlainValidator(values.a_second_or_more(values.duration)), _SPAN]
PositiveDuration = Annotated[
    timedelta, PlainValidator(values.a_second_or_more(values.positive_duration)), _SPAN
]
Patience = Annotated[timedelta, PlainValidator(values.positive_duration), _SPAN]
"""How long to wait for an answer, which may be less than a second."""
Size = Annotated[
    int,
    PlainValidator(values.size),
    WithJsonSchema({"type": ["string", "integer"], "examples": ["1MiB", 65536]}),
]
Count = Annotated[
    int, PlainValidator(values.whole(0)), WithJsonSchema({"type": "integer", "minimum": 0})
]
PositiveCount = Annotated[
    int, PlainValidator(values.whole(1)), WithJsonSchema({"type": "integer", "minimum": 1})
]
YesNo = Annotated[bool, PlainValidator(values.yes_or_no), WithJsonSchema({"type": "boolean"})]
Text = Annotated[str, PlainValidator(values.word), _TEXT]
SecretText = Annotated[
    Secret,
    PlainValidator(values.secret),
    WithJsonSchema({"type": "string", "writeOnly": True}),
]
DataDir = Annotated[Path, PlainValidator(home.data_dir), _TEXT]
FilePath = Annotated[Path, PlainValidator(values.file_path), _TEXT]
ListenOrOff = Annotated[
    Address | None,
    PlainValidator(addresses.listen_or_off),
    WithJsonSchema({"type": "string", "examples": ["127.0.0.1:9670", "off"]}),
]
Listens = Annotated[tuple[Address, ...], PlainValidator(values.many(addresses.listen)), _LIST]
Texts = Annotated[tuple[str, ...], PlainValidator(values.many(values.word)), _LIST]
Hosts = Annotated[tuple[str, ...], PlainValidator(values.many(addresses.host_header)), _LIST]
PublicNames = Annotated[tuple[str, ...], PlainValidator(values.many(addresses.public_name)), _LIST]
Proxies = Annotated[tuple[Proxy, ...], PlainValidator(values.many(addresses.proxy)), _LIST]
SyslogTarget = Annotated[str, PlainValidator(values.syslog), _TEXT]
Fingerprint = Annotated[str, PlainValidator(values.fingerprint), _TEXT]
Fingerprints = Annotated[
    tuple[str, ...],
    PlainValidator(values.some(values.fingerprint)),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
StoreUrl = Annotated[StoreAddress, PlainValidator(values.store_url), _TEXT]
StorePrefix = Annotated[str, PlainValidator(values.store_prefix), _TEXT]
FilePaths = Annotated[tuple[Path, ...], PlainValidator(values.many(values.file_path)), _LIST]
HttpsUrl = Annotated[str, PlainValidator(values.https_url), _TEXT]
Renamed = Annotated[
    dict[str, str],
    PlainValidator(values.texts),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": "string"}}),
]
LocaleName = Annotated[str, PlainValidator(values.supported_locale), _TEXT]
ProfileName = Annotated[
    str,
    PlainValidator(values.choice(*PROFILES)),
    WithJsonSchema({"type": "string", "enum": list(PROFILES)}),
]


def setting(default: object, description: str) -> Any:  # noqa: ANN401 -- as pydantic's own Field
    """A setting whose default is written the way an operator writes it, and read the same way."""
    return Field(default=default, description=description, validate_default=True)


class Table(BaseModel):
    """A table of settings: nothing changes after reading, and nothing unknown gets in."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        arbitrary_types_allowed=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=False,
    )
