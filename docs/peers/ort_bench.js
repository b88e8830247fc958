// How fast onnxruntime runs an ONNX file whose input is [n][3][32][32].
//
//     npm install --ignore-scripts onnxruntime-node
//     node ort_bench.js MODEL.onnx [THREADS]
//
// Prints images/s and ms on one image and on 128, on one thread and on THREADS
// (default 2): medians after a warm-up.

const ort = require('onnxruntime-node');

async function measure(file, threads, images) {
  const session = await ort.InferenceSession.create(file, { intraOpNumThreads: threads, interOpNumThreads: 1 });
  const values = Float32Array.from({ length: images * 3 * 32 * 32 }, () => 2 * Math.random() - 1);
  const feeds = { [session.inputNames[0]]: new ort.Tensor('float32', values, [images, 3, 32, 32]) };
  const times = [];
  const warmUp = 5, repetitions = images === 1 ? 500 : 25;
  for (let i = 0; i < warmUp + repetitions; i++) {
    const start = process.hrtime.bigint();
    await session.run(feeds);
    if (i >= warmUp) times.push(Number(process.hrtime.bigint() - start) / 1e6);
  }
  return times.sort((a, b) => a - b)[repetitions >> 1];
}

async function main(file, most = '2') {
  if (!file) throw new Error('name an ONNX file');
  for (const threads of new Set([1, Number(most)])) {
    for (const images of [1, 128]) {
      const ms = await measure(file, threads, images);
      console.log(`onnxruntime, ${threads} threads, batch ${images}: ${(1e3 * images / ms).toFixed(0)} images/s, ${ms.toFixed(3)} ms`);
    }
  }
}

main(...process.argv.slice(2)).catch((error) => {
  console.error(error.message);
  process.exit(1);
});
