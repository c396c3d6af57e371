"""Options of Beam that the documentation names are those that Beam has."""

import re
from pathlib import Path

from apache_beam.options.pipeline_options import PipelineOptions

DOCUMENT = Path(__file__).parents[3] / "docs" / "cluster.md"


def test_the_options_for_dataflow_are_known_to_beam():
    text = DOCUMENT.read_text()
    options = re.findall(r"--[a-z_]+(?:=[^\s`]+)?", text[text.index("- **Dataflow**") :])
    assert len(options) > 10
    given = PipelineOptions([option.replace("=N", "=4") for option in options])
    known = PipelineOptions([]).get_all_options()
    found = given.get_all_options(retain_unknown_options=True)
    assert found.keys() - known.keys() == set()
    assert found["use_public_ips"] is False
    assert found["machine_type"] == "n2-standard-4"
