"""What a compiled CEL expression is made of, as its library tells it (cel.expr.CheckedExpr, as far as anybody here
looks at it): nodes to walk, and where each stands in the source. What may be in one is not here."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cel_expr_python import cel
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from google.protobuf.any_pb2 import Any as Packed

Node = Any
"""A cel.expr.Expr."""

Path = tuple[str, ...]
"""A variable and fields of it: `event.properties.url`."""

INDEX = "_[_]"

_SYNTAX = """
name: "services/shared/cel_tree.proto" package: "services.shared" syntax: "proto3"
message_type { name: "Checked"
  field { name: "expr" number: 4 type: TYPE_MESSAGE type_name: ".services.shared.Expr" }
  field { name: "source" number: 5 type: TYPE_MESSAGE type_name: ".services.shared.Source" } }
message_type { name: "Source"
  field { name: "line_offsets" number: 3 type: TYPE_INT32 label: LABEL_REPEATED }
  field { name: "places" number: 4 type: TYPE_MESSAGE type_name: ".services.shared.Place" label: LABEL_REPEATED } }
message_type { name: "Place"
  field { name: "id" number: 1 type: TYPE_INT64 } field { name: "offset" number: 2 type: TYPE_INT32 } }
message_type { name: "Expr"
  oneof_decl { name: "kind" }
  field { name: "id" number: 2 type: TYPE_INT64 }
  field { name: "const" number: 3 type: TYPE_MESSAGE type_name: ".services.shared.Const" oneof_index: 0 }
  field { name: "ident" number: 4 type: TYPE_MESSAGE type_name: ".services.shared.Ident" oneof_index: 0 }
  field { name: "select" number: 5 type: TYPE_MESSAGE type_name: ".services.shared.Select" oneof_index: 0 }
  field { name: "call" number: 6 type: TYPE_MESSAGE type_name: ".services.shared.Call" oneof_index: 0 }
  field { name: "list" number: 7 type: TYPE_MESSAGE type_name: ".services.shared.List" oneof_index: 0 }
  field { name: "map" number: 8 type: TYPE_MESSAGE type_name: ".services.shared.Map" oneof_index: 0 }
  field { name: "loop" number: 9 type: TYPE_MESSAGE type_name: ".services.shared.Loop" oneof_index: 0 } }
message_type { name: "Const"
  oneof_decl { name: "value" }
  field { name: "int64" number: 3 type: TYPE_INT64 oneof_index: 0 }
  field { name: "string" number: 6 type: TYPE_STRING oneof_index: 0 } }
message_type { name: "Ident" field { name: "name" number: 1 type: TYPE_STRING } }
message_type { name: "Select"
  field { name: "operand" number: 1 type: TYPE_MESSAGE type_name: ".services.shared.Expr" }
  field { name: "field" number: 2 type: TYPE_STRING } }
message_type { name: "Call"
  field { name: "target" number: 1 type: TYPE_MESSAGE type_name: ".services.shared.Expr" }
  field { name: "function" number: 2 type: TYPE_STRING }
  field { name: "args" number: 3 type: TYPE_MESSAGE type_name: ".services.shared.Expr" label: LABEL_REPEATED } }
message_type { name: "List"
  field { name: "elements" number: 1 type: TYPE_MESSAGE type_name: ".services.shared.Expr" label: LABEL_REPEATED } }
message_type { name: "Map"
  field { name: "entries" number: 2 type: TYPE_MESSAGE type_name: ".services.shared.Entry" label: LABEL_REPEATED } }
message_type { name: "Entry"
  field { name: "key" number: 3 type: TYPE_MESSAGE type_name: ".services.shared.Expr" }
  field { name: "value" number: 4 type: TYPE_MESSAGE type_name: ".services.shared.Expr" } }
message_type { name: "Loop"
  field { name: "variable" number: 1 type: TYPE_STRING }
  field { name: "range" number: 2 type: TYPE_MESSAGE type_name: ".services.shared.Expr" }
  field { name: "result_variable" number: 3 type: TYPE_STRING }
  field { name: "begin" number: 4 type: TYPE_MESSAGE type_name: ".services.shared.Expr" }
  field { name: "while" number: 5 type: TYPE_MESSAGE type_name: ".services.shared.Expr" }
  field { name: "step" number: 6 type: TYPE_MESSAGE type_name: ".services.shared.Expr" }
  field { name: "result" number: 7 type: TYPE_MESSAGE type_name: ".services.shared.Expr" } }
"""


def _checked() -> type[Any]:
    pool = descriptor_pool.DescriptorPool()
    pool.Add(text_format.Parse(_SYNTAX, descriptor_pb2.FileDescriptorProto()))
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("services.shared.Checked"))


_CHECKED = _checked()


@dataclass(frozen=True, slots=True)
class Tree:
    """An expression's nodes, macros written out."""

    root: Node
    _source: Any

    def place(self, node: Node) -> str:
        """Where a node stands, as the library says it of what does not compile: `line 1, column 7`."""
        offset = next((one.offset for one in self._source.places if one.id == node.id), 0)
        before = [end for end in self._source.line_offsets if end <= offset]
        return f"line {len(before) + 1}, column {offset - (before[-1] if before else 0) + 1}"


def tree_of(compiled: cel.Expression) -> Tree:
    """The nodes of an expression."""
    checked = _CHECKED.FromString(Packed.FromString(compiled.serialize()).value)
    return Tree(checked.expr, checked.source)


def parts_of(node: Node) -> Iterator[Node]:
    """The nodes right below a node."""
    match node.WhichOneof("kind"):
        case "select":
            yield node.select.operand
        case "call":
            if node.call.HasField("target"):
                yield node.call.target
            yield from node.call.args
        case "list":
            yield from node.list.elements
        case "map":
            for entry in node.map.entries:
                yield entry.key
                yield entry.value
        case "loop":
            loop = node.loop
            yield from (loop.range, loop.begin, getattr(loop, "while"), loop.step, loop.result)


def walk(node: Node) -> Iterator[Node]:
    """A node and all below it."""
    yield node
    for part in parts_of(node):
        yield from walk(part)


def path_of(node: Node) -> Path | None:
    """The variable and the fields of it that a node reads; None where it is something else."""
    match node.WhichOneof("kind"):
        case "ident":
            return (node.ident.name,)
        case "select":
            above, field = path_of(node.select.operand), node.select.field
        case "call" if node.call.function == INDEX:
            above, field = path_of(node.call.args[0]), text_of(node.call.args[1])
        case _:
            return None
    return None if above is None or field is None else (*above, field)


def text_of(node: Node) -> str | None:
    """The text that a node is; None where it is no literal one."""
    literal = node.WhichOneof("kind") == "const" and node.const.WhichOneof("value") == "string"
    return node.const.string if literal else None


def is_literal(node: Node) -> bool:
    """Whether it is a number, a text or the like, written out."""
    return bool(node.WhichOneof("kind") == "const")
