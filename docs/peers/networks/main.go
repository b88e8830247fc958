// Command networks writes networks with random weights for the peers to measure,
// each as NAME.safetensors, NAME.onnx with batch norm folded, and NAME-int8.onnx
// with QDQ, calibrated on random images: no speed depends on the values.
//
//	go run ./docs/peers/networks FOLDER
package main

import (
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"

	"espalier/compress/quantize"
	"espalier/model"
	"espalier/model/kernel"
	"espalier/model/onnx"
	"espalier/model/weights"
)

var (
	small = model.Shape{C: 3, H: 32, W: 32}
	large = model.Shape{C: 3, H: 224, W: 224}
)

// networks are what docs/performance.md compares. Names end in the side of an image.
var networks = map[string]model.Spec{
	"vgg11-32":       {Network: model.VGG, Depth: 11, Input: small, Classes: 10},
	"vgg16-32":       {Network: model.VGG, Depth: 16, Input: small, Classes: 10},
	"resnet18-32":    {Network: model.ResNetBasic, Depth: 18, Input: small, Classes: 10},
	"mobilenetv2-32": {Network: model.MobileNetV2, Input: small, Classes: 10},
	"resnet18-224":   {Network: model.ResNetBasic, Depth: 18, Input: large, Classes: 1000},
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("name the folder to write to")
	}
	for name, spec := range networks {
		if err := write(filepath.Join(os.Args[1], name), spec); err != nil {
			log.Fatalf("%s: %v", name, err)
		}
	}
}

// write writes the three files of one network.
func write(path string, spec model.Spec) error {
	g, err := spec.Build()
	if err != nil {
		return err
	}
	g.Init(1)
	if err := weights.Save(path+".safetensors", g, nil); err != nil {
		return err
	}
	if _, err := onnx.Float(g.ForInference(), onnx.Header{}).WriteFile(path + ".onnx"); err != nil {
		return err
	}
	q, err := integer(g)
	if err != nil {
		return err
	}
	_, err = onnx.Integer(q, onnx.Header{}).WriteFile(path + "-int8.onnx")
	return err
}

// integer quantizes g by the usual recipe, calibrated on a few random images.
func integer(g *model.Graph) (q *quantize.Network, err error) {
	const images = 4
	kernels, err := kernel.Select("")
	if err != nil {
		return nil, err
	}
	e := model.NewEngine(kernels, 0, model.Auto)
	defer e.Close()
	recipe, err := quantize.RecipeNamed("")
	if err != nil {
		return nil, err
	}
	size, random := g.Input().Shape.Len(), rand.New(rand.NewPCG(1, 0))
	x := make([]float32, images*size)
	for i := range x {
		x[i] = float32(random.NormFloat64())
	}
	load := func(first, n int) ([]float32, error) { return x[first*size:][:n*size], nil }
	err = quantize.Calibrate(model.NewEvaluator(g, e, images), e, recipe.Observers(g), []string{recipe.Observer}, load, []int{images}, func(c *quantize.Calibration) (err error) {
		q, err = quantize.Build(g, c, recipe)
		return err
	})
	return q, err
}
