// How fast onnxruntime runs an ONNX file whose input is [n][3][SIDE][SIDE].
//
//     npm install --ignore-scripts onnxruntime-node
//     node ort_bench.js MODEL.onnx [THREADS [SIDE [SECONDS]]]
//
// Prints images/s and ms on one image and on 128, on one thread and on THREADS
// (default 2): medians of SECONDS (default 2), after a warm-up. SIDE is 32 unless
// given.

const ort = require('onnxruntime-node');

async function measure(file, threads, images, side, seconds) {
  const session = await ort.InferenceSession.create(file, { intraOpNumThreads: threads, interOpNumThreads: 1 });
  const values = Float32Array.from({ length: images * 3 * side * side }, () => 2 * Math.random() - 1);
  const feeds = { [session.inputNames[0]]: new ort.Tensor('float32', values, [images, 3, side, side]) };
  const times = [];
  const now = () => Number(process.hrtime.bigint()) / 1e6;
  const warmUp = 2, least = 5;
  let begun = now();
  for (let i = 0; i < warmUp + least || now() - begun < 1e3 * seconds; i++) {
    if (i === warmUp) begun = now();
    const start = now();
    await session.run(feeds);
    if (i >= warmUp) times.push(now() - start);
  }
  return times.sort((a, b) => a - b)[times.length >> 1];
}

async function main(file, most = '2', side = '32', seconds = '2') {
  if (!file) throw new Error('name an ONNX file');
  for (const threads of new Set([1, Number(most)])) {
    for (const images of [1, 128]) {
      const ms = await measure(file, threads, images, Number(side), Number(seconds));
      console.log(`onnxruntime, ${threads} threads, batch ${images}: ${(1e3 * images / ms).toFixed(0)} images/s, ${ms.toFixed(3)} ms`);
    }
  }
}

main(...process.argv.slice(2)).catch((error) => {
  console.error(error.message);
  process.exit(1);
});
