"""How much memory does verifying a big package take? A small multiple of it, measured by the kernel."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
MOST = 4.6  #: times the package: its bytes, its tree, and two copies of the text while it is put back (measured: 4.1)

MEASURE = """
import os
from lienthong.domain.document import Attachment, ManifestEntry
from lienthong.edxml.attachments import check_attachments
from lienthong.edxml.writer import write
from lienthong.signing.sign import sign_package
from lienthong.signing.verify import verify_package
from tests.pki.world import world

def resident(name):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(name))

w = world()
files = (Attachment(content_id="cid:1", attachment_name="a.bin", content=os.urandom(30_000_000)),)
manifest = (ManifestEntry(content_id="cid:1", attachment_name="a.bin"),)
known = dict(trust=w.trust, bindings=w.bindings, directory=w.directory, at=w.at)
verify_package(w.signed("H48.31.05", ["H48.11"]), **known)  # what is read once
read, write_end = os.pipe()
if os.fork() == 0:  # made elsewhere: its own peak does not count
    package = write(w.document("H48.31.05", ["H48.11"], manifest=manifest), files)
    with open(write_end, "wb") as out:
        out.write(sign_package(package, w.key("H48.31.05"), at=w.at))
    os._exit(0)
os.close(write_end)
with open(read, "rb") as source:
    data = source.read()
before = resident("VmRSS") - len(data)
open("/proc/self/clear_refs", "w").write("5")  # begin the peak anew
document = verify_package(data, **known)
check_attachments(document.root, document.package)
print((resident("VmHWM") - before) / len(data))
"""


def test_a_big_package_is_verified_in_a_small_multiple_of_its_size() -> None:
    process = subprocess.run(
        [sys.executable, "-c", MEASURE], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert process.returncode == 0, process.stderr
    assert float(process.stdout) < MOST
