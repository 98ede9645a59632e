"""`smbo status` tells state, trials and budget, as text and as JSON."""

import json


def test_status_says_where_a_study_stands(folder):
    folder.job()
    folder.smbo("run", "job.yaml")
    by_name, by_file = folder.smbo("status", "toy"), folder.smbo("status", "job.yaml")
    assert by_name.output == by_file.output
    assert "toy: finished" in by_name.output
    assert "4 complete; 4 of 4 asked for" in by_name.output
    said = json.loads(folder.smbo("status", "toy", "--json").output)
    assert (said["state"], said["trials"]) == ("finished", {"complete": 4})
