"""The code of a worker is the driver's, or the difference is named."""

from dataclasses import replace

from pipelines.engine.code_version import code_version


def test_what_differs_is_named():
    here = code_version()
    assert here.difference(code_version()) == ""
    assert "Python 2.7, the driver" in here.difference(replace(here, python="2.7"))
    assert "pyarrow 0.1, the driver" in here.difference(
        replace(here, libraries={**here.libraries, "pyarrow": "0.1"})
    )
    assert "fingerprint 0000" in here.difference(replace(here, source="0" * 64))


def test_a_library_that_only_one_has_is_no_difference():
    here = code_version()
    fewer = {name: version for name, version in here.libraries.items() if name != "numpy"}
    assert here.difference(replace(here, libraries=fewer)) == ""
