// Package configs describes an experiment as data: which images, which
// network, how it is trained, pruned and quantized, and on what it computes.
//
// An experiment is one YAML document. What it leaves out has the value that
// Defaults gives it; an unknown key, a wrong type or an impossible value is an
// error that names the key and its line and column. Some experiments are
// built in (see Presets). The resolved experiment, defaults filled in, can be
// written back as YAML and read again to the same value.
package configs

// An Experiment is everything that decides the result of a run except the data
// itself.
type Experiment struct {
	// Name is the preset's or the file's without extension. It is not part of
	// the document.
	Name string `yaml:"-"`
	// About says in plain sentences what the experiment is for, what it reaches
	// and what it gives up. It has no effect.
	About string   `yaml:"about,omitempty"`
	Seed  uint64   `yaml:"seed"` // of every random choice except drawing images
	Data  Data     `yaml:"data"`
	Model Model    `yaml:"model"`
	Dense Training `yaml:"dense"` // of the dense network before the first round; 0 epochs skip it
	// Sensitivity is measured on the dense network before the first round.
	Sensitivity Sensitivity `yaml:"sensitivity,omitempty"`
	Prune       Prune       `yaml:"prune"`
	Rounds      []Round     `yaml:"rounds,omitempty"` // in the place of prune.targets
	FineTune    Training    `yaml:"fine_tune"`        // of every round that has no other
	Distill     Distill     `yaml:"distill"`          // while fine-tuning
	Gate        Gate        `yaml:"gate"`
	QAT         QAT         `yaml:"qat"`
	Quantize    Quantize    `yaml:"quantize"`
	Sweep       Sweep       `yaml:"sweep"`
	Cost        Cost        `yaml:"cost"`
	Engine      Engine      `yaml:"engine"`
}

// The data sets.
const (
	CIFAR10      = "cifar10"
	CIFAR100     = "cifar100"
	MNIST        = "mnist"
	FashionMNIST = "fashion-mnist"
	Folder       = "folder"
	NPZ          = "npz"
	Shapes10     = "shapes10"
)

// Sets returns the names of the data sets.
func Sets() []string { return []string{CIFAR10, CIFAR100, MNIST, FashionMNIST, Folder, NPZ, Shapes10} }

// Data chooses the images. Validation images are held out of the training
// part; calibration images come from what remains of it.
type Data struct {
	Set string `yaml:"set"` // one of Sets
	// Path is the folder, archive or file of the set. If it is empty, CIFAR and
	// MNIST are looked for in $ESPALIER_DATA and the user's cache.
	Path string `yaml:"path"`
	// Seed is the seed of the images that Shapes10 draws, and of the choice of
	// test images in a Folder without a test part.
	Seed uint64 `yaml:"seed"`
	// Labels of CIFAR100 are Fine (also if empty) or Coarse.
	Labels string `yaml:"labels,omitempty"`
	// Size and Channels (3, or 1 for grey) are what the pictures of a Folder
	// become; if empty, 32 and 3.
	Size     Size `yaml:"size,omitempty"`
	Channels int  `yaml:"channels,omitempty"`
	// Memory is the most that images may take, in GiB; 0 is 4.
	Memory float64 `yaml:"memory,omitempty"`
	// Train and Test limit the training images (without Validation) and the
	// test images; 0 takes all.
	Train      int `yaml:"train"`
	Test       int `yaml:"test"`
	Validation int `yaml:"validation"`
	// ValidationShare holds out a share of the training part instead of a number: a
	// tenth of a Folder or an NPZ, unless the document says otherwise.
	ValidationShare float64 `yaml:"validation_share,omitempty"`
	Augment         bool    `yaml:"augment"` // random crop and flip while training
	// Flip turns random flips within Augment on or off. If empty they are on,
	// except for MNIST, whose digits must not be mirrored.
	Flip string `yaml:"flip,omitempty"` // true or false
	// Cutout also greys a square of so many pixels a side at a random place
	// (DeVries and Taylor 2017, arXiv 1708.04552); 0 is off.
	Cutout int `yaml:"cutout"`
}

