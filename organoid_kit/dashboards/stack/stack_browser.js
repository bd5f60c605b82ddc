// Draws a movie's stacks on a canvas. The kernel is asked for one time point at a time (as bytes, one for each voxel)
// and answers once; planes, views, contrast and gamma are then a matter of this page alone. Texts that come from files
// are only ever set as text, never as HTML.

const HIT_PIXELS = 12; // so near a mark must be to be pointed at
const PREFETCH = 3; // time points before and after this one that are asked for while there is nothing else to do
const AHEAD = 8; // likewise after this one, and again from the first, while the movie plays
const ZOOM_STEP = 2 ** 0.25; // of the wheel and of keys, and of the slider
const PAN_STEP = 0.2; // of keys: so much of what is seen
const DRAG_PIXELS = 4; // a mouse that moves farther between down and up has dragged, not clicked
const BARS_UM = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
const PATIENCE_MS = 2000; // after so long without an answer the kernel is asked again, then after twice as long

async function render({ model, el }) {
  const controls = await findControls(model);
  const page = makePage(el);
  const state = { model, controls, page, setting: model.get("setting"), stacks: new Map(), marks: new Map() };
  Object.assign(state, { failures: new Map(), stale: new Set(), targets: [], hovered: null, asked: null, patience: PATIENCE_MS });
  Object.assign(state, { pressed: null, measured: null, followed: null });
  const show = () => { draw(state); ask(state); };
  const stop = listen(state, show);
  show();
  return stop;
}

// Runs as soon as the page has loaded this script, before anything is shown: the kernel waits to hear of it.
function initialize({ model }) {
  model.set("ready", true);
  model.save_changes();
}

export default { initialize, render };

// ---- the parts of the page and the controls

async function findControls(model) {
  const found = {};
  for (const [name, reference] of Object.entries(model.get("controls"))) {
    found[name] = await findModel(model.widget_manager, reference.replace("IPY_MODEL_", ""));
  }
  return found;
}

// While a page is loading, a slider's model may come later than ours.
async function findModel(manager, id) {
  for (let attempt = 0; attempt < 200; attempt++) {
    const found = await Promise.resolve(manager.get_model(id)).catch(() => null);
    if (found) return found;
    await new Promise((wake) => setTimeout(wake, 50));
  }
  throw new Error("The controls of this movie are not on the page. Run the cell again.");
}

function makePage(el) {
  const box = document.createElement("div");
  box.className = "ok-stack-canvas";
  box.dataset.lmSuppressShortcuts = "true"; // arrow keys are not JupyterLab's while the canvas has the focus
  const canvas = document.createElement("canvas");
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-roledescription", "movie");
  const words = document.createElement("div");
  words.className = "ok-stack-words";
  words.setAttribute("aria-live", "polite");
  const buttons = document.createElement("div");
  box.append(canvas, words, buttons);
  el.append(box);
  return { box, buttons, canvas, words, drawing: canvas.getContext("2d"), plane: document.createElement("canvas") };
}

function listen(state, show) {
  const { model, controls, page } = state;
  const forgetStacks = () => { state.stacks.clear(); state.failures.clear(); answered(state, PATIENCE_MS); show(); };
  const renewMarks = () => { state.stale = new Set(state.marks.keys()); answered(state, PATIENCE_MS); show(); };
  const hear = (content, buffers) => { receive(state, content, buffers); show(); };
  const drawn = Object.entries(controls).filter(([name]) => name !== "play");
  const changed = drawn.map(([name, control]) => [control, name === "view" ? "change:index" : "change:value"]);
  changed.forEach(([control, event]) => control.on(event, show));
  model.on("change:source", forgetStacks);
  model.on("change:version", renewMarks);
  model.on("msg:custom", hear);
  page.canvas.addEventListener("keydown", (event) => press(state, event));
  page.canvas.addEventListener("wheel", (event) => turnWheel(state, event), { passive: false });
  page.canvas.addEventListener("pointerdown", (event) => startDrag(state, event));
  page.canvas.addEventListener("pointermove", (event) => (state.pressed ? drag(state, event, show) : hover(state, find(state, event))));
  page.canvas.addEventListener("pointerup", () => { state.dragged = state.pressed?.moved; state.pressed = null; });
  page.canvas.addEventListener("pointercancel", () => { state.pressed = null; });
  page.canvas.addEventListener("pointerleave", () => hover(state, null));
  page.canvas.addEventListener("click", (event) => click(state, event));
  page.canvas.addEventListener("dblclick", (event) => zoomAt(state, find(state, event), event.shiftKey ? 0.5 : 2));
  addButtons(state);
  const room = new ResizeObserver(() => draw(state));
  room.observe(page.box);
  model.on("change:centre", show);
  return () => {
    clearTimeout(state.asked);
    room.disconnect();
    model.off("change:centre", show);
    changed.forEach(([control, event]) => control.off(event, show));
    model.off("change:source", forgetStacks);
    model.off("change:version", renewMarks);
    model.off("msg:custom", hear);
  };
}

