package dataset_test

import (
	"fmt"

	"espalier/dataset"
)

// Images that the program draws itself, in batches.
func ExampleOpen() {
	data, err := dataset.Open(dataset.Options{Set: dataset.Shapes10, Seed: 7, TrainLimit: 100, TestLimit: 20})
	if err != nil {
		panic(err)
	}
	loader := data.NewLoader(data.Train, dataset.LoaderOptions{Batch: 16, Shuffle: true})
	x, labels := make([]float32, 16*data.Shape.Len()), make([]uint16, 16)
	n := loader.Load(0, 0, x, labels) // epoch 0, batch 0
	fmt.Println(data.Shape, data.Classes[0], loader.Batches(), n)
	// Output: 32×32×3 disk 7 16
}
