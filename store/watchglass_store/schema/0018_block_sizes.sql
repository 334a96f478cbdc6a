-- Blocks of a column were of growing size, to keep merges from taking memory; but where blocks differ in size, a read that leaves
-- granules out may get those of another place (design/0023-block-sizes.md).
ALTER TABLE otel_traces RESET SETTING min_columns_to_activate_adaptive_write_buffer;

ALTER TABLE otel_logs RESET SETTING min_columns_to_activate_adaptive_write_buffer;

ALTER TABLE llm_call_parts RESET SETTING min_columns_to_activate_adaptive_write_buffer;

-- Two buffers of this size for each of its 126 columns and more are what its merges take.
ALTER TABLE llm_call_parts MODIFY SETTING max_compress_block_size = 262144;
