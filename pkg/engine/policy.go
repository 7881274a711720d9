package engine

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// What a statement may do is decided here and nowhere else, in four layers:
//
//  1. The process is confined by the kernel to the store's folder and cannot open network connections (confine.go).
//  2. The role's grants (serverconfig.go): no role may use a source outside the store, a table engine that reaches
//     one, dictionaries, functions, users, backups or system commands. The reader's connections are read-only.
//  3. The engine's own parser classifies the statement (decide): one statement at a time, nothing that changes the
//     session, the server or files.
//  4. The text is searched for the few things that neither grants nor classes cover (hiddenAccess): the function
//     file() and what can smuggle an expression past the parser.
//
// Settings come with the request and pass through a list per role (requestSettings); the text of a reader's statement
// cannot change them, because its connection is read-only.

// roleWriter, roleReader and roleKeeper are the engine's roles. The keeper is the interface itself, for cancelling.
const (
	roleWriter = "writer"
	roleReader = "reader"
	roleKeeper = "keeper"
)

// decide returns an error if the role may not run the statement that the report is about.
func decide(role, sql string, report analysis, engines *regexp.Regexp) error {
	if report.statements > 1 {
		return newException(codeSyntaxError, "SYNTAX_ERROR",
			"Syntax error: Multi-statements are not allowed; send one at a time")
	}
	switch {
	case report.class == classRead:
	case report.class == classWrite && role == roleWriter:
	case report.class == classWrite || report.class == classGlobal && role == roleReader:
		return newException(codeReadonly, "READONLY", "The user %s may only read", ReaderUser)
	default:
		return newException(codeAccessDenied, "ACCESS_DENIED",
			"The embedded engine runs no statement that changes the session, the server or files outside the store "+
				"(SET, USE, SYSTEM, KILL, BACKUP, ATTACH, FREEZE, INTO OUTFILE, functions, users, temporary tables, "+
				"asynchronous writes); give settings with the request instead")
	}
	if found := hiddenAccess(sql, report.class, engines); found != "" {
		return newException(codeAccessDenied, "ACCESS_DENIED",
			"The embedded engine refuses %s: it can reach files or networks outside the store. "+
				"If it is only a value, pass it as a parameter", found)
	}
	return nil
}

// refusedWords are refused wherever they stand alone as a word, in strings too: function names can be passed to other
// functions, and strings can hold the definition of a column with an expression.
var refusedWords = []string{
	"file",             // reads any file the process can read, and needs no grant
	"catboostevaluate", // starts a helper program
	"queryrunner",      // a table engine that runs the text inserted into it
	// Settings whose values are expressions, files or addresses.
	"additional_result_filter", "additional_table_filters", "rename_files_after_processing",
	"format_avro_schema_registry_url", "input_format_record_errors_file_path", "dialect", "polyglot_dialect",
	"allow_experimental_eval_table_function", "allow_experimental_ai_functions",
}

// refusedPrefixes are the beginnings of further settings that name files.
var refusedPrefixes = []string{"format_template_", "format_schema", "output_format_schema"}

// refusedCalls are refused where an opening bracket follows: table engines and disks outside the store that need no
// grant, and table functions that take the definition of columns as a string, and with it an expression that the text
// does not show.
var refusedCalls = []string{
	"disk", "executable", "executablepool", "filelog", "embeddedrocksdb",
	"eval", "generaterandom", "format", "fuzzjson", "fuzzquery", "input", "null",
}

// allowedEngines are the engines that a table, view or database may be given with ENGINE = …
var allowedEngines = regexp.MustCompile(
	`^(replicated|shared)?(replacing|summing|aggregating|collapsing|versionedcollapsing|coalescing)?mergetree$` +
		`|^(memory|null|log|tinylog|stripelog|set|join|buffer|merge|atomic|materializedview|view)$`)

// distributedToo are the engines with Config.Distributed.
var distributedToo = regexp.MustCompile(allowedEngines.String() + `|^distributed$`)

// hiddenAccess returns what in the text is refused, or nothing. It looks at the text as written and with its escapes
// undone, without regard to quotes, so that no disagreement with the engine about where a string or comment ends can
// hide anything. What it refuses wrongly is a literal value, which belongs into a parameter.
func hiddenAccess(sql string, class uint32, engines *regexp.Regexp) string {
	text := sql
	if isPlain(text) {
		text = stripLineComments(text)
	}
	for range 4 {
		if found := searchText(text, class, engines); found != "" {
			return found
		}
		unescaped := unescape(text)
		if unescaped == text {
			return ""
		}
		text = unescaped
	}
	return "a text escaped more than four times"
}

