// What is seen and what is done with it. Images and peaks come from scene.js, answers of networks from worker.js.
"use strict";

const $ = (id) => document.getElementById(id);
const readText = (id) => $(id).textContent.trim();
const FACTS = JSON.parse(readText("facts"));
const FOUND_WITHIN_UM = 5;
const SIDE_GAP_UM = 2;
const PIXELS = 12; // of a µm

// ---- networks -------------------------------------------------------------------------------------------------------

function decode(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

async function unzip(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const waiting = new Map();
let worker;

async function startNetworks() {
  const script = [readText("runtime"), readText("worker")].join("\n");
  worker = new Worker(URL.createObjectURL(new Blob([script], { type: "text/javascript" })));
  const networks = Object.fromEntries(Object.keys(FACTS.networks).map((name) => [name, decode(readText(`${name}-network`))]));
  const binary = await unzip(decode(readText("binary")));
  await new Promise((ready, failed) => {
    worker.onmessage = ({ data }) => (data.ready ? ready() : failed(data.error));
    worker.postMessage({ runtime: { binary, script: readText("glue"), networks } });
  });
  worker.onmessage = ({ data }) => {
    const { answered, failed } = waiting.get(data.id);
    waiting.delete(data.id);
    data.error ? failed(new Error(data.error)) : answered(data);
  };
}

let asked = 0;

/** What a network says of values of a shape: {outputs: [{shape, values}], seconds}. */
function ask(network, values, shape, outputs = [FACTS.networks[network].output]) {
  const id = ++asked;
  worker.postMessage({ id, network, values, shape, outputs });
  return new Promise((answered, failed) => waiting.set(id, { answered, failed }));
}

/** A function that does `work` again and again while it is called, never twice at once, and always with the newest state. */
function keepFresh(work) {
  let wanted = false;
  let busy = false;
  return async () => {
    wanted = true;
    if (busy) return;
    busy = true;
    try {
      while (wanted) {
        wanted = false;
        await work();
      }
    } catch (error) {
      $("state").textContent = `Something went wrong: ${error.message}. Reload the page.`;
    } finally {
      busy = false;
    }
  };
}

// ---- pictures -------------------------------------------------------------------------------------------------------

/** From dark blue over cyan to white. */
function paint(value) {
  const v = Math.max(0, Math.min(1, value));
  return [255 * v ** 2.4, 255 * v ** 1.15, 255 * (0.07 + 0.93 * v ** 0.75)];
}
const glow = (value) => [255 * Math.min(1, 1.6 * value), 160 * value, 30 * value];

/** Draws values of rows and columns into a rectangle of a canvas, in pixels. */
function drawImage(context, values, rows, columns, colour, [left, top, width, height]) {
  const picture = new OffscreenCanvas(columns, rows);
  const pixels = new ImageData(columns, rows);
  values.forEach((value, n) => pixels.data.set([...colour(value), 255], 4 * n));
  picture.getContext("2d").putImageData(pixels, 0, 0);
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, left, top, width, height);
}

/** The brightest value along one axis: of a stack seen from above (axis 0), or from the side (axis 2, y down, z right). */
function project(image, shape, axis) {
  const [planes, rows, columns] = shape;
  const seen = new Float32Array(rows * (axis ? planes : columns)).fill(-1);
  image.forEach((value, voxel) => {
    const [k, j, i] = [Math.floor(voxel / (rows * columns)), Math.floor(voxel / columns) % rows, voxel % columns];
    const pixel = axis ? j * planes + k : j * columns + i;
    seen[pixel] = Math.max(seen[pixel], value);
  });
  return seen;
}

function drawDot(context, x, y, probability) {
  context.lineWidth = 4;
  context.strokeStyle = "#000a";
  context.fillStyle = "#ff9f1c";
  context.beginPath();
  context.arc(x, y, 4 + 8 * probability, 0, 7);
  context.stroke();
  context.fill();
}

function drawCross(context, x, y, chosen) {
  context.strokeStyle = "#fff";
  context.lineWidth = 2.5;
  context.beginPath();
  for (const [dx, dy] of [[11, 0], [0, 11]]) {
    context.moveTo(x - dx, y - dy);
    context.lineTo(x + dx, y + dy);
  }
  context.stroke();
  if (!chosen) return;
  context.setLineDash([8, 6]);
  context.beginPath();
  context.arc(x, y, 52, 0, 7);
  context.stroke();
  context.setLineDash([]);
}

function write(context, text, x, y, size = 22) {
  context.font = `600 ${size}px system-ui, sans-serif`;
  context.lineWidth = 5;
  context.strokeStyle = "#000c";
  context.fillStyle = "#fff";
  context.strokeText(text, x, y);
  context.fillText(text, x, y);
}

const count = (number, one, many) => `${number} ${number === 1 ? one : many}`;
const say = (probability) => probability.toFixed(2);

// ---- 1. the position network ----------------------------------------------------------------------------------------

const { shape: SHAPE, positions: ANNOTATED } = FACTS.bundled;
const POSITION = FACTS.networks.position;
const EXTENT = SHAPE.map((size, axis) => (size - 1) * SPACING[axis]);
const BUNDLED = readBundled();
let stack = { nuclei: [], chosen: 0, image: null, heat: null, peaks: [], known: [] };

function readBundled() {
  const values = new Int16Array(decode(readText("bundled")).buffer);
  const voxels = SHAPE[0] * SHAPE[1] * SHAPE[2];
  return [0, 1, 2].map((time) => Float32Array.from(values.subarray(time * voxels, (time + 1) * voxels), (n) => n / FACTS.bundled.steps));
}

function makeNucleus(centre, seed) {
  const random = makeRandom(100 + seed);
  const halfAxes = [3.6, 3.4 + 1.2 * random(), 3.4 + 1.2 * random()];
  return { centre, halfAxes, size: 1, brightness: 0.75 + 0.4 * random(), grain: makeGrain(seed) };
}

/** Nuclei on the surface of a small organoid, or a single one beside the bundled stack. */
function putBack() {
  const middle = EXTENT.map((um) => um / 2);
  const nuclei = Array.from({ length: 16 }, (_, n) => {
    const [height, angle] = [1 - (2 * n + 1) / 16, n * Math.PI * (3 - Math.sqrt(5))];
    const around = Math.sqrt(1 - height * height);
    const radius = [13.5, 19, 19];
    return makeNucleus([height, around * Math.sin(angle), around * Math.cos(angle)].map((part, axis) => middle[axis] + radius[axis] * part), n);
  });
  stack.nuclei = isBundled() ? [makeNucleus([EXTENT[0] / 2, 5, 6], 3)] : nuclei;
  stack.chosen = 0;
  Object.entries({ blur: 0, noise: isBundled() ? 0 : 0.05, size: 1, threshold: POSITION.threshold }).forEach(([id, value]) => ($(id).value = value));
}

const isBundled = () => document.querySelector("[name=scene]:checked").value === "bundled";
const read = (id) => Number($(id).value);

/** The stacks that the network is shown, one for each time point, before their intensities are brought to one scale. */
function makeStacks() {
  const size = read("size");
  const drawn = drawNuclei(
    stack.nuclei.map((one) => ({ ...one, halfAxes: one.halfAxes.map((um) => um * one.size * (isBundled() ? 1 : size)) })),
    SHAPE
  );
  return [0, 1, 2].map((time) => {
    const base = isBundled() ? magnify(BUNDLED[time], SHAPE, size) : drawn;
    const both = isBundled() ? base.map((value, voxel) => Math.max(value, drawn[voxel])) : base;
    return addNoise(blur(both, SHAPE, Array(3).fill(read("blur"))), read("noise"), 7 + time);
  });
}

/** Centres that are known, µm: of drawn nuclei, and of annotated ones that are in the image. */
function listKnown() {
  const drawn = stack.nuclei.map((one) => one.centre);
  if (!isBundled()) return drawn;
  const inside = (place) => place.every((um, axis) => um >= 0 && um <= EXTENT[axis]);
  const magnified = ANNOTATED.map((place) => place.map((um, axis) => EXTENT[axis] / 2 + (um - EXTENT[axis] / 2) * read("size")));
  return [...drawn, ...magnified.filter(inside)];
}

const refreshStack = keepFresh(async () => {
  showValues();
  const stacks = makeStacks();
  const shown = stacks.map((image) => normalise(image, POSITION.quantiles));
  stack.image = shown[1];
  stack.known = listKnown();
  drawStack();
  stack.input = joinTimes(shown);
  const { outputs, seconds } = await ask("position", stack.input, [1, ...SHAPE, 3]);
  Object.assign(stack, { heat: outputs[0].values, seconds });
  findDots();
  drawStack();
  refreshMaps();
});

function findDots() {
  if (!stack.heat) return;
  stack.peaks = findCentres(stack.heat, SHAPE, read("threshold"));
  $("said").textContent = describeStack();
}

/** Nucleus centres in the position network's answer: {um, probability}, z, y, x, from a threshold on. */
function findCentres(heat, shape, threshold) {
  const least = invertCalibration(threshold, POSITION.calibration);
  return findPeaks(heat, shape, least, POSITION.minDistance).map(({ position, height }) => ({
    um: position.map((n, axis) => n * SPACING[axis]),
    probability: calibrate(height, POSITION.calibration),
  }));
}

function describeStack() {
  const found = matchPositions(stack.known, stack.peaks.map((peak) => peak.um), FOUND_WITHIN_UM);
  const wrong = stack.peaks.length - found.size;
  const words = [`The network finds ${count(stack.peaks.length, "centre", "centres")}.`];
  words.push(`Of ${stack.known.length} known ones it finds ${found.size}` + (wrong ? `, and ${wrong} where none is known.` : "; none is wrong."));
  if (stack.nuclei.length) {
    const [centre, hit] = [stack.nuclei[stack.chosen].centre, stack.peaks[found.get(stack.chosen)]];
    words.push(`Nucleus ${stack.chosen + 1}, chosen, at z ${centre[0].toFixed(0)}, y ${centre[1].toFixed(0)}, x ${centre[2].toFixed(0)} µm`);
    if (!hit) words.push("is missed.");
    else {
      words.push(`is found: ${measure(centre, hit.um).toFixed(1)} µm from its middle, probability ${say(hit.probability)}.`);
    }
  }
  return words.join(" ");
}

function drawStack() {
  const context = $("stack").getContext("2d");
  const [width, depth] = [SHAPE[2] * PIXELS, 2 * SHAPE[0] * PIXELS];
  const left = width + SIDE_GAP_UM * PIXELS;
  context.fillStyle = "#04060d";
  context.fillRect(0, 0, 1176, 672);
  const showsHeat = $("heat").checked && stack.heat;
  const [values, colour] = showsHeat ? [stack.heat, glow] : [stack.image, paint];
  drawImage(context, project(values, SHAPE, 0), SHAPE[1], SHAPE[2], colour, [0, 0, width, width]);
  drawImage(context, project(values, SHAPE, 2), SHAPE[1], SHAPE[0], colour, [left, 0, depth, width]);
  for (const each of stack.peaks) toPixels(each.um).forEach(([x, y]) => drawDot(context, x, y, each.probability));
  stack.known.forEach((um, n) => toPixels(um).forEach(([x, y]) => drawCross(context, x, y, n === stack.chosen && n < stack.nuclei.length)));
  write(context, "from above", 14, 30);
  write(context, "from the side", left + 14, 30);
  context.fillStyle = "#fff";
  context.fillRect(14, 650, 10 * PIXELS, 5);
  write(context, "10 µm", 14, 642);
}

/** Where a place, z, y, x in µm, lies on the canvas: from above, and from the side. */
function toPixels([z, y, x]) {
  const left = (SHAPE[2] + SIDE_GAP_UM) * PIXELS;
  return [[(x + 0.5) * PIXELS, (y + 0.5) * PIXELS], [left + (z + 1) * PIXELS, (y + 0.5) * PIXELS]];
}

/** The place in µm under a pointer, from above without z, from the side without x. */
function toPlace(canvas, event) {
  const box = canvas.getBoundingClientRect();
  const [x, y] = [event.clientX - box.left, event.clientY - box.top].map((n) => (n * canvas.width) / box.width / PIXELS);
  const side = x - SHAPE[2] - SIDE_GAP_UM;
  return side > 0 ? [side - 1, y - 0.5, null] : [null, y - 0.5, x - 0.5];
}

function moveChosen(change) {
  const nucleus = stack.nuclei[stack.chosen];
  if (!nucleus) return;
  nucleus.centre = nucleus.centre.map((um, axis) => Math.max(0, Math.min(EXTENT[axis], change(um, axis))));
  refreshStack();
}

function addNucleus(place) {
  const centre = (place || [null, null, null]).map((um, axis) => (um === null ? EXTENT[axis] / 2 : um));
  stack.nuclei.push(makeNucleus(centre, 40 + stack.nuclei.length));
  stack.chosen = stack.nuclei.length - 1;
}

function chooseAt(place) {
  const far = stack.nuclei.map((one) => Math.hypot(...place.map((um, axis) => (um === null ? 0 : um - one.centre[axis]))));
  const nearest = far.indexOf(Math.min(...far));
  if (far[nearest] < FOUND_WITHIN_UM) stack.chosen = nearest;
  else addNucleus(place);
}

$("stack").addEventListener("pointerdown", (event) => {
  chooseAt(toPlace($("stack"), event));
  $("stack").setPointerCapture(event.pointerId);
  refreshStack();
});
$("stack").addEventListener("pointermove", (event) => {
  if (!event.buttons) return;
  const place = toPlace($("stack"), event);
  moveChosen((um, axis) => place[axis] ?? um);
});

const MOVES = { ArrowLeft: [0, 0, -1], ArrowRight: [0, 0, 1], ArrowUp: [0, -1, 0], ArrowDown: [0, 1, 0], PageUp: [-2, 0, 0], PageDown: [2, 0, 0] };
const RESIZES = { "+": 1.1, "-": 1 / 1.1 };
$("stack").addEventListener("keydown", (event) => {
  const nucleus = stack.nuclei[stack.chosen];
  if (MOVES[event.key]) moveChosen((um, axis) => um + MOVES[event.key][axis]);
  else if (RESIZES[event.key] && nucleus) nucleus.size *= RESIZES[event.key];
  else if (event.key.toLowerCase() === "n" && nucleus) stack.chosen = (stack.chosen + 1) % stack.nuclei.length;
  else if (event.key === "Insert") addNucleus();
  else if (event.key === "Delete" && nucleus) {
    stack.nuclei.splice(stack.chosen, 1);
    stack.chosen = Math.max(0, Math.min(stack.chosen, stack.nuclei.length - 1));
  } else return;
  event.preventDefault();
  refreshStack();
});

for (const id of ["blur", "noise", "size"]) $(id).addEventListener("input", refreshStack);
$("threshold").addEventListener("input", () => {
  showValues();
  findDots();
  drawStack();
});
$("heat").addEventListener("change", drawStack);
for (const choice of document.querySelectorAll("[name=scene]")) choice.addEventListener("change", () => (putBack(), refreshStack()));
$("back").addEventListener("click", () => (putBack(), refreshStack()));

const UNITS = { blur: (v) => `${v} µm`, noise: (v) => `${Math.round(100 * v)} %`, size: (v) => `${Math.round(100 * v)} %`, threshold: say, apart: (v) => `${v} µm`, crowd: (v) => `${v} µm` };
function showValues() {
  for (const [id, format] of Object.entries(UNITS)) $(id).nextElementSibling.textContent = format(read(id));
}

// ---- 2. the division and the link network ---------------------------------------------------------------------------

const CROP = FACTS.networks.division.shape; // z, y, x
const PANEL = CROP[2] * PIXELS;
const PANEL_GAP = 12;
const BEFORE = -1, NOW = 0, LATER = 1;
let angle = 0.35;

const SURFACE_UM = 20; // radius of the organoid on whose surface all nuclei lie

function makeNeighbours() {
  return Array.from({ length: 6 }, (_, n) => {
    const [around, far] = [0.9 + (n * Math.PI) / 3, read("crowd")];
    return makeNucleus([(-far * far) / 2 / SURFACE_UM, far * Math.sin(around), far * Math.cos(around)], 60 + n);
  });
}

/** The daughters' middles relative to the mother's, z, y, x in µm: A and B. */
function placeDaughters() {
  const half = read("apart") / 2;
  return [1, -1].map((side) => [0, side * half * Math.sin(angle), side * half * Math.cos(angle)]);
}

/** All nuclei at a time point; neighbours stray a little. */
function listNuclei(time) {
  const strayed = makeNeighbours().map((one, n) => ({ ...one, centre: one.centre.map((um, axis) => um + 0.5 * time * Math.sin(3 * n + axis)) }));
  const plain = { centre: [0, 0, 0], halfAxes: [4, 4.2, 4.2], brightness: 1, grain: makeGrain(5) };
  if (time === LATER) {
    const daughters = placeDaughters().map((centre, n) => ({ centre, halfAxes: [2.9, 2.9, 2.9], brightness: 1.5, grain: makeGrain(6 + n) }));
    return [...daughters, ...strayed];
  }
  const condenses = document.querySelector("[name=mother]:checked").value === "plate";
  if (time === NOW && condenses) return [{ ...plain, halfAxes: [3.4, 3.4, 3.4], brightness: 1.9 }, ...strayed];
  return [condenses ? { ...plain, brightness: 1.3 } : plain, ...strayed];
}

function cutCrop(time, centre) {
  const origin = CROP.map((size, axis) => centre[axis] - ((size - 1) / 2) * SPACING[axis]);
  return addNoise(drawNuclei(listNuclei(time), CROP, origin), 0.03, 50 + time);
}

/** The link network's input for the mother now and a nucleus later at `centre`: both crops, and the displacement. */
function makePair(centre) {
  const crops = [[0, 0, 0], centre].flatMap((middle) => [NOW, LATER].map((time) => cutCrop(time, middle)));
  const moved = centre.map((um, axis) => new Float32Array(crops[0].length).fill(um / SPACING[axis]));
  return joinTimes([...crops, ...moved]);
}

const division = {};
const refreshDivision = keepFresh(async () => {
  showValues();
  division.crops = [BEFORE, NOW, LATER].map((time) => cutCrop(time, [0, 0, 0]));
  drawDivision();
  const { outputs } = await ask("division", joinTimes(division.crops), [1, ...CROP, 3]);
  const targets = [...placeDaughters(), listNuclei(LATER)[2].centre];
  const pairs = Float32Array.from(targets.map(makePair).flatMap((values) => [...values]));
  const links = await ask("link", pairs, [targets.length, ...CROP, 7]);
  const seen = await ask("position", joinTimes([division.crops[2], division.crops[2], division.crops[2]]), [1, ...CROP, 3]);
  const found = findCentres(seen.outputs[0].values, CROP, POSITION.threshold);
  const daughters = placeDaughters().map((place) => place.map((um, axis) => um + ((CROP[axis] - 1) / 2) * SPACING[axis]));
  division.peaks = found.filter(({ um }) => daughters.some((place) => measure(place, um) < 3.5));
  division.probabilities = [outputs[0].values[0], ...links.outputs[0].values];
  drawDivision();
  showBars();
});

function showBars() {
  const names = ["divides now", "mother → A", "mother → B", "mother → neighbour C"];
  $("bars").innerHTML = names
    .map((name, n) => [name, division.probabilities[n]])
    .map(([name, p]) => `<tr><th scope="row">${name}</th><td><div style="--part:${100 * p}%">${say(p)}</div></td></tr>`)
    .join("");
  const [divides, a, b, c] = division.probabilities.map(say);
  const sees = ["no nucleus", "one nucleus", "two nuclei"][division.peaks.length] ?? `${division.peaks.length} nuclei`;
  $("said2").textContent =
    `A and B lie ${read("apart")} µm apart. The division network says with probability ${divides} that the nucleus divides. ` +
    `The link network says ${a} for mother and A, ${b} for mother and B, and ${c} for mother and the neighbour C, which is a ` +
    `wrong link. Later, the position network sees ${sees} where A and B are.`;
}

function drawDivision() {
  const context = $("division").getContext("2d");
  context.fillStyle = "#04060d";
  context.fillRect(0, 0, 1176, 384);
  const middle = PANEL / 2;
  division.crops.forEach((crop, n) => {
    const left = n * (PANEL + PANEL_GAP);
    drawImage(context, project(crop, CROP, 0).map((v) => 0.7 * v), CROP[1], CROP[2], paint, [left, 0, PANEL, PANEL]);
    write(context, ["before", "now", "later"][n], left + 14, 30);
  });
  const left = 2 * (PANEL + PANEL_GAP);
  for (const { um, probability } of division.peaks ?? [])
    drawDot(context, left + (um[2] + 0.5) * PIXELS, (um[1] + 0.5) * PIXELS, probability);
  const named = [...placeDaughters(), listNuclei(LATER)[2].centre];
  named.forEach(([, y, x], n) => write(context, "ABC"[n], left + middle + x * PIXELS + 14, middle + y * PIXELS - 14, 26));
}

function setApart(um) {
  $("apart").value = um;
  refreshDivision();
}
function dragDaughter(event) {
  if (!event.buttons) return;
  const box = $("division").getBoundingClientRect();
  const [x, y] = [event.clientX - box.left, event.clientY - box.top].map((n) => (n * 1176) / box.width);
  const [dx, dy] = [x - 2 * (PANEL + PANEL_GAP) - PANEL / 2, y - PANEL / 2].map((n) => n / PIXELS);
  if (dx < -CROP[2] / 2) return;
  const turned = Math.atan2(dy, dx);
  angle = Math.cos(turned - angle) >= 0 ? turned : turned + Math.PI; // whichever daughter is nearer
  setApart(2 * Math.hypot(dy, dx));
}
for (const kind of ["pointerdown", "pointermove"]) $("division").addEventListener(kind, dragDaughter);
$("division").addEventListener("keydown", (event) => {
  const steps = { ArrowRight: 0.5, ArrowUp: 0.5, ArrowLeft: -0.5, ArrowDown: -0.5 };
  if (!steps[event.key]) return;
  event.preventDefault();
  setApart(read("apart") + steps[event.key]);
});
for (const id of ["apart", "crowd"]) $(id).addEventListener("input", refreshDivision);
for (const choice of document.querySelectorAll("[name=mother]")) choice.addEventListener("change", refreshDivision);

// ---- 3. feature maps ------------------------------------------------------------------------------------------------

const refreshMaps = keepFresh(async () => {
  if (!stack.input) return;
  const number = read("layer");
  const layer = POSITION.layers[number];
  $("layer").nextElementSibling.textContent = `${number + 1} of ${POSITION.layers.length}`;
  const { outputs } = await ask("position", stack.input, [1, ...SHAPE, 3], [layer.output]);
  const [, maps, planes, rows, columns] = outputs[0].shape;
  const z = stack.nuclei[stack.chosen]?.centre[0] ?? EXTENT[0] / 2;
  const plane = Math.min(planes - 1, Math.round((z / SPACING[0] / SHAPE[0]) * planes));
  const across = Math.ceil(maps / (maps > 24 ? 4 : 2));
  const size = Math.floor(1176 / across) - 4;
  const canvas = $("maps");
  canvas.height = Math.ceil(maps / across) * (size + 4);
  const context = canvas.getContext("2d");
  const highest = [];
  for (let map = 0; map < maps; map++) {
    const start = (map * planes + plane) * rows * columns;
    const values = outputs[0].values.slice(start, start + rows * columns);
    highest.push(values.reduce((a, b) => Math.max(a, b)));
    const scale = highest[map] || 1;
    const place = [(map % across) * (size + 4), Math.floor(map / across) * (size + 4), size, size];
    drawImage(context, values.map((value) => value / scale), rows, columns, paint, place);
  }
  const silent = highest.filter((value) => value === 0).length;
  $("said3").textContent =
    `Convolution ${number + 1} of ${POSITION.layers.length} looks at ${layer.kernel.join(" × ")} voxels (z, y, x) of the maps before it, and makes ` +
    `${count(maps, "map", "maps")} of ${planes} × ${rows} × ${columns}; ${silent ? `${silent} of them say nothing` : "all of them answer"} in this plane. ` +
    `Each is shown at its own brightness.`;
});
$("layer").addEventListener("input", refreshMaps);

// ---- begin ----------------------------------------------------------------------------------------------------------

(async () => {
  putBack();
  showValues();
  try {
    await startNetworks();
  } catch (error) {
    $("state").textContent = `The networks could not be started in this browser (${error}). They were tried in Chromium.`;
    return;
  }
  await refreshStack();
  await refreshDivision();
  $("state").textContent = `The networks are running; a stack takes ${stack.seconds.toFixed(1)} s here.`;
  document.body.dataset.ready = "yes";
})();
