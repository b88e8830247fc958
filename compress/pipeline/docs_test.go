package pipeline

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the generated parts of docs/scripting.md")

// scripting is the page whose parts between two marks are generated from
// the events, command.go and the line printer.
const scripting = "../../docs/scripting.md"

func TestScriptingPageIsCurrent(t *testing.T) {
	page, err := os.ReadFile(scripting)
	if err != nil {
		t.Fatal(err)
	}
	want := string(page)
	for name, content := range map[string]string{"lines": linesPage(t), "events": eventsPage(t)} {
		begin, end := "<!-- generated: "+name+" -->\n", "<!-- end -->\n"
		before, rest, ok := strings.Cut(want, begin)
		_, after, closed := strings.Cut(rest, end)
		if !ok || !closed {
			t.Fatalf("%s has no part %q", scripting, strings.TrimSpace(begin))
		}
		want = before + begin + "\n" + content + "\n" + end + after
	}
	if want == string(page) {
		return
	}
	if !*update {
		t.Fatalf("%s is not what the source says: run go test ./compress/pipeline -run Scripting -update", scripting)
	}
	if err := os.WriteFile(scripting, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// linesPage shows a plain line of every kind of event.
func linesPage(t *testing.T) string {
	var text strings.Builder
	text.WriteString("```text\n")
	for _, b := range bodies() {
		var out strings.Builder
		p := plainPrinter{w: &out}
		if err := p.print(Event{Time: time.Date(2026, 11, 22, 14, 2, 19, 0, time.Local), Body: b}); err != nil {
			t.Fatal(err)
		}
		text.WriteString(out.String())
	}
	text.WriteString("```\n")
	return text.String()
}

// A source is what the page says of Go's types: their comments and fields.
type source struct {
	types map[string]*ast.StructType
	docs  map[string]string
	words map[string]string // Go's names, and those that JSON has for them
}

func eventsPage(t *testing.T) string {
	s := source{types: map[string]*ast.StructType{}, docs: map[string]string{}, words: map[string]string{}}
	for _, file := range []string{"event.go", "event_measured.go", "command.go"} {
		s.read(t, file)
	}
	for _, b := range bodies() {
		s.words[reflect.TypeOf(b).Name()] = "`" + b.Kind() + "`"
	}
	var text strings.Builder
	for _, b := range bodies() {
		name := reflect.TypeOf(b).Name()
		if s.types[name] == nil {
			t.Fatalf("no event file declares %s", name)
		}
		fmt.Fprintf(&text, "### `%s`\n\n", b.Kind())
		s.describe(&text, name)
	}
	for _, name := range []string{"LayerInfo", "GroupInfo", "LayerSparsity", "ChannelScale", "Range", "LayerSensitivity", "Command"} {
		fmt.Fprintf(&text, "### %s\n\n", name)
		s.describe(&text, name)
	}
	return strings.TrimSuffix(text.String(), "\n")
}

// read collects a file's structs, and its string constants as words.
func (s *source) read(t *testing.T, path string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	for _, decl := range file.Decls {
		general, ok := decl.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range general.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				if fields, ok := spec.Type.(*ast.StructType); ok {
					s.types[spec.Name.Name], s.docs[spec.Name.Name] = fields, sentence(general.Doc)
				}
			case *ast.ValueSpec:
				for i, name := range spec.Names {
					if v, ok := spec.Values[i].(*ast.BasicLit); ok && v.Kind == token.STRING && general.Tok == token.CONST {
						s.words[name.Name] = "`" + strings.Trim(v.Value, `"`) + "`"
					}
				}
			}
		}
	}
}

// describe writes a type's comment and a table of its fields.
func (s *source) describe(text *strings.Builder, name string) {
	words := map[string]string{}
	for k, v := range s.words {
		words[k] = v
	}
	type row struct{ key, kind, comment string }
	var rows []row
	for _, f := range s.types[name].Fields.List {
		key, option, _ := strings.Cut(reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("json"), ",")
		kind := jsonType(f.Type)
		if option == "omitempty" {
			kind += ", may be missing"
		}
		words[f.Names[0].Name] = "`" + key + "`"
		rows = append(rows, row{key, kind, strings.TrimSpace(sentence(f.Doc) + " " + sentence(f.Comment))})
	}
	fmt.Fprintf(text, "%s\n\n| field | type | |\n| --- | --- | --- |\n", translate(s.docs[name], words))
	for _, r := range rows {
		fmt.Fprintf(text, "| `%s` | %s | %s |\n", r.key, r.kind, translate(r.comment, words))
	}
	text.WriteString("\n")
}

func sentence(c *ast.CommentGroup) string {
	return strings.ReplaceAll(strings.TrimSpace(c.Text()), "\n", " ")
}

var identifier = regexp.MustCompile(`\b[A-Z]\w+\b`)

// translate writes JSON's names for Go's.
func translate(text string, words map[string]string) string {
	return identifier.ReplaceAllStringFunc(text, func(name string) string {
		if word, ok := words[name]; ok {
			return word
		}
		return name
	})
}

// jsonType names a field's type as JSON has it; an object's is described under
// Go's name for it.
func jsonType(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.ArrayType:
		return "list of " + jsonType(e.Elt)
	case *ast.Ident:
		switch e.Name {
		case "string", "Action":
			return "string"
		case "int", "int64", "uint64":
			return "integer"
		case "float64":
			return "number"
		case "bool":
			return "boolean"
		}
		return e.Name
	}
	return "number or null" // finite.OrNull
}
