"""The vSphere model, once: types, methods, properties and faults. JSON and SOAP are codecs over it."""
