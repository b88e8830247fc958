package quantize_test

import (
	"fmt"

	"espalier/compress/quantize"
	"espalier/model"
	"espalier/model/kernel"
)

// A float network becomes an integer one: calibrated on images, then built.
func ExampleBuild() {
	g, err := model.ResNet(model.Arch{Depth: 8, Shortcut: model.Projection, Classes: 10})
	if err != nil {
		panic(err)
	}
	g.Init(1)
	set, err := kernel.Select("auto")
	if err != nil {
		panic(err)
	}
	engine := model.NewEngine(set, 1, model.Auto)
	defer engine.Close()

	recipe, err := quantize.RecipeNamed("fbgemm")
	if err != nil {
		panic(err)
	}
	folded := g.ForInference()
	images := func(first, count int) ([]float32, error) { // [count][3][32][32]
		x := make([]float32, count*g.Input().Shape.Len())
		for i := range x {
			x[i] = float32((first+i)%7) / 7
		}
		return x, nil
	}
	floats := model.NewEvaluator(folded, engine, quantize.CalibrationBatch)
	err = quantize.Calibrate(floats, engine, recipe.Observers(folded), []string{quantize.MinMax}, images, []int{8}, func(c *quantize.Calibration) error {
		n, err := quantize.Build(folded, c, recipe)
		if err != nil {
			return err
		}
		fmt.Println(n.Classes(), "classes, bytes are fewer:", n.Bytes() < quantize.FloatBytes(folded))
		return nil
	})
	if err != nil {
		panic(err)
	}
	// Output: 10 classes, bytes are fewer: true
}