// ---- what is shown: read anew for each picture, from the controls alone

function look({ controls, setting, page, model }) {
  const value = (name) => controls[name].get("value");
  const place = [value("z"), value("y"), value("x")];
  const view = fill(setting.views[controls.view.get("index")], page.box);
  const [zoom, centre] = [value("zoom"), model.get("centre")];
  return { t: value("time_point"), place, view, zoom, centre: centre.length ? centre : place, contrast: value("contrast"), gamma: value("gamma") };
}

// The view, as large as there is room: its longer side is as long as the box is wide.
function fill(view, box) {
  const { width, height } = view;
  let times = (box.clientWidth || Math.max(width, height)) / Math.max(width, height);
  if (document.fullscreenElement === box) times = Math.min(box.clientWidth / width, (window.innerHeight - 50) / height);
  const panels = view.panels.map((each) => ({ ...each, left: each.left * times, top: each.top * times, width: each.width * times, height: each.height * times }));
  return { ...view, panels, width: width * times, height: height * times, scale: view.scale * times };
}

// Pixels of a µm, and how much of the whole lies left of and above what a panel shows.
function findFrame({ setting }, { view, zoom, centre }, panel) {
  const scale = view.scale * zoom;
  const hidden = (axis, room) => {
    const wanted = (centre[axis] + 0.5) * setting.spacing[axis] * scale - room / 2;
    return Math.min(Math.max(wanted, 0), room * (zoom - 1));
  };
  return { scale, left: hidden(panel.axes[2], panel.width), top: hidden(panel.axes[1], panel.height) };
}

function setCentre({ model, setting }, centre) {
  model.set("centre", centre.map((each, axis) => Math.min(Math.max(each, 0), setting.shape[axis] - 1)));
  model.save_changes();
}

// What is under the pointer stays there.
function zoomAt(state, { x, y }, times) {
  const shown = look(state);
  const panel = findPanel(shown, x, y);
  const zoom = Math.min(Math.max(shown.zoom * times, 1), 2 ** state.controls.zoom.get("max"));
  if (!panel || zoom === shown.zoom) return;
  const under = toVoxels(state, shown, panel, x, y);
  const [, down, right] = panel.axes;
  const centre = [...shown.centre];
  const away = { [down]: y - panel.top - panel.height / 2, [right]: x - panel.left - panel.width / 2 };
  for (const axis of [down, right]) centre[axis] = under[axis] - away[axis] / (shown.view.scale * zoom * state.setting.spacing[axis]);
  setCentre(state, centre);
  state.controls.zoom.set("value", zoom);
  state.controls.zoom.save_changes();
}

// By parts of what is seen of the first panel.
function pan(state, rightward, downward) {
  const shown = look(state);
  const [panel] = shown.view.panels;
  moveCentre(state, shown, panel, rightward * PAN_STEP * panel.width, downward * PAN_STEP * panel.height);
}

function moveCentre(state, shown, panel, x, y) {
  const [, down, right] = panel.axes;
  const { scale, left, top } = findFrame(state, shown, panel);
  const centre = [...shown.centre];
  const place = (hidden, by, room, axis) => (Math.min(Math.max(hidden + by, 0), room * (shown.zoom - 1)) + room / 2) / scale / state.setting.spacing[axis] - 0.5;
  centre[right] = place(left, x, panel.width, right);
  centre[down] = place(top, y, panel.height, down);
  setCentre(state, centre);
}

// A crosshair that is led out of what is seen, as by "next position", is followed.
function follow(state, shown) {
  const key = shown.place.join();
  if (state.followed === key) return false;
  const isNew = state.followed !== null;
  state.followed = key;
  const isSeen = shown.view.panels.every((panel) => {
    const [x, y] = toPixels(state, shown, panel, shown.place);
    return x >= panel.left && y >= panel.top && x <= panel.left + panel.width && y <= panel.top + panel.height;
  });
  const leads = isNew && shown.zoom > 1 && !isSeen;
  if (leads) setCentre(state, shown.place);
  return leads;
}

