"""Files of events, read from front to back in constant memory: bytes (unpacking.py) become text (texts.py), text
becomes numbered records (csv_records.py, json_records.py; reading.py puts them together), and a record becomes a row:
an event's fields, or what is wrong (rows.py, values.py). Pure; what is read is the same however the bytes are cut into
pieces, so that an import that starts over meets the same rows."""
