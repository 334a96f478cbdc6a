-- A day that nothing is added to any more becomes one part: what is asked of it then needs no merging while it is read, which takes
-- seven to fifteen times as long as the rest of a question (design/0022-pages-at-size.md).
ALTER TABLE llm_figure_parts MODIFY SETTING min_age_to_force_merge_seconds = 3600, min_age_to_force_merge_on_partition_only = 1;

ALTER TABLE scores MODIFY SETTING min_age_to_force_merge_seconds = 3600, min_age_to_force_merge_on_partition_only = 1;
