package model_test

import (
	"fmt"

	"espalier/model"
	"espalier/model/kernel"
)

// A built-in network for small pictures, computed on an image.
func ExampleSpec_Build() {
	g, err := model.Spec{
		Network: model.MobileNetV2, Width: 0.5, Input: model.Shape{C: 3, H: 32, W: 32}, Classes: 10,
	}.Build()
	if err != nil {
		panic(err)
	}
	g.Init(1)

	set, err := kernel.Select("auto")
	if err != nil {
		panic(err)
	}
	engine := model.NewEngine(set, 0, model.Auto) // 0: all cores
	defer engine.Close()
	images := make([]float32, g.Input().Shape.Len()) // [1][3][32][32]
	logits := make([]float32, g.Classes())
	model.NewEvaluator(g, engine, 1).Logits(logits, images)

	fmt.Println(g.Name)
	fmt.Println(len(g.Layers()), "layers,", len(logits), "logits")
	// Output:
	// mobilenetv2 width 0.5
	// 53 layers, 10 logits
}

// A network of one's own, node by node.
func ExampleBuilder() {
	b := model.NewBuilder("tiny", model.Shape{C: 1, H: 28, W: 28})
	x := b.Add("conv", model.Conv{Out: 16, Kernel: 3, Stride: 2, Padding: model.Pad2D(1), Groups: 1}, b.Input())
	x = b.Add("relu", model.ReLU{}, b.Norm("norm", x))
	x = b.Add("pool", model.GlobalAvgPool{}, x)
	b.Add("fc", model.Linear{Out: 10}, x)
	g, err := b.Graph()
	if err != nil {
		panic(err)
	}
	for _, n := range g.Nodes {
		fmt.Printf("%s: %s, %v\n", n.Name, model.OpName(n.Op), n.Shape)
	}
	// Output:
	// input: input, 1×28×28
	// conv: conv, 16×14×14
	// norm: batch norm, 16×14×14
	// relu: relu, 16×14×14
	// pool: global average pool, 16×1×1
	// fc: linear, 10×1×1
}
