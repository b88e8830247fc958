package configs

import (
	"embed"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

//go:embed presets/*.yaml
var presets embed.FS

// maxDocument is far larger than any experiment. It keeps a wrong file from
// being read whole.
const maxDocument = 64 << 10

// Presets returns the names of the built-in experiments.
func Presets() []string {
	files, err := presets.ReadDir("presets")
	if err != nil {
		panic(err) // embedded
	}
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimSuffix(f.Name(), ".yaml"))
	}
	return names
}

// preset returns the document of a built-in experiment.
func preset(name string) ([]byte, bool) {
	document, err := presets.ReadFile("presets/" + name + ".yaml")
	return document, err == nil
}

// Load reads an experiment by the name of a preset or of a file, and applies
// overrides such as prune.edge_share=0.2, in their order. Its paths are resolved.
func Load(name string, overrides []string) (Experiment, error) {
	e, err := load(name, overrides)
	if err != nil {
		return Experiment{}, err
	}
	if err := e.Resolve(); err != nil {
		return Experiment{}, err
	}
	return e, nil
}

func load(name string, overrides []string) (Experiment, error) {
	if document, ok := preset(name); ok {
		return Decode(name, document, overrides)
	}
	info, err := os.Stat(name)
	if errors.Is(err, os.ErrNotExist) {
		return Experiment{}, fmt.Errorf("there is no experiment %q: name a YAML file or one of %s", name, strings.Join(Presets(), ", "))
	}
	if err != nil {
		return Experiment{}, fmt.Errorf("read experiment: %w", err)
	}
	if info.Size() > maxDocument {
		return Experiment{}, fmt.Errorf("%s has %d bytes: an experiment is YAML of at most %d", name, info.Size(), maxDocument)
	}
	document, err := os.ReadFile(name)
	if err != nil {
		return Experiment{}, fmt.Errorf("read experiment: %w", err)
	}
	return Decode(name, document, overrides)
}

// Decode reads an experiment from a YAML document, over the values of Defaults,
// and then the overrides over both. The result is valid. Errors call the
// document file.
func Decode(file string, document []byte, overrides []string) (Experiment, error) {
	e := Defaults()
	e.Name = strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	places := make(map[string]string)
	if err := decode(&e, file, document, places); err != nil {
		return Experiment{}, err
	}
	for _, set := range overrides {
		if err := override(&e, set, places); err != nil {
			return Experiment{}, err
		}
	}
	e.Data.holdOut(places)
	e.usual(places)
	e.Sensitivity.complete()
	e.completeRounds(places)
	if err := e.Validate(); err != nil {
		var value *ValueError
		if errors.As(err, &value) {
			return Experiment{}, fmt.Errorf("%s%w", placeOf(value.Key, places), err)
		}
		return Experiment{}, err
	}
	return e, nil
}

// holdOut sets the validation share of data sets of unknown size, if neither
// the document nor an override sets it.
func (d *Data) holdOut(places map[string]string) {
	_, number := places["data.validation"]
	_, share := places["data.validation_share"]
	switch {
	case !number && share:
		d.Validation = 0
	case !number && (d.Set == Folder || d.Set == NPZ):
		d.Validation, d.ValidationShare = 0, 0.1
	}
}

// scratchEpochs is how many epochs a network from random weights is trained by
// default.
const scratchEpochs = 30

// usual fills in what depends on the network and the data, where neither the
// document nor an override names it: the depth of a network other than a
// CIFARResNet is its usual one; where the program carries no weights, training
// begins from random ones.
func (e *Experiment) usual(places map[string]string) {
	named := func(key string) bool { _, ok := places[key]; return ok }
	cifar := e.Model.Network == "" || e.Model.Network == CIFARResNet
	if !cifar && !named("model.depth") {
		e.Model.Depth = 0
	}
	carried := cifar && e.Model.Depth == 20 && e.Model.Width == 0 && (e.Data.Set == CIFAR10 || e.Data.Set == Shapes10)
	if !carried && !named("model.weights") {
		e.Model.Weights = Scratch
		if !named("dense.epochs") {
			e.Dense.Epochs = Epochs{scratchEpochs}
		}
	}
}

// override decodes key=value as a document with one key, so that the same
// checks apply.
func override(e *Experiment, set string, places map[string]string) error {
	origin := "--set " + set
	key, value, found := strings.Cut(set, "=")
	if !found || key == "" || strings.TrimSpace(value) == "" {
		return fmt.Errorf("%s: want key=value, as --set gate.min_top1=0.9", origin)
	}
	if strings.ContainsAny(value, "\n\r") {
		return fmt.Errorf("%s: a value is one line of YAML", origin)
	}
	var document strings.Builder
	parts := strings.Split(key, ".")
	for i, part := range parts {
		fmt.Fprintf(&document, "%s%s:", strings.Repeat(" ", i), part)
		if i < len(parts)-1 {
			document.WriteByte('\n')
		}
	}
	fmt.Fprintf(&document, " %s\n", value)
	return decode(e, origin, []byte(document.String()), places)
}

// decode checks one document and decodes it over e. It notes the place of every
// key.
func decode(e *Experiment, origin string, document []byte, places map[string]string) error {
	if len(document) > maxDocument {
		return fmt.Errorf("%s: %d bytes are more than the %d of any experiment", origin, len(document), maxDocument)
	}
	document, err := plainText(document)
	if err != nil {
		return fmt.Errorf("%s: %w", origin, err)
	}
	file, err := parser.ParseBytes(document, 0)
	if err != nil {
		return sentence(origin, err)
	}
	var body ast.Node
	for _, d := range file.Docs {
		if d.Body == nil {
			continue
		}
		if body != nil {
			return fmt.Errorf("%s: a second document begins here: an experiment is one document", place(origin, start(d.Body)))
		}
		body = d.Body
	}
	if body == nil {
		return nil // empty or only comments: the defaults
	}
	c := checker{origin: origin, places: make(map[string]string)}
	if err := c.experiment(body); err != nil {
		return err
	}
	// Of rounds and prune.targets, what is said last holds.
	_, rounds := c.places["rounds"]
	_, targets := c.places["prune.targets"]
	if rounds || targets {
		maps.DeleteFunc(places, func(key, _ string) bool { return strings.HasPrefix(key, "rounds") || key == "prune.targets" })
		e.Rounds, e.Prune.Targets = nil, []float64{}
	}
	maps.Copy(places, c.places)
	if err := yaml.NodeToValue(body, e, yaml.Strict()); err != nil {
		return sentence(origin, err)
	}
	return nil
}

// sentence turns the YAML library's error, which quotes the document, into one
// line.
func sentence(origin string, err error) error {
	var located yaml.Error
	if errors.As(err, &located) {
		return fmt.Errorf("%s: %s", place(origin, located.GetToken()), located.GetMessage())
	}
	return fmt.Errorf("%s: %w", origin, err)
}

// YAML returns the document that Decode reads back to the same experiment.
func (e Experiment) YAML() ([]byte, error) {
	document, err := yaml.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("write experiment as YAML: %w", err)
	}
	return document, nil
}
