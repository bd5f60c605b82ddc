// Runs the networks beside the page, so that it stays responsive. `ort` is ONNX Runtime.
"use strict";

const sessions = {};

async function answer({ data }) {
  if (data.runtime) {
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.wasmBinary = data.runtime.binary;
    ort.env.wasm.wasmPaths = { mjs: URL.createObjectURL(new Blob([data.runtime.script], { type: "text/javascript" })) };
    for (const [name, file] of Object.entries(data.runtime.networks)) sessions[name] = await ort.InferenceSession.create(file);
    return postMessage({ ready: true });
  }
  const session = sessions[data.network];
  const began = performance.now();
  const images = new ort.Tensor("float32", data.values, data.shape);
  const answers = await session.run({ [session.inputNames[0]]: images }, data.outputs);
  const outputs = data.outputs.map((name) => ({ shape: [...answers[name].dims], values: answers[name].data }));
  postMessage({ id: data.id, outputs, seconds: (performance.now() - began) / 1000 });
}

let before = Promise.resolve();
onmessage = (event) => {
  before = before.then(() => answer(event)).catch((error) => postMessage({ id: event.data.id, error: String(error) }));
};