function move({ controls }, name, step) {
  const control = controls[name];
  const wanted = control.get("value") + step;
  control.set("value", Math.min(Math.max(wanted, control.get("min")), control.get("max")));
  control.save_changes();
}

// ---- buttons below the picture: what is seen, as a file; the kernel writes it

function addButtons(state) {
  const actions = {
    "Save picture": ["A PNG of what you see, in the folder of the notebook", () => savePicture(state)],
    "Save film": ["Plays once, and makes a GIF of what you see, in the folder of the notebook", () => saveFilm(state)],
    "Full screen": ["Esc leaves it", () => fillScreen(state.page)],
  };
  for (const [text, [tip, act]] of Object.entries(actions)) {
    const button = document.createElement("button");
    Object.assign(button, { textContent: text, title: tip, className: "jupyter-button widget-button", onclick: act });
    state.page.buttons.append(button);
  }
}

function fillScreen({ box }) {
  return document.fullscreenElement ? document.exitFullscreen() : box.requestFullscreen();
}

// One by one: a message must not be too long.
async function savePicture({ model, page }, last = true) {
  const blob = await new Promise((done) => page.canvas.toBlob(done, "image/png"));
  model.send({ kind: "save", last }, undefined, [await blob.arrayBuffer()]);
}

async function saveFilm(state) {
  if (state.filming) return;
  state.filming = true;
  const { first, last } = state.setting;
  const before = look(state).t;
  for (let t = first; t <= last; t++) {
    move(state, "time_point", t - look(state).t);
    await waitUntilDrawn(state, t);
    await savePicture(state, t === last);
  }
  move(state, "time_point", before - look(state).t);
  state.filming = false;
}

// Or failed, which is in the picture, too.
async function waitUntilDrawn({ page: { canvas }, failures }, t) {
  const isDrawn = () => failures.has(t) || (canvas.dataset.drawn?.startsWith(`t${t} `) && canvas.dataset.marks === "new");
  while (!isDrawn()) await new Promise((wake) => setTimeout(wake, 20));
}

// ---- time points: one question at a time, the nearest first

function ask(state) {
  const { model, setting, stacks, marks, stale, failures } = state;
  if (state.asked !== null) return;
  const { t } = look(state);
  const lacks = (each) => !stacks.has(each) && !failures.has(each);
  const old = (each) => !marks.has(each) || stale.has(each); // old marks stay until the new ones are there
  const wanted = nearTimes(state, t).find((each) => lacks(each) || old(each));
  if (wanted === undefined) return;
  model.send({ kind: "want", time_point: wanted, stack: lacks(wanted), marks: old(wanted) });
  state.asked = setTimeout(() => { answered(state, 2 * state.patience); ask(state); }, state.patience);
}

function answered(state, patience) {
  clearTimeout(state.asked);
  Object.assign(state, { asked: null, patience });
}

function nearTimes({ setting, stacks, controls }, t) {
  const bytes = Math.max(stacks.values().next().value?.bytes ?? 1, 1);
  const room = Math.floor(setting.most_kept_bytes / bytes) - 1;
  const times = [t];
  if (isPlaying(controls.play)) {
    const all = setting.last - setting.first + 1;
    for (let step = 1; step <= AHEAD && times.length < Math.min(room, all); step++) times.push(setting.first + ((t - setting.first + step) % all));
  }
  for (let step = 1; step <= PREFETCH && times.length + 1 <= room; step++) times.push(t + step, t - step);
  return times.filter((each) => each >= setting.first && each <= setting.last);
}

function receive(state, content, buffers) {
  const { model, stacks, marks, failures } = state;
  answered(state, PATIENCE_MS);
  const bytes = buffers.map((each) => new Uint8Array(each.buffer ?? each, each.byteOffset ?? 0, each.byteLength));
  if (content.kind === "failed") failures.set(content.time_point, content.text);
  if (content.kind !== "time point") return;
  if (content.source !== undefined) {
    const parts = bytes.splice(0, content.parts); // one, or one for each channel
    const size = parts.reduce((sum, each) => sum + each.length, 0);
    if (content.source === model.get("source")) stacks.set(content.time_point, { ...content, parts, bytes: size });
  }
  if (content.version === model.get("version")) {
    marks.set(content.time_point, content.layers.map((layer) => readLayer(layer, bytes)));
    state.stale.delete(content.time_point);
  }
  forgetFar(state);
}

