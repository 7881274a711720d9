package engine

import (
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// readerSettings are the settings a reader's request may carry: limits, which can only be tightened below the caps,
// and what changes how an answer is computed or written but not what is reached for it.
var readerSettings = []string{
	"max_execution_time", "timeout_overflow_mode",
	"max_memory_usage", "max_threads", "max_block_size", "priority",
	"max_rows_to_read", "max_bytes_to_read", "read_overflow_mode",
	"max_rows_to_group_by", "group_by_overflow_mode",
	"max_bytes_before_external_group_by", "max_bytes_before_external_sort",
	"max_rows_to_sort", "max_bytes_to_sort", "sort_overflow_mode",
	"max_result_rows", "max_result_bytes", "result_overflow_mode",
	"max_rows_in_distinct", "max_bytes_in_distinct", "distinct_overflow_mode",
	"max_rows_in_set", "max_bytes_in_set", "set_overflow_mode",
	"max_rows_in_join", "max_bytes_in_join", "join_overflow_mode", "join_algorithm", "join_use_nulls",
	"final", "do_not_merge_across_partitions_select_final",
	"use_skip_indexes", "use_skip_indexes_if_final", "optimize_read_in_order", "optimize_aggregation_in_order",
	"optimize_use_projections", "optimize_move_to_prewhere", "optimize_move_to_prewhere_if_final",
	"distributed_product_mode", "optimize_skip_unused_shards",
	"prefer_column_name_to_alias", "aggregate_functions_null_for_empty", "empty_result_for_aggregation_by_empty_set",
	"extremes", "totals_mode", "session_timezone", "date_time_output_format", "date_time_input_format",
	"force_primary_key", "force_index_by_date", "enable_analyzer", "allow_experimental_analyzer",
}

// writerSettings are the further settings of a writer.
var writerSettings = []string{
	"readonly",
	"insert_deduplicate", "insert_deduplication_token", "deduplicate_blocks_in_dependent_materialized_views",
	"deduplicate_insert", "deduplicate_insert_select",
	"insert_null_as_default", "insert_quorum", "insert_quorum_timeout", "insert_quorum_parallel",
	"optimize_on_insert", "parallel_view_processing", "materialized_views_ignore_errors",
	"materialized_views_squash_parallel_inserts",
	"max_insert_block_size", "max_insert_block_size_bytes", "min_insert_block_size_rows", "min_insert_block_size_bytes",
	"min_insert_block_size_rows_for_materialized_views", "min_insert_block_size_bytes_for_materialized_views",
	"max_insert_threads", "max_partitions_per_insert_block", "throw_on_max_partitions_per_insert_block",
	"mutations_sync", "alter_sync", "lightweight_deletes_sync", "lightweight_delete_mode", "apply_mutations_on_fly",
	"allow_nondeterministic_mutations", "validate_mutation_query",
	"allow_suspicious_low_cardinality_types", "allow_suspicious_codecs", "data_type_default_nullable", "flatten_nested",
	"max_table_size_to_drop", "max_partition_size_to_drop", "fsync_metadata",
	"allow_experimental_json_type", "enable_json_type", "allow_experimental_full_text_index", "enable_full_text_index",
}

// sharedPrefixes begin the settings of formats, which both roles may give. Those that name files are refused below.
var sharedPrefixes = []string{"output_format_", "input_format_"}

// ignoredSettings are accepted and have no effect: those of the HTTP interface that this one does not need, and
// asynchronous inserts, which would acknowledge before the rows are on disk.
var ignoredSettings = []string{
	"async_insert", "wait_for_async_insert", "wait_for_async_insert_timeout", "async_insert_deduplicate",
	"async_insert_busy_timeout_ms", "async_insert_max_data_size",
	"wait_end_of_query", "send_progress_in_http_headers", "http_headers_progress_interval_ms", "buffer_size",
	"cancel_http_readonly_queries_on_client_close", "http_write_exception_in_output_format", "add_http_cors_header",
	"http_zlib_compression_level", "network_zstd_compression_level",
	"quota_key", "log_queries", "log_comment", "stacktrace",
}

// limits are the caps of a reader's statement.
type limits struct {
	seconds     float64 // max_execution_time
	memoryBytes int64   // max_memory_usage
}

// readerSeconds is how long a reader's statement may run at most, and by default a fifth of it.
const readerSeconds = 300

// settingValue is what a setting other than a deduplication token may be: short, and without quotes or blanks.
var settingValue = regexp.MustCompile(`^[A-Za-z0-9_.,:/+-]{0,100}$`)

// requestSettings turns the settings of a request into those of its connection, in a fixed order. A reader's limits
// are lowered to the caps, and hold also when the request names none.
func requestSettings(role string, given url.Values, caps limits) ([]setting, error) {
	var settings []setting
	chosen := map[string]string{}
	for name, values := range given {
		value := values[len(values)-1]
		if slices.Contains(ignoredSettings, name) {
			continue
		}
		if name == "session_id" || name == "role" || name == "session_timeout" || name == "session_check" {
			return nil, newException(codeBadArguments, "BAD_ARGUMENTS",
				"The embedded engine keeps no sessions and no selectable roles; leave %s out", name)
		}
		allowed := slices.Contains(readerSettings, name) || hasAnyPrefix(name, sharedPrefixes) ||
			role == roleWriter && slices.Contains(writerSettings, name) || role == roleReader && name == "readonly"
		if !allowed || slices.Contains(refusedWords, name) || hasAnyPrefix(name, refusedPrefixes) {
			return nil, newException(codeUnknownSetting, "UNKNOWN_SETTING",
				"Setting %s is not accepted from the user %s by the embedded engine", name, userOf(role))
		}
		if name != "insert_deduplication_token" && !settingValue.MatchString(value) {
			return nil, newException(codeBadArguments, "BAD_ARGUMENTS", "Setting %s has an unusable value: %q", name, value)
		}
		chosen[name] = value
	}
	if role == roleReader {
		// A reader is read-only whatever it asks for.
		chosen["readonly"] = "1"
		if err := capReader(chosen, caps); err != nil {
			return nil, err
		}
	}
	for name, value := range chosen {
		if name != "readonly" {
			settings = append(settings, setting{name, value})
		}
	}
	slices.SortFunc(settings, func(a, b setting) int { return strings.Compare(a.name, b.name) })
	// Last, because it forbids changing the others.
	if value, ok := chosen["readonly"]; ok && value != "0" {
		settings = append(settings, setting{"readonly", value})
	}
	return settings, nil
}

// capReader lowers a reader's limits to the caps; 0, which means none, is above every cap.
func capReader(chosen map[string]string, caps limits) error {
	seconds, err := number(chosen, "max_execution_time", caps.seconds/5)
	if err != nil {
		return err
	}
	if seconds <= 0 || seconds > caps.seconds {
		seconds = caps.seconds
	}
	chosen["max_execution_time"] = strconv.FormatFloat(seconds, 'f', -1, 64)
	memory, err := number(chosen, "max_memory_usage", float64(caps.memoryBytes))
	if err != nil {
		return err
	}
	if memory <= 0 || memory > float64(caps.memoryBytes) {
		memory = float64(caps.memoryBytes)
	}
	chosen["max_memory_usage"] = strconv.FormatInt(int64(memory), 10)
	return nil
}

func number(chosen map[string]string, name string, otherwise float64) (float64, error) {
	text, ok := chosen[name]
	if !ok {
		return otherwise, nil
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(value) || math.IsInf(value, 0) {
		return 0, newException(codeBadArguments, "BAD_ARGUMENTS", "Setting %s is not a number: %q", name, text)
	}
	return value, nil
}

func userOf(role string) string {
	if role == roleReader {
		return ReaderUser
	}
	return WriterUser
}
