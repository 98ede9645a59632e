"""`smbo objectives` lists the installed objectives."""


def test_the_installed_objectives_are_listed_with_their_settings(folder):
    result = folder.smbo("objectives")
    assert result.exit_code == 0
    assert "python\n    A Python function" in result.output
    assert "    events: 5000" in result.output
