"""The messages of proto/huiying/v1 for Python, straight from the published .proto files (no generated code kept)."""
import functools
import hashlib
import subprocess
import tempfile

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

from . import paths


@functools.cache
def _pool():
    files = sorted((paths.ROOT / "proto/huiying/v1").glob("*.proto"))
    with tempfile.NamedTemporaryFile(suffix=".desc") as out:
        subprocess.run(["protoc", f"--proto_path={paths.ROOT / 'proto'}", f"--descriptor_set_out={out.name}",
                        "--include_imports", *map(str, files)], check=True)
        described = descriptor_pb2.FileDescriptorSet.FromString(out.read())
    pool = descriptor_pool.DescriptorPool()
    for one in described.file:
        pool.Add(one)
    return pool


@functools.cache
def cls(name):
    """The class of a message: contract.cls("Event")(id="…")."""
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"huiying.v1.{name}"))


def decode(name, data):
    return cls(name).FromString(data)


def identity(*fields):
    """docs/contract.md: SHA-256 over length-prefixed fields, the first 130 bits in Crockford's base32."""
    data = b"".join(len(f).to_bytes(4, "big") + f for f in (x.encode() for x in fields))
    number = int.from_bytes(hashlib.sha256(data).digest(), "big") >> (256 - 130)
    return "".join("0123456789ABCDEFGHJKMNPQRSTVWXYZ"[(number >> shift) & 31] for shift in range(125, -1, -5))


def as_dict(message):
    return json_format.MessageToDict(message, preserving_proto_field_name=True)