// The labels of CIFAR100.
const (
	Fine   = "fine"
	Coarse = "coarse"
)

// Flips reports whether images are mirrored while training.
func (d Data) Flips() bool { return d.Flip == "true" || d.Flip == "" && d.Set != MNIST }

// CIFARResNet is the default network.
const CIFARResNet = "cifar-resnet"

// Networks returns the names of the networks that an experiment can name.
// Package model says which depths and image sizes each has.
func Networks() []string {
	return []string{CIFARResNet, "resnet", "wideresnet", "vgg", "mobilenetv2", "densenet", "squeezenet"}
}

// Values of Model.Weights, unless it is a file.
const (
	Embedded = "embedded" // the ones in the program, made for this data set
	Scratch  = "scratch"  // He initialisation
)

// Model chooses the network.
type Model struct {
	// Network is one of Networks; empty is CIFARResNet.
	Network string `yaml:"network,omitempty"`
	// Width scales the channels; 0 is the network's usual width.
	Width    float64 `yaml:"width,omitempty"`
	Depth    int     `yaml:"depth"`    // of a CIFARResNet 20, 32, 44 or 56; 0 is the network's usual depth
	Shortcut string  `yaml:"shortcut"` // of a CIFARResNet: projection or pad
	Weights  string  `yaml:"weights"`  // Embedded, Scratch or the path of a file
	// Key chooses one of several networks in the file by its path, such as "ema".
	Key string `yaml:"key,omitempty"`
	// Graph is the path of an ONNX file that has the graph of a state dict of a
	// network that is not built in.
	Graph string `yaml:"graph,omitempty"`
	// Mean and Std normalise the images: three numbers, or a name such as
	// "imagenet". If empty, they are the file's, or else the data set's.
	Mean string `yaml:"mean,omitempty"`
	Std  string `yaml:"std,omitempty"`
}

// The schedules of a learning rate.
const (
	// Cosine anneals it from LearningRate to 0 by half a cosine over all steps
	// (Loshchilov and Hutter 2017, eq. 5, one period), as
	// torch.optim.lr_scheduler.CosineAnnealingLR taken at every step.
	Cosine = "cosine"
	// Steps multiplies it by Gamma at each of the Milestones, as MultiStepLR.
	// Without milestones it stays constant.
	Steps = "step"
)

// The parameters that weight decay acts on.
const (
	AllParameters = "all"
	WeightsOnly   = "weights" // not on biases and batch norm
)

// Training is SGD as in torch.optim.SGD, with common options.
type Training struct {
	// Epochs over the training part. A fraction ends within an epoch: 0.5 is
	// half of its batches. FineTune takes one number for all rounds or a list
	// with one for each.
	Epochs       Epochs  `yaml:"epochs"`
	Batch        int     `yaml:"batch"`
	LearningRate float64 `yaml:"learning_rate"`
	Momentum     float64 `yaml:"momentum"`
	Nesterov     bool    `yaml:"nesterov"`
	WeightDecay  float64 `yaml:"weight_decay"`
	// WeightDecayOn is AllParameters or WeightsOnly.
	WeightDecayOn string `yaml:"weight_decay_on"`
	// Warmup is how many of the epochs raise the learning rate linearly to
	// LearningRate before the schedule begins (Goyal et al. 2017, section 2.2).
	Warmup     float64   `yaml:"warmup"`
	Schedule   string    `yaml:"schedule"`   // Cosine or Steps
	Milestones []float64 `yaml:"milestones"` // epochs, rising, counted from the stage's beginning
	Gamma      float64   `yaml:"gamma"`
	// LabelSmoothing is the share of the target that is spread over all classes,
	// as torch.nn.CrossEntropyLoss's.
	LabelSmoothing float64 `yaml:"label_smoothing"`
	// Average keeps an exponential moving average of the weights and the running
	// statistics with this decay per step, as 0.999. Epochs are measured with it,
	// and the stage ends with it; 0 is off.
	Average float64 `yaml:"average"`
}

