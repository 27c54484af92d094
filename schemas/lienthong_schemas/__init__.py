"""XML schemas as package data: edXML, transit records, XML signatures; SOURCES.md says where each comes from."""