function readLayer(layer, bytes) {
  const numbers = () => { const each = bytes.shift(); return new Float32Array(each.buffer.slice(each.byteOffset, each.byteOffset + each.byteLength)); };
  return { ...layer, positions: numbers(), tails: numbers() };
}

function forgetFar(state) {
  const { stacks, marks, setting } = state;
  const { t } = look(state);
  const far = [...stacks.keys()].sort((a, b) => Math.abs(b - t) - Math.abs(a - t));
  let bytes = [...stacks.values()].reduce((sum, each) => sum + each.bytes, 0);
  while (bytes > setting.most_kept_bytes && far.length > 1) {
    bytes -= stacks.get(far[0]).bytes;
    stacks.delete(far.shift());
  }
  for (const each of marks.keys()) if (Math.abs(each - t) > 50) marks.delete(each);
}

// ---- drawing

function draw(state) {
  const { page, stacks, marks, failures } = state;
  const shown = look(state);
  if (follow(state, shown)) return; // it is drawn already
  const stack = stacks.get(shown.t);
  fit(page.canvas, shown.view);
  state.targets = [];
  if (!stack) {
    wait(page, shown, failures.get(shown.t));
    return say(state, shown, null);
  }
  const tones = makeTones(shown.contrast, shown.gamma);
  const { drawing, ratio } = { ...page, ratio: page.canvas.ratio };
  drawing.setTransform(ratio, 0, 0, ratio, 0, 0);
  drawing.fillStyle = "#282828";
  drawing.fillRect(0, 0, shown.view.width, shown.view.height);
  for (const panel of shown.view.panels) drawPanel(state, shown, panel, stack, tones, marks.get(shown.t) ?? []);
  drawMeasure(state, shown);
  drawScaleBar(drawing, shown);
  say(state, shown, marks.get(shown.t));
  page.canvas.dataset.marks = marks.has(shown.t) && !state.stale.has(shown.t) ? "new" : "old";
  page.canvas.dataset.zoom = shown.zoom.toFixed(2);
  page.canvas.dataset.drawn = `t${shown.t} z${shown.place[0]} ${shown.view.name} ${page.count = (page.count ?? 0) + 1}`;
}

function fit(canvas, view) {
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  const [width, height] = [Math.round(view.width * ratio), Math.round(view.height * ratio)];
  if (canvas.width === width && canvas.height === height) return;
  Object.assign(canvas, { width, height, ratio });
  canvas.style.width = `${view.width}px`;
}

function wait({ drawing, canvas }, { t, view }, failure) {
  drawing.setTransform(canvas.ratio, 0, 0, canvas.ratio, 0, 0);
  drawing.fillStyle = "rgba(0, 0, 0, 0.7)";
  drawing.fillRect(0, 0, view.width, 28);
  drawing.fillStyle = "white";
  drawing.font = "14px sans-serif";
  drawing.fillText(failure ? `Time point ${t} cannot be shown.` : `Time point ${t} is on its way …`, 8, 19);
  delete canvas.dataset.drawn;
}

function makeTones([low, high], gamma) {
  const tones = new Uint32Array(256); // red, green, blue and opacity of a pixel in one number
  for (let value = 0; value < 256; value++) {
    const part = Math.min(Math.max((value / 255 - low) / Math.max(high - low, 1e-3), 0), 1);
    const grey = Math.round(255 * part ** gamma);
    tones[value] = 0xff000000 | (grey << 16) | (grey << 8) | grey;
  }
  return tones;
}

function drawPanel(state, shown, panel, stack, tones, layers) {
  const { drawing, plane } = state.page;
  const [height, width] = [stack.shape[panel.axes[1]], stack.shape[panel.axes[2]]];
  const image = new ImageData(width, height);
  const planes = takePlanes(state, shown, panel, stack);
  const colours = chooseColours(state, stack);
  if (colours.length) paintColours(image.data, height, width, stack, planes, panel, tones, colours);
  else paint(new Uint32Array(image.data.buffer), height, width, stack, planes, panel, tones);
  if (plane.width !== width || plane.height !== height) Object.assign(plane, { width, height });
  plane.getContext("2d").putImageData(image, 0, 0);
  drawing.save();
  drawing.beginPath();
  drawing.rect(panel.left, panel.top, panel.width, panel.height);
  drawing.clip();
  const frame = findFrame(state, shown, panel);
  drawing.imageSmoothingEnabled = width > panel.width * shown.zoom;
  drawing.drawImage(plane, panel.left - frame.left, panel.top - frame.top, panel.width * shown.zoom, panel.height * shown.zoom);
  layers.forEach((layer, number) => drawLayer(state, shown, panel, layer, number));
  drawCross(drawing, toPixels(state, shown, panel, shown.place), shown.view.name === "orthogonal" ? panel : null);
  drawing.restore();
}

