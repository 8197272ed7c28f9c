"""The vSphere model, once: types, methods, properties, faults. JSON and SOAP are its codecs."""