func searchText(text string, class uint32, engines *regexp.Regexp) string {
	text = strings.ToLower(text)
	inserts, values := false, 0
	for word, first := nextWord(text, 0), true; word.text != ""; word, first = nextWord(text, word.end), false {
		if first {
			inserts = word.text == "insert"
		}
		switch {
		case slices.Contains(refusedWords, word.text), hasAnyPrefix(word.text, refusedPrefixes):
			return word.text
		case slices.Contains(refusedCalls, word.text) && isCalled(text[word.end:]):
			return word.text + "()"
		case word.text == "infile" && inserts:
			return "FROM INFILE"
		case word.text == "values" && isCalled(text[word.end:]):
			// The table function takes columns as a string; INSERT … VALUES ( is the one harmless use.
			if values++; !inserts || values > 1 {
				return "values()"
			}
		case word.text == "engine" && class == classWrite && !inserts:
			if engine := assignedName(text[word.end:]); engine != "" && !engines.MatchString(engine) {
				return "the engine " + engine
			}
		}
	}
	return ""
}

// word is a run of word characters.
type word struct {
	text string
	end  int // offset behind it
}

// nextWord returns the first word at or after an offset, or an empty one.
func nextWord(text string, at int) word {
	for at < len(text) && !isNameByte(text[at]) {
		at++
	}
	start := at
	for at < len(text) && isNameByte(text[at]) {
		at++
	}
	return word{text[start:at], at}
}

// gap is what may stand between a name and what belongs to it: white space, a closing quote, comments, and any byte
// that is not ASCII, since the engine takes several such characters for white space.
var gap = regexp.MustCompile("^(?:[\\s\\x00\"`]|[^\\x00-\\x7f]|--[^\n]*|//[^\n]*|#[^\n]*|(?s:/\\*.*?\\*/)|\\*/)*")

func skipGap(text string) string { return text[len(gap.FindString(text)):] }

// isCalled reports whether an opening bracket follows.
func isCalled(after string) bool { return strings.HasPrefix(skipGap(after), "(") }

// assignedName returns the name that follows an equals sign, or nothing.
func assignedName(after string) string {
	value, assigned := strings.CutPrefix(skipGap(after), "=")
	if !assigned {
		return ""
	}
	if value = skipGap(value); value == "" || !isNameByte(value[0]) {
		return ""
	}
	return nextWord(value, 0).text
}

func isNameByte(c byte) bool {
	return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
}

func hasAnyPrefix(text string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(text, prefix) })
}

// isPlain reports whether a text has none of the characters over which two readers could disagree where a string or
// comment ends. Only then are comments left out of the search.
func isPlain(text string) bool {
	for i := range len(text) {
		if text[i] >= 0x80 || text[i] == '\\' || text[i] == '$' || text[i] == '#' {
			return false
		}
	}
	return !strings.Contains(text, "/*") && !strings.Contains(text, "//")
}

// stripLineComments removes the -- comments of a plain text; quotes in it close only by themselves.
func stripLineComments(text string) string {
	var kept strings.Builder
	var quote byte
	for at := 0; at < len(text); at++ {
		c := text[at]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"' || c == '`':
			quote = c
		case strings.HasPrefix(text[at:], "--"):
			end := strings.IndexByte(text[at:], '\n')
			if end < 0 {
				return kept.String()
			}
			at += end
			c = '\n'
		}
		kept.WriteByte(c)
	}
	return kept.String()
}

// unescape undoes one level of backslash escapes over the whole text.
func unescape(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	var plain strings.Builder
	for at := 0; at < len(text); at++ {
		if text[at] != '\\' || at+1 >= len(text) {
			plain.WriteByte(text[at])
			continue
		}
		at++
		switch c := text[at]; c {
		case 'x':
			if at+2 < len(text) {
				if code, err := strconv.ParseUint(text[at+1:at+3], 16, 8); err == nil {
					plain.WriteByte(byte(code))
					at += 2
					continue
				}
			}
			plain.WriteByte(c)
		case 'n', 'r', 't', 'b', 'f', 'v', 'a', '0', 'e', 'N':
			plain.WriteByte(' ')
		default:
			plain.WriteByte(c)
		}
	}
	return plain.String()
}

// inputFormats are the beginnings of the formats that inserted data may have.
var inputFormats = []string{
	"Native", "JSON", "TabSeparated", "TSV", "CSV", "RowBinary", "LineAsString", "Parquet", "Arrow",
}

// decideInputFormat returns an error for a data format that can read files or evaluate expressions.
func decideInputFormat(format string) error {
	if hasAnyPrefix(format, inputFormats) {
		return nil
	}
	return newException(codeUnknownFormat, "UNKNOWN_FORMAT", "The embedded engine takes no data in the format %s", format)
}
