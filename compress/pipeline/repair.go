package pipeline

import (
	"fmt"
	"io"
	"time"

	"espalier/compress/quantize"
	"espalier/dataset"
	"espalier/internal/finite"
)

// repaired makes the final int8 network with the repairs that help on the validation
// split. The test split only measures the result.
func (r *runner) repaired(float float64) error {
	defer r.begin(StageQuantize, 0, r.recipe.Name+", repairs "+r.e.Quantize.Repair)()
	began := time.Now()
	split := r.data.Validation
	if split.Len() == 0 {
		return fmt.Errorf("repairs are judged on validation images, and there are none: set data.validation, or leave out quantize.repair")
	}
	names, err := quantize.RepairsNamed(r.e.Quantize.Repair)
	if err != nil {
		return err
	}
	size := min(r.e.Quantize.Images, r.data.Train.Len())
	load, err := r.images(size, 1)
	if err != nil {
		return err
	}
	repairer := quantize.Repairer{
		Recipe: r.recipe, Observer: r.e.Quantize.Observer, Engine: r.engine, Images: load, Count: size, Between: r.breathe,
		Judge: func(n *quantize.Network) (quantize.Measurement, error) {
			t, err := r.tallyInteger(n, split)
			return quantize.Measurement{Loss: t.Loss(), Top1: t.Top1()}, err
		},
		Tried: func(d quantize.Repaired) {
			r.hub.Publish(Repaired{
				Name: d.Name, Did: d.Did, Kept: d.Kept, Split: string(dataset.Validation),
				Top1: d.Top1, Loss: finite.OrNull(d.Loss), Images: split.Len(),
			})
		},
	}
	net, _, err := repairer.Repair(r.net, names)
	if err != nil {
		return err
	}
	return r.keep(net, float, began)
}

// String tells what the repair did in one line.
func (b Repaired) String() string {
	verdict := "not kept"
	if b.Kept {
		verdict = "kept"
	}
	text := fmt.Sprintf("%s, %s: top-1 on %s %s, loss %s", b.Name, verdict, b.Split, Percent(b.Top1), loss(b.Loss))
	if b.Did != "" {
		text += "; it " + b.Did
	}
	return text
}

func repairTable(w io.Writer, s *State) {
	if len(s.Repairs) == 0 {
		return
	}
	fmt.Fprintf(w, "\n## Repairs\n\nEach with those kept before it, on %d images of the %s split.\n\n", s.Repairs[0].Images, s.Repairs[0].Split)
	fmt.Fprint(w, "| repair | int8 top-1 | loss | kept | what it did |\n|---|---:|---:|---|---|\n")
	for _, b := range s.Repairs {
		kept := "no"
		if b.Kept {
			kept = "yes"
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s |\n", b.Name, Percent(b.Top1), loss(b.Loss), kept, b.Did)
	}
}