function takePlanes(state, shown, panel, stack) {
  if (shown.view.name === "maximum") return { values: project(stack), start: 0 };
  const axis = panel.axes[0];
  const index = axis === 0 ? shown.place[0] : Math.floor(shown.place[axis] / stack.reduced);
  return { values: stack.parts, start: Math.min(index, stack.shape[axis] - 1) * strides(stack)[axis] };
}

const strides = ({ shape }) => [shape[1] * shape[2], shape[2], 1];

function paint(pixels, height, width, stack, { values: [values], start }, panel, tones) {
  const [, down, right] = panel.axes.map((axis) => strides(stack)[axis]);
  for (let row = 0, pixel = 0; row < height; row++) {
    for (let column = 0, voxel = start + row * down; column < width; column++, voxel += right) {
      pixels[pixel++] = tones[values[voxel]];
    }
  }
}

// Red, green and blue from 0 to 1 of each part, as bright as they can be; none where channels are summed.
function chooseColours({ setting: { colours }, controls }, { source }) {
  if (!controls.composite.get("value") || source.includes("+")) return [];
  return source.split(",").map((channel) => {
    const colour = colours[(channel - 1) % colours.length];
    const parts = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
    return parts.map((each) => each / Math.max(...parts));
  });
}

function paintColours(pixels, height, width, stack, { values, start }, panel, tones, colours) {
  const [, down, right] = panel.axes.map((axis) => strides(stack)[axis]);
  values.forEach((part, number) => {
    const [red, green, blue] = colours[number];
    for (let row = 0, pixel = 0; row < height; row++) {
      for (let column = 0, voxel = start + row * down; column < width; column++, voxel += right, pixel += 4) {
        const grey = tones[part[voxel]] & 255;
        pixels[pixel] += grey * red; // clamped to 255, as the array is
        pixels[pixel + 1] += grey * green;
        pixels[pixel + 2] += grey * blue;
        pixels[pixel + 3] = 255;
      }
    }
  });
}

function project(stack) {
  if (stack.projection) return stack.projection;
  const area = stack.shape[1] * stack.shape[2];
  stack.projection = stack.parts.map((values) => {
    const brightest = values.slice(0, area);
    for (let voxel = area, pixel = 0; voxel < values.length; voxel++, pixel = pixel + 1 === area ? 0 : pixel + 1) {
      if (values[voxel] > brightest[pixel]) brightest[pixel] = values[voxel];
    }
    return brightest;
  });
  return stack.projection;
}

function toPixels(state, shown, panel, place, at = 0) {
  const [, down, right] = panel.axes;
  const { scale, left, top } = findFrame(state, shown, panel);
  const pixel = (axis) => (place[at + axis] + 0.5) * state.setting.spacing[axis] * scale;
  return [panel.left - left + pixel(right), panel.top - top + pixel(down)];
}

const isInside = (panel, x, y) => x >= panel.left && y >= panel.top && x <= panel.left + panel.width && y <= panel.top + panel.height;
const findPanel = ({ view }, x, y) => view.panels.find((panel) => isInside(panel, x, y));

function drawLayer(state, shown, panel, layer, number) {
  const near = layer.rows.map((_, index) => findNearness(state, shown, panel, layer.positions[3 * index + panel.axes[0]]));
  drawTails(state, shown, panel, layer, near);
  const paths = [null, new Path2D(), new Path2D()];
  const stars = new Path2D();
  layer.rows.forEach((_, index) => {
    if (near[index] === 0) return;
    const [x, y] = toPixels(state, shown, panel, layer.positions, 3 * index);
    const size = state.setting.size * (near[index] === 2 ? 1 : 0.7);
    addStrokes(paths[near[index]], layer.strokes, x, y, size);
    if (layer.divides[index]) addStrokes(stars, state.setting.division.strokes, x + 1.6 * size, y - 1.6 * size, size);
    if (!state.stale.has(shown.t) && isInside(panel, x, y)) state.targets.push({ x, y, layer: number, index, far: 2 - near[index] });
  });
  stroke(state.page.drawing, paths[1], layer, 0.55);
  stroke(state.page.drawing, paths[2], layer, 1);
  stroke(state.page.drawing, stars, state.setting.division, 1);
}

