package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Tasks are told from their helpers as mage does: they are exported. Mage does not mind how they are written.
func TestEveryTaskThatIsNamedExists(t *testing.T) {
	tasks := map[string]bool{}
	files, err := filepath.Glob(filepath.Join(root, "Magefile*.go"))
	require.NoError(t, err)
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		require.NoError(t, err)
		for _, declaration := range parsed.Decls {
			if function, ok := declaration.(*ast.FuncDecl); ok && function.Name.IsExported() {
				tasks[strings.ToLower(function.Name.Name)] = true
			}
		}
	}
	require.True(t, tasks["demo"])
	named := regexp.MustCompile(`go tool mage ([A-Za-z]\w*)`)
	for _, d := range documents(t) {
		for _, found := range named.FindAllStringSubmatch(d.source, -1) {
			if !tasks[strings.ToLower(found[1])] {
				t.Errorf("%s names `go tool mage %s`, which is no task", d.path, found[1])
			}
		}
	}
}

// The built program itself says what it takes.
func TestEveryCommandAndFlagThatIsNamedExists(t *testing.T) {
	program := program{t: t, path: filepath.Join(t.TempDir(), "sightline"), help: map[string]string{}}
	build := exec.Command("go", "build", "-o", program.path, "../cmd/sightline")
	said, err := build.CombinedOutput()
	require.NoError(t, err, "%s", said)
	checked := 0
	for _, d := range documents(t) {
		for _, call := range calls(d) {
			checked++
			command, rest := program.command(call)
			if command == nil {
				t.Errorf("%s: `sightline %s`: there is no such command", d.path, call)
				continue
			}
			help := program.helpOf(command)
			for _, flag := range regexp.MustCompile(`(?:^|[\s\[(])(--[a-z][a-z0-9-]*)`).FindAllStringSubmatch(rest, -1) {
				if !regexp.MustCompile(regexp.QuoteMeta(flag[1]) + `\b(?:[^-]|$)`).MatchString(help) {
					t.Errorf("%s: `sightline %s` has no flag %s", d.path, strings.Join(command, " "), flag[1])
				}
			}
		}
	}
	require.Greater(t, checked, 50)
}

// begins is where a command line calls the program: after variables, another command, or a pipe; also within a sentence's
// code. A container's image and a unit have the same name, and no command behind it.
var begins = regexp.MustCompile(`(?:^|[|(;&] *|sudo )(?:[A-Z_]+=\S* )*(?:\S*bin/)?sightline ([a-z].*)`)

// calls are the command lines of a page from the command's name on.
func calls(d document) (found []string) {
	for _, code := range d.shell {
		code = strings.ReplaceAll(code, "\\\n", " ")
		for line := range strings.Lines(code) {
			line = strings.TrimSpace(line)
			line, _, _ = strings.Cut(line, " #")
			line = strings.TrimPrefix(line, "$ ")
			if matched := begins.FindStringSubmatch(line); matched != nil {
				call := matched[1]
				if end := strings.IndexAny(call, "|;&`"); end >= 0 && !strings.ContainsAny(call[:end], `'"`) {
					call = call[:end]
				}
				found = append(found, strings.TrimSpace(call))
			}
		}
	}
	return found
}

// program asks a built program for its help, once for each command.
type program struct {
	t    *testing.T
	path string
	help map[string]string
}

// command finds the longest name of a command that a call begins with.
func (p *program) command(call string) (command []string, rest string) {
	words := strings.Fields(call)
	for length := min(2, len(words)); length > 0; length-- {
		if strings.HasPrefix(p.helpOf(words[:length]), "Usage: sightline "+strings.Join(words[:length], " ")) {
			return words[:length], strings.Join(words[length:], " ")
		}
	}
	return nil, ""
}

func (p *program) helpOf(command []string) string {
	name := strings.Join(command, " ")
	if help, asked := p.help[name]; asked {
		return help
	}
	for _, word := range command {
		if !regexp.MustCompile(`^[a-z][a-z-]*$`).MatchString(word) {
			return ""
		}
	}
	said, _ := exec.Command(p.path, append(command, "--help")...).Output()
	p.help[name] = string(said)
	return p.help[name]
}
