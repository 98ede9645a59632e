"""Log files: a driver's, which never costs a run anything, and the output of managers and workers."""

import logging
import subprocess
import sys

from smbo_scheduler.clusters.cluster import log_to_file
from smbo_scheduler.clusters.log_files import LogFile


def logger_to(path):
    logger = logging.Logger("test")
    logger.addHandler(LogFile(path))
    return logger


def test_a_log_file_is_made_at_the_first_record(tmp_path):
    logger = logger_to(tmp_path / "log")
    assert not (tmp_path / "log").exists()
    logger.warning("lost %d", 3)
    logger.handlers[0].close()
    assert (tmp_path / "log").read_text().endswith(" WARNING test: lost 3\n")


def test_records_that_cannot_be_written_are_left_out_without_a_traceback(tmp_path, capfd):
    nowhere = logger_to(tmp_path / "missing" / "log")
    nowhere.warning("lost")
    full = logger_to("/dev/full")
    full.warning("lost")
    for logger in (nowhere, full):
        logger.handlers[0].close()
    assert "".join(capfd.readouterr()) == ""


def test_a_program_that_has_a_file_for_dasks_records_keeps_it(tmp_path):
    import distributed  # noqa: F401 - sets its handlers up

    dasks = logging.getLogger("distributed")
    before, propagates = list(dasks.handlers), dasks.propagate
    own = LogFile(tmp_path / "own")
    try:
        dasks.handlers[:] = [own]
        log_to_file(tmp_path / "cluster")
        logging.getLogger("distributed.client").error("no scheduler")
        assert dasks.handlers == [own]
        assert "distributed.client: no scheduler" in (tmp_path / "own").read_text()
        dasks.handlers[:] = []
        log_to_file(tmp_path / "first")
        log_to_file(tmp_path / "second")  # of another cluster
        logging.getLogger("distributed.client").error("no scheduler")
        assert not (tmp_path / "first").exists()
        assert "no scheduler" in (tmp_path / "second").read_text()
    finally:
        for handler in (own, *dasks.handlers):
            handler.close()
        dasks.handlers[:], dasks.propagate = before, propagates


def test_what_happens_in_a_manager_or_worker_is_on_its_output_from_info_on():
    code = (
        "from smbo_scheduler.clusters import log_files, local_workers\n"
        "log_files.log_to_output()\n"
        "local_workers.logger.info('worker 0 is process 7')\n"
        "local_workers.logger.debug('not this')\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.endswith(" INFO smbo_scheduler.clusters.local_workers: worker 0 is process 7\n")
    assert "not this" not in ran.stdout + ran.stderr
