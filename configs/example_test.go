package configs_test

import (
	"fmt"

	"espalier/configs"
)

// A built-in experiment with two values changed, as --set changes them.
func ExampleLoad() {
	e, err := configs.Load("quick", []string{"gate.max_drop=0.02", "prune.targets=[0.5, 0.8]"})
	if err != nil {
		panic(err)
	}
	fmt.Println(e.Data.Set, e.Prune.Targets, e.Gate.MaxDrop)

	_, err = configs.Load("quick", []string{"prune.targets=[0.8, 0.5]"})
	fmt.Println(err)
	// Output:
	// shapes10 [0.5 0.8] 0.02
	// --set prune.targets=[0.8, 0.5]: prune.targets[1] is 0.5 after 0.8: targets rise from round to round
}
