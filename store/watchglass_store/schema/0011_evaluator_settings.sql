-- What people set for each evaluator while it runs: append-only versions, the latest wins; an evaluator without a row is as
-- the settings file says. Writer: watchglass evaluators, and the dashboard.
CREATE TABLE evaluator_settings (
    evaluator String COMMENT 'its name; judge_RUBRIC for a judge',
    version DateTime64(6) DEFAULT now64(6),
    enabled UInt8 COMMENT '0 = off: calls that arrive meanwhile are not scored',
    sample_rate Float64 COMMENT 'share of the traces (or sessions) that it scores, 0 to 1',
    filters Map(String, Array(String)) COMMENT 'column of the call -> values it may have; a column that is not there may have any',
    author String
) ENGINE = MergeTree ORDER BY (evaluator, version);

-- Rubrics that people write or change while judges run: append-only versions, the latest wins, also over a rubric of that
-- name in the settings file. Each version is a series of scores of its own. Writer: watchglass evaluators, and the dashboard.
CREATE TABLE judge_rubrics (
    name String COMMENT 'the evaluator and its score are called judge_NAME',
    version DateTime64(6) DEFAULT now64(6),
    prompt String COMMENT 'the one thing to judge, and by what measure',
    choices Map(String, Float64) COMMENT 'verdict -> its value, in the order they are offered in',
    direction String COMMENT 'higher_is_better, lower_is_better or neutral',
    columns Array(String) COMMENT 'texts that the judge sees',
    author String
) ENGINE = MergeTree ORDER BY (name, version);
