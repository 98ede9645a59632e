"""Migrate a store from each schema version to the next.

The statements are frozen: a former version's schema does not change when today's tables do.
Version 1 was kept in SQLite only.
"""

from __future__ import annotations

from sqlalchemy import Connection

# SQLite cannot change a table's constraints, so the tables are made anew and filled.  Renaming
# takes the foreign keys of those that refer to them along; indexes keep their names and must go.
_FROM_1_TO_2 = (
    "DROP INDEX trial_by_seq",
    "DROP INDEX trial_by_state",
    "DROP INDEX attempt_by_trial",
    "ALTER TABLE event RENAME TO event_1",
    "ALTER TABLE attempt RENAME TO attempt_1",
    "ALTER TABLE trial RENAME TO trial_1",
    "ALTER TABLE study ADD COLUMN n_charged INTEGER DEFAULT '0' NOT NULL",
    "ALTER TABLE study ADD COLUMN n_failed INTEGER DEFAULT '0' NOT NULL",
    "ALTER TABLE study ADD COLUMN leader VARCHAR(64)",
    "ALTER TABLE study ADD COLUMN leader_epoch INTEGER DEFAULT '0' NOT NULL",
    """CREATE TABLE trial (
         study INTEGER NOT NULL,
         number INTEGER NOT NULL,
         origin VARCHAR(8) NOT NULL,
         state VARCHAR(12) NOT NULL,
         params TEXT NOT NULL,
         params_hash VARCHAR(64) NOT NULL,
         seed TEXT NOT NULL,
         fidelity FLOAT,
         rung INTEGER,
         priority INTEGER NOT NULL,
         checkpoint TEXT,
         token INTEGER,
         attempts INTEGER NOT NULL,
         value FLOAT,
         sem FLOAT,
         cost FLOAT,
         feasible INTEGER,
         metrics TEXT NOT NULL,
         outputs BLOB,
         outputs_variance BLOB,
         reason VARCHAR(200),
         error TEXT,
         watermark_seq INTEGER,
         proposed_as INTEGER,
         seq INTEGER NOT NULL,
         created FLOAT NOT NULL,
         finished FLOAT,
         PRIMARY KEY (study, number),
         CONSTRAINT value_goes_with_state CHECK (
           CASE WHEN state = 'complete' THEN value IS NOT NULL
             WHEN state IN ('failed', 'cancelled') THEN value IS NULL ELSE 1 = 1 END),
         FOREIGN KEY(study) REFERENCES study (id)
       )""",
    "CREATE INDEX trial_by_seq ON trial (study, seq)",
    "CREATE INDEX trial_waiting ON trial (study, priority, number) WHERE state = 'waiting'",
    """CREATE TABLE attempt (
         study INTEGER NOT NULL,
         token INTEGER NOT NULL,
         number INTEGER NOT NULL,
         owner TEXT NOT NULL,
         driver VARCHAR(64),
         job TEXT,
         fidelity FLOAT,
         rung INTEGER,
         host VARCHAR(255),
         pid INTEGER,
         created FLOAT NOT NULL,
         claimed FLOAT,
         beat BIGINT NOT NULL,
         started FLOAT,
         ended FLOAT,
         outcome VARCHAR(12),
         value FLOAT,
         sem FLOAT,
         cost FLOAT,
         checkpoint TEXT,
         result_hash VARCHAR(64),
         result TEXT,
         PRIMARY KEY (study, token),
         FOREIGN KEY(study, number) REFERENCES trial (study, number),
         FOREIGN KEY(study) REFERENCES study (id)
       ) WITHOUT ROWID""",
    "CREATE INDEX attempt_by_trial ON attempt (study, number)",
    "CREATE INDEX attempt_open ON attempt (study, token) WHERE outcome IS NULL",
    """CREATE TABLE event (
         study INTEGER NOT NULL,
         seq INTEGER NOT NULL,
         kind VARCHAR(20) NOT NULL,
         number INTEGER,
         token INTEGER,
         payload TEXT NOT NULL,
         ask_key VARCHAR(200),
         call VARCHAR(16),
         created FLOAT NOT NULL,
         PRIMARY KEY (study, seq),
         FOREIGN KEY(study) REFERENCES study (id)
       ) WITHOUT ROWID""",
    "CREATE UNIQUE INDEX event_by_ask_key ON event (study, ask_key) WHERE ask_key IS NOT NULL",
    """CREATE TABLE report (
         study INTEGER NOT NULL,
         number INTEGER NOT NULL,
         token INTEGER NOT NULL,
         step FLOAT NOT NULL,
         value FLOAT,
         seq INTEGER NOT NULL,
         created FLOAT NOT NULL,
         PRIMARY KEY (study, number, token, step),
         FOREIGN KEY(study, token) REFERENCES attempt (study, token),
         FOREIGN KEY(study) REFERENCES study (id)
       ) WITHOUT ROWID""",
    "CREATE INDEX report_by_seq ON report (study, seq)",
    """CREATE TABLE driver (
         study INTEGER NOT NULL,
         id VARCHAR(64) NOT NULL,
         epoch INTEGER NOT NULL,
         host VARCHAR(255) NOT NULL,
         pid INTEGER NOT NULL,
         beat BIGINT NOT NULL,
         capacity INTEGER NOT NULL,
         created FLOAT NOT NULL,
         ended FLOAT,
         PRIMARY KEY (study, id),
         FOREIGN KEY(study) REFERENCES study (id)
       ) WITHOUT ROWID""",
    """INSERT INTO trial (study, number, origin, state, params, params_hash, seed, fidelity, priority,
         token, attempts, value, sem, cost, feasible, metrics, outputs, outputs_variance, reason, error,
         watermark_seq, proposed_as, seq, created, finished)
       SELECT study, number, origin, state, params, params_hash, seed, fidelity, 0,
         token, attempts, value, sem, cost, feasible, metrics, outputs, outputs_variance, reason, error,
         watermark_seq, proposed_as, seq, created, finished
       FROM trial_1""",
    # an attempt's value is known where it is its trial's result
    """INSERT INTO attempt (study, token, number, owner, host, pid, created, beat, started, ended,
         outcome, value, sem, cost, result_hash, result)
       SELECT a.study, a.token, a.number, a.owner, a.host, a.pid, a.created, 0, a.started, a.ended,
         a.outcome, t.value, t.sem, t.cost, a.result_hash, a.result
       FROM attempt_1 AS a LEFT JOIN trial_1 AS t
         ON t.study = a.study AND t.token = a.token AND t.state = 'complete'""",
    """INSERT INTO event (study, seq, kind, number, token, payload, ask_key, created)
       SELECT study, seq, kind, number, token, payload, ask_key, created FROM event_1""",
    "DROP TABLE event_1",
    "DROP TABLE attempt_1",
    "DROP TABLE trial_1",
    """UPDATE study SET
         n_charged = (SELECT count(*) FROM trial WHERE trial.study = study.id AND origin = 'asked'
           AND state <> 'cancelled' AND NOT (state = 'failed' AND coalesce(reason, '') = 'lost')),
         n_failed = (SELECT count(*) FROM trial WHERE trial.study = study.id AND origin = 'asked'
           AND state = 'failed')""",
)


def from_1_to_2(connection: Connection) -> None:
    """Rungs, leases, several drivers, reports; and the budget's account in the study's row."""
    for statement in _FROM_1_TO_2:
        connection.exec_driver_sql(statement)
