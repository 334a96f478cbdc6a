"""What the read-only user may use. Names are compared in small letters, keywords in capitals."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


VERBS = frozenset({"SELECT", "WITH", "EXPLAIN", "SHOW", "DESCRIBE", "EXISTS"})
SHOWN = frozenset({"TABLES", "DATABASES", "COLUMNS", "CREATE"})
"""What may follow SHOW."""
EXPLAINED = frozenset({"SYNTAX", "QUERY", "TREE", "PLAN", "PIPELINE", "ESTIMATE"})
"""Kinds of EXPLAIN."""

KEYWORDS = _words(
    """ALL AND ANTI ANY ARRAY AS ASC ASOF BETWEEN BY CASE COLUMNS CROSS CUBE DESC DISTINCT DIV ELSE EXCEPT EXISTS
    FILTER FROM FULL GLOBAL GROUP GROUPING HAVING ILIKE IN INNER INTERPOLATE INTERSECT INTERVAL IS JOIN LEFT
    LIKE LIMIT MOD NOT OFFSET ON OR ORDER OUTER OVER PARTITION PREWHERE QUALIFY RECURSIVE REPLACE RIGHT ROLLUP
    SAMPLE SELECT SEMI SETS THEN TO UNION USING WHEN WHERE WITH WITHIN APPLY DESCRIBE TABLE SYNTAX PLAN PIPELINE
    ESTIMATE TREE"""
)
"""Words that may stand before an opening bracket without calling anything."""

REFUSED_KEYWORDS = _words(
    """INTO OUTFILE INFILE SETTINGS INSERT UPDATE DELETE ALTER DROP CREATE TRUNCATE RENAME ATTACH DETACH KILL SET
    USE GRANT REVOKE OPTIMIZE BACKUP RESTORE EXECUTE WATCH EXPLAIN SHOW DESCRIBE PARALLEL"""
)
"""Words that no SELECT needs, wherever they stand but behind a dot or as the first word."""

CATEGORIES = frozenset(
    {
        "Arithmetic", "Arrays", "Bit", "Bitmap", "Comparison", "Conditional", "Dates and Times", "Distance",
        "Encoding", "Financial", "Geo", "Geo Polygon", "Hash", "IP Address", "JSON", "Logical", "Map", "Mathematical",
        "Null", "NumericIndexedVector", "Random Number", "Rounding", "String", "String Replacement",
        "String Search", "String Splitting", "Time Window", "Tuple", "Type Conversion", "URL", "UUID",
    }
)  # fmt: skip
"""Categories of system.functions whose functions compute from their arguments alone."""

FUNCTIONS = _words(
    """bar blockNumber blockSize byteSize caseWithExpression connectionId countDigits currentDatabase
    currentQueryID currentUser defaultValueOfArgumentType defaultValueOfTypeName digits displayName errorCodeToName
    finalizeAggregation formatQuery formatQuerySingleLine formatReadableDecimalSize formatReadableQuantity
    formatReadableSize formatReadableTimeDelta getSetting getSizeOfEnumType getSubcolumn hostName identity ignore
    indexHint initializeAggregation isConstant isDecimalOverflow lowCardinalityIndices lowCardinalityKeys materialize
    minSampleSizeContinuous minSampleSizeConversion neighbor normalizeQuery normalizeQueryKeepNames
    normalizedQueryHash normalizedQueryHashKeepNames parseISO8601Duration parseReadableSize
    parseReadableSizeOrNull parseReadableSizeOrZero parseTimeDelta partitionId queryID revision
    rowNumberInAllBlocks rowNumberInBlock runningAccumulate runningDifference
    runningDifferenceStartingWithFirstValue shardCount shardNum throwIf toColumnTypeName toTypeName transform
    uptime variantElement variantType version visibleWidth"""
)
"""Functions of other categories that compute from their arguments, or tell what a client may know."""

NOT_CALLABLE = frozenset({"chdb", "flamegraph", "aggthrow"})
"""Functions that their category would let through."""

TABLE_FUNCTIONS = frozenset(
    {"generaterandom", "generateseries", "generate_series", "null", "numbers", "numbers_mt", "values", "view",
     "zeros", "zeros_mt"}
)  # fmt: skip
"""Table functions that make rows from their arguments."""

GUARDED_DATABASES = frozenset({"default", "system", "information_schema", "_temporary_and_external_tables"})
"""`default` is guarded because there a table's name may be a path: SELECT * FROM default.`/etc/passwd`."""

SYSTEM_TABLES = frozenset(
    ("system", table)
    for table in _words(
        """aggregate_function_combinators columns contributors data_skipping_indices data_type_families
        databases formats functions merges mutations numbers numbers_mt one parts parts_columns projections
        settings table_engines table_functions tables time_zones zeros zeros_mt"""
    )
)
"""Tables of the guarded databases that describe data and engine, and none of what others are doing."""

FORMATS = _words(
    """Arrow ArrowStream Avro CSV CSVWithNames CSVWithNamesAndTypes JSON JSONColumns JSONColumnsWithMetadata
    JSONCompact JSONCompactColumns JSONCompactEachRow JSONCompactEachRowWithNames
    JSONCompactEachRowWithNamesAndTypes JSONCompactStrings JSONEachRow JSONLines JSONObjectEachRow JSONStrings
    JSONStringsEachRow LineAsString Markdown MsgPack NDJSON Native Null ORC Parquet Pretty PrettyCompact
    PrettySpace RawBLOB RowBinary RowBinaryWithNames RowBinaryWithNamesAndTypes TSV TSVRaw TSVWithNames
    TSVWithNamesAndTypes TabSeparated TabSeparatedRaw TabSeparatedWithNames TabSeparatedWithNamesAndTypes TSKV
    Values Vertical XML"""
)
"""Output formats that need no file and no schema."""