// Distill is knowledge distillation from the dense network while fine-tuning
// (Hinton et al. 2015, arXiv 1503.02531): the loss is
// (1 − Weight)·cross-entropy + Weight·T²·KL(dense ‖ pruned), both networks'
// outputs softened by the temperature T. Weight 0 is off.
type Distill struct {
	Weight      float64 `yaml:"weight"`
	Temperature float64 `yaml:"temperature"`
}

// Prune is the usual schedule of rounds, global magnitude pruning to rising
// targets, and what all rounds hold to. The first convolution and the classifier,
// the edge layers, are not ranked with the rest.
type Prune struct {
	// Targets are each round's sparsity of the ranked weights, rising, in
	// (0, 1).
	Targets []float64 `yaml:"targets"`
	// EdgeShare times the target is the edge layers' sparsity while the target
	// is at most EdgeUntil; later rounds leave them as they are.
	EdgeShare float64 `yaml:"edge_share"`
	EdgeUntil float64 `yaml:"edge_until"`
}

// Sensitivity measures what the network loses when single layers are made worse,
// one at a time and without training. Nothing is measured unless Of names something.
type Sensitivity struct {
	Of     []string  `yaml:"of,omitempty"`     // OfWeights, OfChannels, OfBits
	Shares []float64 `yaml:"shares,omitempty"` // of a layer's weights or channels, rising
	Bits   []int     `yaml:"bits,omitempty"`   // of a layer's weights, falling
	Images int       `yaml:"images,omitempty"` // the first ones for validation, or for training if there are none; 0 means 512
}

// What a layer loses for its sensitivity.
const (
	OfWeights  = "weights"  // the smallest become zero
	OfChannels = "channels" // output channels with the smallest weights become zero
	OfBits     = "bits"     // weights are rounded to integers with one scale a channel
)

// The splits that a gate measures on.
const (
	Validation = "validation"
	Test       = "test"
)

// Gate decides whether a round's network is accepted. A limit of 0 is off.
type Gate struct {
	MinTop1 float64 `yaml:"min_top1"` // fraction
	MaxDrop float64 `yaml:"max_drop"` // against the dense network, fraction
	// FallbackDrop is the drop that is allowed instead of MinTop1 if the dense
	// network is not at least this far above MinTop1, which would then be out of
	// reach. With 0, MinTop1 always holds.
	FallbackDrop float64 `yaml:"fallback_drop"`
	Split        string  `yaml:"split"` // Validation or Test
	// MoreEpochs trains a round that fails for so many epochs more, once, before
	// anything else is decided; 0 does not.
	MoreEpochs float64 `yaml:"more_epochs,omitempty"`
	// SmallestStep lets a round that fails go back to the last network that was
	// accepted and try the middle between its target and the one that failed, again
	// and again, as long as that is at least so far above the former: 0.02 for two
	// points of sparsity. 0 ends the rounds with the first that fails.
	SmallestStep float64 `yaml:"smallest_step,omitempty"`
	// Ask pauses the run after a round that fails, until somebody decides.
	Ask bool `yaml:"ask,omitempty"`
}

// The observers of activations. Percentile with a share behind it, as
// "percentile-99.9", keeps that share of the values, in per cent.
const (
	MinMax          = "min-max"
	MovingAverage   = "moving-average"
	Histogram       = "histogram"
	Percentile      = "percentile"
	MSE             = "mse"
	Entropy         = "entropy"
	EntropyTensorRT = "entropy-tensorrt"
)

// Observers returns the names of all observers.
func Observers() []string {
	return []string{MinMax, MovingAverage, Histogram, Percentile, MSE, Entropy, EntropyTensorRT}
}