function findNearness({ setting }, shown, panel, along) {
  if (shown.view.name === "maximum") return 2;
  const axis = panel.axes[0];
  const planes = (Math.abs(along - shown.place[axis]) * setting.spacing[axis]) / setting.spacing[0];
  return (planes <= setting.near) + (planes <= setting.faint);
}

function drawTails(state, shown, panel, { tails, colour }, near) {
  const drawing = state.page.drawing;
  drawing.strokeStyle = colour;
  drawing.lineWidth = 2;
  const ages = new Map();
  for (let start = 0; start < tails.length; start += 8) {
    if (near[tails[start + 7]] === 0) continue;
    const age = tails[start + 6];
    if (!ages.has(age)) ages.set(age, new Path2D());
    ages.get(age).moveTo(...toPixels(state, shown, panel, tails, start));
    ages.get(age).lineTo(...toPixels(state, shown, panel, tails, start + 3));
  }
  for (const [age, path] of ages) {
    drawing.globalAlpha = 0.9 - 0.6 * age;
    drawing.stroke(path);
  }
  drawing.globalAlpha = 1;
}

function addStrokes(path, strokes, x, y, size) {
  for (const line of strokes) line.forEach(([right, down], number) => path[number ? "lineTo" : "moveTo"](x + right * size, y + down * size));
}

function stroke(drawing, path, { colour, filled }, strength) {
  drawing.globalAlpha = strength;
  drawing.lineJoin = "round";
  drawing.strokeStyle = "black"; // a dark rim, so that marks are seen on bright nuclei, too
  drawing.lineWidth = 4;
  drawing.stroke(path);
  drawing.strokeStyle = drawing.fillStyle = colour;
  drawing.lineWidth = 2;
  drawing.stroke(path);
  if (filled) drawing.fill(path);
  drawing.globalAlpha = 1;
}

function drawCross(drawing, [x, y], panel) {
  drawing.globalAlpha = 0.8;
  const reach = panel ? 2000 : 20;
  drawing.beginPath();
  for (const [right, down] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
    drawing.moveTo(x + 12 * right, y + 12 * down);
    drawing.lineTo(x + reach * right, y + reach * down);
  }
  if (panel) drawing.setLineDash([4, 4]);
  for (const [colour, wide] of [["black", 3], ["white", 1.5]]) {
    Object.assign(drawing, { strokeStyle: colour, lineWidth: wide });
    drawing.stroke();
  }
  drawing.setLineDash([]);
  drawing.globalAlpha = 1;
}

function drawScaleBar(drawing, { view: { panels: [panel], scale: whole, bar_um }, zoom }) {
  const scale = whole * zoom;
  const length = Math.max(...BARS_UM.filter((each) => each <= bar_um / zoom), BARS_UM[0]);
  const [right, bottom, width] = [panel.left + panel.width - 14, panel.top + panel.height - 14, length * scale];
  drawing.fillStyle = "rgba(0, 0, 0, 0.6)";
  drawing.fillRect(right - width - 8, bottom - 24, width + 16, 34);
  drawing.fillStyle = "white";
  drawing.fillRect(right - width, bottom, width, 4);
  drawing.font = "13px sans-serif";
  drawing.textAlign = "center";
  drawing.fillText(`${length} µm`, right - width / 2, bottom - 7);
  drawing.textAlign = "left";
}

// The line between two places that was drawn with Shift, and its length in µm.
function drawMeasure(state, shown) {
  const { measured, page: { drawing } } = state;
  if (!measured || measured.view !== shown.view.name) return;
  const panel = shown.view.panels[measured.panel];
  const ends = [measured.from, measured.to].map((each) => toPixels(state, shown, panel, each));
  drawing.beginPath();
  drawing.moveTo(...ends[0]);
  drawing.lineTo(...ends[1]);
  for (const [colour, wide] of [["black", 5], ["white", 2]]) {
    Object.assign(drawing, { strokeStyle: colour, lineWidth: wide });
    drawing.stroke();
  }
  const [x, y] = ends[1];
  drawing.font = "13px sans-serif";
  const text = `${findLength(state).toFixed(1)} µm`;
  const wide = drawing.measureText(text).width;
  const left = Math.min(Math.max(x + 8, panel.left), panel.left + panel.width - wide - 8);
  drawing.fillStyle = "rgba(0, 0, 0, 0.7)";
  drawing.fillRect(left, y - 24, wide + 8, 20);
  drawing.fillStyle = "white";
  drawing.fillText(text, left + 4, y - 9);
}

