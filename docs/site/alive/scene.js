// Images and peaks: numbers in, numbers out. Triples are z, y, x; lengths in µm; voxels measure 2 × 1 × 1 µm.
"use strict";

const SPACING = [2, 1, 1];

/** Random numbers 0..1 that are the same for the same seed (mulberry32). */
function makeRandom(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Chromatin of a nucleus: some waves, each [z, y, x, phase] per µm. */
function makeGrain(seed) {
  const random = makeRandom(seed);
  return Array.from({ length: 6 }, () => [...[0, 0, 0].map(() => 3.2 * (random() - 0.5)), 6.3 * random()]);
}

/**
 * Draws nuclei: {centre, halfAxes, brightness, grain}, lengths in µm, as a microscope blurs them.
 * The middle of voxel 0 lies at `origin`. Brightness 1 is white.
 */
function drawNuclei(nuclei, shape, origin = [0, 0, 0]) {
  const image = new Float32Array(shape[0] * shape[1] * shape[2]);
  for (const { centre, halfAxes, brightness, grain } of nuclei) {
    const [low, high] = [-1, 1].map((side) =>
      shape.map((size, axis) => {
        const edge = (centre[axis] - origin[axis] + side * (halfAxes[axis] + 1)) / SPACING[axis];
        return Math.min(size - 1, Math.max(0, side < 0 ? Math.floor(edge) : Math.ceil(edge)));
      })
    );
    const steepness = Math.min(...halfAxes) / 0.5;
    for (let k = low[0]; k <= high[0]; k++)
      for (let j = low[1]; j <= high[1]; j++)
        for (let i = low[2]; i <= high[2]; i++) {
          const place = [k, j, i].map((n, axis) => origin[axis] + n * SPACING[axis] - centre[axis]);
          const distance = Math.hypot(...place.map((um, axis) => um / halfAxes[axis]));
          const step = Math.max(-1, Math.min(1, (1 - distance) * steepness));
          const inside = 0.5 + step * (0.75 - 0.25 * step * step);
          let texture = 1;
          for (const wave of grain)
            texture += 0.09 * Math.cos(wave[0] * place[0] + wave[1] * place[1] + wave[2] * place[2] + wave[3]);
          const voxel = (k * shape[1] + j) * shape[2] + i;
          image[voxel] = Math.max(image[voxel], inside * brightness * texture);
        }
  }
  return blur(image, shape, [1.2, 0.6, 0.6]);
}

/** Blurs with a Gaussian of these standard deviations, µm; the image ends with its last voxels repeated. */
function blur(image, shape, sigmas) {
  const strides = [shape[1] * shape[2], shape[2], 1];
  return sigmas.reduce((before, sigma, axis) => {
    const width = sigma / SPACING[axis];
    const reach = Math.ceil(3 * width);
    if (!reach || shape[axis] === 1) return before;
    const weights = Array.from({ length: 2 * reach + 1 }, (_, n) => Math.exp(-(((n - reach) / width) ** 2) / 2));
    const sum = weights.reduce((a, b) => a + b);
    const after = new Float32Array(before.length);
    for (let voxel = 0; voxel < before.length; voxel++) {
      const place = Math.floor(voxel / strides[axis]) % shape[axis];
      let total = 0;
      for (let n = -reach; n <= reach; n++) {
        const beside = Math.min(shape[axis] - 1, Math.max(0, place + n));
        total += weights[n + reach] * before[voxel + (beside - place) * strides[axis]];
      }
      after[voxel] = total / sum;
    }
    return after;
  }, image);
}

/** Adds normally distributed noise (Box and Muller). */
function addNoise(image, amount, seed) {
  if (!amount) return image;
  const random = makeRandom(seed);
  return image.map((value) => value + amount * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()));
}

/** Magnifies a stack about its middle, by linear interpolation; beyond its ends all is dark. */
function magnify(image, shape, factor) {
  if (factor === 1) return image;
  const after = new Float32Array(image.length);
  const middle = shape.map((size) => (size - 1) / 2);
  for (let k = 0; k < shape[0]; k++)
    for (let j = 0; j < shape[1]; j++)
      for (let i = 0; i < shape[2]; i++) {
        const from = [k, j, i].map((n, axis) => middle[axis] + (n - middle[axis]) / factor);
        const corner = from.map(Math.floor);
        let total = 0;
        for (let side = 0; side < 8; side++) {
          const at = corner.map((n, axis) => n + ((side >> axis) & 1));
          if (at.some((n, axis) => n < 0 || n >= shape[axis])) continue;
          const weight = at.reduce((product, n, axis) => product * (1 - Math.abs(n - from[axis])), 1);
          total += weight * image[(at[0] * shape[1] + at[1]) * shape[2] + at[2]];
        }
        after[(k * shape[1] + j) * shape[2] + i] = total;
      }
  return after;
}