// Recipes returns the names of all quantization recipes.
func Recipes() []string { return []string{"lab", "fbgemm", "x86", "onednn", "qnnpack", "ort"} }

// Repairs returns the names of all repairs.
func Repairs() []string { return []string{"equalise", "adaround", "bias", "bias-analytical"} }

// Quantize makes the final int8 network.
type Quantize struct {
	Recipe   string `yaml:"recipe"`   // how ranges become scales: lab, fbgemm, x86, onednn, qnnpack or ort
	Observer string `yaml:"observer"` // one of Observers, or Percentile with a share
	Images   int    `yaml:"images"`   // to calibrate on
	// RoundBiases rounds biases as the int32 biases of an exported ONNX file are.
	// The recipes lab and ort always do.
	RoundBiases bool `yaml:"round_biases,omitempty"`
	// PerTensor gives all output channels of a layer one weight scale, as the recipe
	// qnnpack always does.
	PerTensor bool `yaml:"per_tensor,omitempty"`
	// Repair names repairs to try, with commas between, or is "auto" for all; what
	// helps on validation images is kept. Empty tries none.
	Repair string `yaml:"repair,omitempty"`
}

// Sweep measures int8 accuracy against the number of calibration images.
// Without sizes there is no sweep.
type Sweep struct {
	Sizes     []int    `yaml:"sizes"`     // rising; a size above that of the training part means all of it
	Draws     int      `yaml:"draws"`     // of images for each size
	Observers []string `yaml:"observers"` // all see the same images, in one pass for each draw
}

// Cost says whether every checkpoint's size and speed are measured. It changes no
// result.
type Cost struct {
	Measure bool `yaml:"measure"` // a second or two for each checkpoint of a small network
}

// Engine says what to compute with. Threads do not change any result; Kernel
// and Algorithm change its rounding.
type Engine struct {
	Threads   int    `yaml:"threads"`   // 0 takes all cores
	Kernel    string `yaml:"kernel"`    // auto, avx512, avx2 or go
	Algorithm string `yaml:"algorithm"` // auto, direct or winograd
}

// Defaults returns the experiment that an empty document describes: ResNet-20
// on CIFAR-10 with the schedule of the preset cifar10.
func Defaults() Experiment {
	sgd := Training{Batch: 128, Momentum: 0.9, WeightDecay: 5e-4, WeightDecayOn: AllParameters, Schedule: Cosine, Milestones: []float64{}, Gamma: 0.1}
	dense, fineTune := sgd, sgd
	dense.Epochs, dense.LearningRate = Epochs{0}, 0.1
	fineTune.Epochs, fineTune.LearningRate = Epochs{20}, 0.02
	rounded := fineTune
	rounded.Epochs, rounded.LearningRate, rounded.WeightDecay = Epochs{10}, 0.01, 1e-4
	return Experiment{
		Seed:  1,
		Data:  Data{Set: CIFAR10, Seed: 1, Validation: 5000, Augment: true},
		Model: Model{Depth: 20, Shortcut: "projection", Weights: Embedded},
		Dense: dense,
		Prune: Prune{
			Targets:   []float64{0.30, 0.50, 0.70, 0.80, 0.90, 0.92},
			EdgeShare: 0.3,
			EdgeUntil: 0.6,
		},
		FineTune: fineTune,
		Distill:  Distill{Temperature: 4},
		Gate:     Gate{Split: Validation},
		QAT:      QAT{Widths: []string{}, FirstLast: 8, Learned: true, Freeze: 0.5, Train: rounded},
		Quantize: Quantize{Recipe: "lab", Observer: MinMax, Images: 1000},
		Sweep: Sweep{
			Sizes:     []int{1, 5, 10, 50, 100, 500, 1000, 5000, 10000, 50000},
			Draws:     1,
			Observers: []string{MinMax},
		},
		Cost:   Cost{Measure: true},
		Engine: Engine{Kernel: "auto", Algorithm: "auto"},
	}
}
