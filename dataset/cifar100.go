package dataset

import (
	"io"
	"strings"
)

// cifar100 describes CIFAR-100 with its 100 fine labels or its 20 coarse ones. A
// record of the binary layout is a byte of coarse label, one of fine label, and an
// image.
func cifar100(coarse bool) publication {
	l, entry, names := labelled{bytes: 2, at: 1, classes: 100}, "fine_labels", fineNames
	if coarse {
		l, entry, names = labelled{bytes: 2, at: 0, classes: 20}, "coarse_labels", coarseNames
	}
	return publication{
		name:    "CIFAR-100",
		classes: strings.Fields(names),
		layouts: []*layout{
			{
				folder: "cifar-100-binary", archive: "cifar-100-binary.tar.gz",
				train: []string{"train.bin"}, test: "test.bin",
				read: l.readRecords,
			},
			{
				folder: "cifar-100-python", archive: "cifar-100-python.tar.gz",
				train: []string{"train"}, test: "test",
				read: func(r io.Reader, file string, size int64) (*Split, error) {
					return readPickled(r, file, size, entry, l.classes)
				},
			},
		},
	}
}

// The names of the classes, by label.
const fineNames = `
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus
butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch
crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster house
kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle
mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree
plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark
shrew skunk skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table
tank telephone television tiger tractor train trout tulip turtle wardrobe whale
willow_tree wolf woman worm`

const coarseNames = `
aquatic_mammals fish flowers food_containers fruit_and_vegetables
household_electrical_devices household_furniture insects large_carnivores large_man-made_outdoor_things large_natural_outdoor_scenes large_omnivores_and_herbivores
medium_mammals non-insect_invertebrates people reptiles small_mammals trees vehicles_1
vehicles_2`