/** Background becomes 0, bright nuclei 1, by two quantiles; some twenty voxels are enough to be bright. */
function normalise(image, [dark, bright]) {
  const sorted = Float32Array.from(image).sort();
  const low = sorted[Math.floor(dark * (sorted.length - 1))];
  const high = sorted[Math.max(Math.floor(bright * (sorted.length - 1)), sorted.length - 20)];
  return high > low ? image.map((value) => Math.max(-1, (value - low) / (high - low))) : new Float32Array(image.length);
}

/** Time points, one image each, become the last axis. */
function joinTimes(images) {
  const joined = new Float32Array(images.length * images[0].length);
  images.forEach((image, time) => image.forEach((value, voxel) => (joined[voxel * images.length + time] = value)));
  return joined;
}

/**
 * Peaks of a probability map above a threshold, highest first: [{position, height}], position z, y, x in voxels.
 * As find_peaks of the kit: a plateau is one peak; the place is the top of a parabola through the logarithms of
 * three voxels along each axis; of two that are too close the higher one stays.
 */
function findPeaks(heat, shape, threshold, minDistance) {
  const strides = [shape[1] * shape[2], shape[2], 1];
  const unravel = (voxel) => shape.map((size, axis) => Math.floor(voxel / strides[axis]) % size);
  const isTop = (voxel) => heat[voxel] > threshold && neighbours(voxel, shape).every((n) => heat[n] <= heat[voxel]);
  const tops = new Set();
  for (let voxel = 0; voxel < heat.length; voxel++) if (isTop(voxel)) tops.add(voxel);
  const found = [];
  while (tops.size) {
    const group = [tops.values().next().value];
    tops.delete(group[0]);
    for (const voxel of group) for (const near of neighbours(voxel, shape)) if (tops.delete(near)) group.push(near);
    const places = group.map(unravel);
    const mean = [0, 1, 2].map((axis) => places.reduce((sum, place) => sum + place[axis], 0) / places.length);
    const far = places.map((place) => place.reduce((sum, n, axis) => sum + (n - mean[axis]) ** 2, 0));
    const voxel = group[far.indexOf(Math.min(...far))];
    found.push({ position: unravel(voxel).map((n, axis) => n + findTop(heat, voxel, n, axis)), height: heat[voxel] });
  }
  function findTop(map, voxel, place, axis) {
    if (place === 0 || place === shape[axis] - 1) return 0;
    const [before, middle, after] = [-1, 0, 1].map((n) => Math.log(Math.max(map[voxel + n * strides[axis]], 1e-6)));
    const curvature = before - 2 * middle + after;
    return curvature > -1e-9 ? 0 : Math.max(-0.5, Math.min(0.5, (0.5 * (before - after)) / curvature));
  }
  found.sort((a, b) => b.height - a.height);
  const kept = [];
  const toUm = ({ position }) => position.map((n, axis) => n * SPACING[axis]);
  for (const peak of found) if (kept.every((other) => measure(toUm(peak), toUm(other)) > minDistance)) kept.push(peak);
  return kept;
}

/** The voxels that touch one, in a stack of this shape. */
function neighbours(voxel, shape) {
  const [k, j, i] = [Math.floor(voxel / (shape[1] * shape[2])), Math.floor(voxel / shape[2]) % shape[1], voxel % shape[2]];
  const near = [];
  for (let z = Math.max(0, k - 1); z <= Math.min(shape[0] - 1, k + 1); z++)
    for (let y = Math.max(0, j - 1); y <= Math.min(shape[1] - 1, j + 1); y++)
      for (let x = Math.max(0, i - 1); x <= Math.min(shape[2] - 1, i + 1); x++) {
        const other = (z * shape[1] + y) * shape[2] + x;
        if (other !== voxel) near.push(other);
      }
  return near;
}

/** Distance of two places in µm. */
function measure(one, other) {
  return Math.hypot(...one.map((um, axis) => um - other[axis]));
}

/** A network's probability made believable: a straight line through its log-odds. */
function calibrate(probability, [slope, intercept]) {
  const clipped = Math.max(1e-6, Math.min(1 - 1e-6, probability));
  return 1 / (1 + Math.exp(-(slope * Math.log(clipped / (1 - clipped)) + intercept)));
}
const invertCalibration = (probability, [slope, intercept]) => calibrate(probability, [1 / slope, -intercept / slope]);

/** Which of two lists of positions, µm, belong together: pairs closer than a distance, nearest first. */
function matchPositions(ones, others, distance) {
  const pairs = ones.flatMap((one, a) => others.map((other, b) => [measure(one, other), a, b])).filter(([far]) => far <= distance);
  const [taken, used] = [new Map(), new Set()];
  for (const [, a, b] of pairs.sort((p, q) => p[0] - q[0]))
    if (!taken.has(a) && !used.has(b)) {
      taken.set(a, b);
      used.add(b);
    }
  return taken;
}
