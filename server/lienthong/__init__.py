"""Lienthong: signed edXML documents between the eOffice systems of a province's tiers."""