function findLength({ measured: { from, to }, setting }) {
  return Math.hypot(...from.map((each, axis) => (to[axis] - each) * setting.spacing[axis]));
}

// ---- words: below the picture for everyone, as a label of the canvas for screen readers

function say(state, shown, layers) {
  const { page, setting, hovered, failures, stacks } = state;
  const [z, y, x] = shown.place;
  const height = (z * setting.spacing[0]).toFixed(1);
  const where = {
    slice: `plane z ${z} (${height} µm)`,
    maximum: "brightest voxels along z",
    orthogonal: `slices through z ${z}, y ${y}, x ${x}`,
  }[shown.view.name];
  const counts = (layers ?? []).map((layer) => `${layer.name} ${layer.rows.length}`).join(", ");
  const text = `Time point ${shown.t}, ${where}.${counts ? ` Marked: ${counts}.` : ""}`;
  page.canvas.setAttribute("aria-label", `${setting.name}. ${text} Crosshair at y ${y}, x ${x}.`);
  const reduced = stacks.get(shown.t)?.reduced ?? 1;
  const note = reduced > 1 ? ` Shown ${reduced} × coarser in y and x, to keep the page quick.` : "";
  const length = state.measured ? ` Measured: ${findLength(state).toFixed(1)} µm.` : "";
  const spoken = failures.get(shown.t) ?? (hovered ? textOf(state, hovered) : "");
  page.words.textContent = (spoken || text + note) + length;
}

function textOf({ controls, marks }, { layer, index }) {
  return marks.get(controls.time_point.get("value"))?.[layer]?.texts[index] ?? "";
}

// ---- pointing, clicking, keys

function find(state, event) {
  const box = state.page.canvas.getBoundingClientRect();
  const { view } = look(state);
  const shrunk = view.width / box.width; // where the page is narrower than the picture
  const [x, y] = [(event.clientX - box.left) * shrunk, (event.clientY - box.top) * shrunk];
  const distance = (target) => Math.hypot(target.x - x, target.y - y);
  const near = state.targets.filter((target) => distance(target) <= HIT_PIXELS);
  near.sort((a, b) => a.far - b.far || distance(a) - distance(b));
  return { x, y, target: near[0] ?? null };
}

function hover(state, found) {
  const target = found?.target ?? null;
  if (target?.layer === state.hovered?.layer && target?.index === state.hovered?.index) return;
  state.hovered = target;
  say(state, look(state), state.marks.get(look(state).t));
}

// Dragged, the picture moves with the mouse; with Shift, a distance is measured.
function startDrag(state, event) {
  if (event.button !== 0) return;
  const shown = look(state);
  const { x, y } = find(state, event);
  const panel = findPanel(shown, x, y);
  state.dragged = false;
  if (!panel) return;
  state.page.canvas.setPointerCapture(event.pointerId);
  state.pressed = { x, y, panel: shown.view.panels.indexOf(panel), moved: false, from: event.shiftKey && toVoxels(state, shown, panel, x, y) };
}

function drag(state, event, show) {
  const { pressed } = state;
  const { x, y } = find(state, event);
  const [right, down] = [x - pressed.x, y - pressed.y];
  if (!pressed.moved && Math.hypot(right, down) <= DRAG_PIXELS) return;
  pressed.moved = true;
  const shown = look(state);
  const panel = shown.view.panels[pressed.panel];
  if (pressed.from) {
    const to = toVoxels(state, shown, panel, x, y);
    to[panel.axes[0]] = pressed.from[panel.axes[0]]; // measured in the plane of the panel
    state.measured = { from: pressed.from, to, panel: pressed.panel, view: shown.view.name };
    show();
  } else if (shown.zoom > 1) {
    moveCentre(state, shown, panel, -right, -down);
    Object.assign(pressed, { x, y });
  }
}

