package onnx

// An operator reads a node and returns its first output. in holds its inputs,
// nil for one that is left out.
type operator func(im *importer, n *node, in []*value) (*value, error)

// operators are those that become nodes of the network, or parts of nodes.
// Operators that are computed while reading are in folds.
var operators = map[string]operator{
	"Conv":                     (*importer).conv,
	"com.microsoft::FusedConv": (*importer).fusedConv,
	"Gemm":                     (*importer).gemm,
	"com.microsoft::FusedGemm": (*importer).fusedGemm,
	"MatMul":                   (*importer).matMul,
	"BatchNormalization":       (*importer).batchNorm,
	"Relu":                     (*importer).activation,
	"LeakyRelu":                (*importer).activation,
	"PRelu":                    (*importer).activation,
	"Sigmoid":                  (*importer).activation,
	"HardSigmoid":              (*importer).activation,
	"HardSwish":                (*importer).activation,
	"Clip":                     (*importer).clip,
	"Max":                      (*importer).clip,
	"Min":                      (*importer).clip,
	"Add":                      (*importer).sum,
	"Sum":                      (*importer).sum,
	"Sub":                      (*importer).scale,
	"Mul":                      (*importer).mul,
	"Div":                      (*importer).scale,
	"Concat":                   (*importer).concat,
	"MaxPool":                  (*importer).pool,
	"AveragePool":              (*importer).pool,
	"GlobalAveragePool":        (*importer).globalPool,
	"GlobalMaxPool":            (*importer).globalPool,
	"ReduceMean":               (*importer).mean,
	"Pad":                      (*importer).padding,
	"Slice":                    (*importer).slice,
	"Flatten":                  (*importer).flatten,
	"Reshape":                  (*importer).reshape,
	"Squeeze":                  (*importer).squeeze,
	"Unsqueeze":                (*importer).squeeze,
	"Transpose":                (*importer).transpose,
	"Shape":                    (*importer).shapeOf,
	"Identity":                 (*importer).identity,
	"Cast":                     (*importer).identity,
	"Dropout":                  (*importer).dropout,
	"Softmax":                  (*importer).softmax,
	"LogSoftmax":               (*importer).softmax,
}
