#!/bin/sh
# Espalier beside onnxruntime and PyTorch on the networks of docs/performance.md, in
# turns: ROUNDS times (default 3). Run it in this folder's repository, on a machine
# that does nothing else, after
#
#     npm install --ignore-scripts onnxruntime-node      in docs/peers
#     apt-get install python3-torch
#
# It writes the networks to a temporary folder and prints one line for each row.
set -eu
cd "$(dirname "$0")/../.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
go build -o "$folder/espalier" .
go run ./docs/peers/networks "$folder"
espalier() {
	"$folder/espalier" bench "$folder/$1.safetensors" --only "$2" --seconds 1 --threads 2 | sed -n "s/^\\(training\\|fp32\\|int8\\)/$1 &/p"
}
for round in $(seq "${ROUNDS:-3}"); do
	echo "round $round"
	for name in vgg16-32 resnet18-32 mobilenetv2-32 resnet18-224; do
		espalier $name fp32,int8
		for file in $name $name-int8; do
			echo "$file"
			node docs/peers/ort_bench.js "$folder/$file.onnx" 2 "${name##*-}" 1
		done
	done
	for name in vgg11 mobilenetv2; do
		espalier $name-32 training
		/usr/bin/python3 docs/peers/torch_networks.py $name 2 5
	done
done
