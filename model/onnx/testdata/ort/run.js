// Runs an ONNX file in onnxruntime:
//
//   node run.js MODEL.onnx INPUT OUTPUT LEVEL [SHAPE]
//
// INPUT holds float32 images [n][3][32][32], or [n] and SHAPE, as "1,8,8";
// OUTPUT gets the logits; LEVEL is onnxruntime's graph optimization level, as
// "all" or "disabled". Prints the names of the file's inputs and outputs.
const fs = require('fs');
const ort = require('onnxruntime-node');

async function main([model, input, output, level, shape = '3,32,32']) {
  const session = await ort.InferenceSession.create(model, {
    graphOptimizationLevel: level,
    intraOpNumThreads: 1,
    // Without VNNI, kernels of uint8 · int8 saturate sums at 16 bits unless
    // told not to.
    extra: { session: { x64quantprecision: '1' } },
  });
  const bytes = fs.readFileSync(input);
  const pixels = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const dims = shape.split(',').map(Number);
  const image = dims.reduce((a, b) => a * b);
  const images = new ort.Tensor('float32', pixels, [pixels.length / image, ...dims]);
  const results = await session.run({ [session.inputNames[0]]: images });
  const logits = results[session.outputNames[0]].data;
  fs.writeFileSync(output, Buffer.from(logits.buffer, logits.byteOffset, logits.byteLength));
  console.log([...session.inputNames, ...session.outputNames].join(' '));
}

main(process.argv.slice(2)).catch((err) => {
  console.error(String(err));
  process.exit(1);
});
