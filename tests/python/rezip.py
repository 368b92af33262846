"""Zips the files of an export again, as different tools would.

rezip.py EXPORT.zip WAY TARGET.zip

Ways: deflated, stored, reversed (the entries in another order), folders (with entries for directories),
streamed (sizes after the data), commented (with an archive comment).
"""

import io
import sys
import zipfile


class Stream(io.RawIOBase):
    """A target without seeking: zipfile then writes data descriptors."""

    def __init__(self, target):
        self.target = target

    def writable(self):
        return True

    def write(self, data):
        return self.target.write(data)


def main(source, way, target):
    with zipfile.ZipFile(source) as export:
        files = [(name, export.read(name)) for name in export.namelist()]
    if way == "reversed":
        files.reverse()
    if way == "folders":
        files.insert(0, ("model.ckpt/", b""))
        files.append(("model.ckpt/variables/", b""))
    method = zipfile.ZIP_STORED if way == "stored" else zipfile.ZIP_DEFLATED
    with open(target, "wb") as file:
        written = Stream(file) if way == "streamed" else file
        with zipfile.ZipFile(written, "w", method) as archive:
            if way == "commented":
                archive.comment = b"Made by a careful administrator"
            for name, content in files:
                archive.writestr(name, content)


main(*sys.argv[1:])
print("{}")
