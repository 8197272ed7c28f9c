"""The OpenAPI document, made from the tables that serve the API. Pure: tables in, a dict out."""
