"""Data types of the PropertyCollector, in the order of the WSDL."""

from collections.abc import Mapping

from sessiongate.wire.vim.types.values import ANY, MOREF, Field, fields

TYPES: Mapping[str, tuple[Field, ...]] = {
    "PropertySpec": fields("type:string all:boolean? pathSet:string*"),
    "SelectionSpec": fields("name:string?"),
    "TraversalSpec": fields(
        "name:string? type:string path:string skip:boolean? selectSet:SelectionSpec*"
    ),
    "ObjectSpec": fields(f"obj:{MOREF} skip:boolean? selectSet:SelectionSpec*"),
    "PropertyFilterSpec": fields(
        "propSet:PropertySpec* objectSet:ObjectSpec* reportMissingObjectsInResults:boolean?"
    ),
    "RetrieveOptions": fields("maxObjects:int?"),
    "RetrieveResult": fields("token:string? objects:ObjectContent*"),
    "ObjectContent": fields(f"obj:{MOREF} propSet:DynamicProperty* missingSet:MissingProperty*"),
    "DynamicProperty": fields(f"name:string val:{ANY}"),
    "MissingProperty": fields("path:string fault:LocalizedMethodFault"),
    "WaitOptions": fields("maxWaitSeconds:int? maxObjectUpdates:int?"),
    "UpdateSet": fields("version:string filterSet:PropertyFilterUpdate* truncated:boolean?"),
    "PropertyFilterUpdate": fields(
        f"filter:{MOREF} objectSet:ObjectUpdate* missingSet:MissingObject*"
    ),
    "ObjectUpdate": fields(
        f"kind:string obj:{MOREF} changeSet:PropertyChange* missingSet:MissingProperty*"
    ),
    "PropertyChange": fields(f"name:string op:string val:{ANY}?"),
    "MissingObject": fields(f"obj:{MOREF} fault:LocalizedMethodFault"),
}

BASES: Mapping[str, str] = {"TraversalSpec": "SelectionSpec"}