function click(state, event) {
  const { model, marks, setting } = state;
  if (state.dragged || event.detail > 1) return; // the second click of two zooms
  const shown = look(state);
  const { x, y, target } = find(state, event);
  const panel = findPanel(shown, x, y);
  if (!panel) return;
  state.measured = null;
  const layer = target && marks.get(shown.t)?.[target.layer];
  const position = layer ? [...layer.positions.slice(3 * target.index, 3 * target.index + 3)] : toVoxels(state, shown, panel, x, y);
  ["z", "y", "x"].forEach((name, axis) => {
    if (shown.view.name === "slice" && axis === 0) return; // the plane one looks at stays
    move(state, name, Math.round(position[axis]) - shown.place[axis]);
  });
  model.send({ kind: "pick", time_point: shown.t, position, layer: layer ? layer.name : null, row: layer ? layer.rows[target.index] : null });
}

function toVoxels(state, shown, panel, x, y) {
  const { setting, stacks } = state;
  const position = [...shown.place];
  const { scale, left, top } = findFrame(state, shown, panel);
  const voxel = (pixels, axis) => Math.min(Math.max(pixels / scale / setting.spacing[axis] - 0.5, 0), setting.shape[axis] - 1);
  position[panel.axes[1]] = voxel(y - panel.top + top, panel.axes[1]);
  position[panel.axes[2]] = voxel(x - panel.left + left, panel.axes[2]);
  const stack = stacks.get(shown.t);
  if (shown.view.name === "maximum" && stack) position[0] = findBrightest(stack, position);
  return position;
}

function findBrightest(stack, position) {
  const [row, column] = [1, 2].map((axis) => Math.min(Math.floor(position[axis] / stack.reduced + 0.5 / stack.reduced), stack.shape[axis] - 1));
  const brightness = (z) => stack.parts.reduce((sum, values) => sum + values[(z * stack.shape[1] + row) * stack.shape[2] + column], 0);
  return [...Array(stack.shape[0]).keys()].reduce((best, z) => (brightness(z) > brightness(best) ? z : best), 0);
}

function press(state, event) {
  const { controls, setting, model, page } = state;
  if (event.altKey || event.metaKey) return;
  const step = (name, by) => () => move(state, name, by);
  const zoom = (times) => () => zoomAt(state, middleOf(look(state).view.panels[0]), times);
  const actions = event.ctrlKey
    ? { ArrowLeft: () => pan(state, -1, 0), ArrowRight: () => pan(state, 1, 0), ArrowUp: () => pan(state, 0, -1), ArrowDown: () => pan(state, 0, 1) }
    : event.shiftKey
    ? { ArrowLeft: step("x", -1), ArrowRight: step("x", 1), ArrowUp: step("y", -1), ArrowDown: step("y", 1) }
    : {
        ArrowLeft: step("time_point", -1),
        ArrowRight: step("time_point", 1),
        ArrowUp: step("z", 1),
        ArrowDown: step("z", -1),
        PageUp: step("z", 5),
        PageDown: step("z", -5),
        Home: step("time_point", -Infinity),
        End: step("time_point", Infinity),
        v: () => { controls.view.set("index", (controls.view.get("index") + 1) % setting.views.length); controls.view.save_changes(); },
        n: () => model.send({ kind: "next", step: 1 }),
        p: () => model.send({ kind: "next", step: -1 }),
        Enter: () => model.send({ kind: "pick here" }),
        "-": zoom(1 / ZOOM_STEP),
        0: zoom(0),
        " ": () => togglePlay(controls.play),
        f: () => fillScreen(page),
        Escape: () => { state.measured = null; draw(state); },
      };
  const action = event.key === "+" ? zoom(ZOOM_STEP) : (actions[event.key] ?? actions[event.key.toLowerCase()]);
  if (!action) return;
  event.preventDefault();
  event.stopPropagation();
  action();
}

const middleOf = (panel) => ({ x: panel.left + panel.width / 2, y: panel.top + panel.height / 2 });

const isPlaying = (play) => play.get("playing") ?? play.get("_playing"); // ipywidgets 8 and 7
const togglePlay = (play) => (isPlaying(play) ? play.pause() : play.play());

function turnWheel(state, event) {
  if (event.ctrlKey) { // with two fingers on a pad, too
    event.preventDefault();
    return zoomAt(state, find(state, event), event.deltaY < 0 ? ZOOM_STEP : 1 / ZOOM_STEP);
  }
  if (document.activeElement !== state.page.canvas) return; // else the wheel scrolls the page
  event.preventDefault();
  move(state, event.shiftKey ? "time_point" : "z", Math.sign(event.deltaY || event.deltaX) * (event.shiftKey ? 1 : -1));
}
