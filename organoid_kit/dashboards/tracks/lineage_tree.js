// A lineage tree as SVG text. A click, or a key, tells the kernel which position is meant; the kernel says what to draw.

function render({ model, el }) {
  const box = document.createElement("div");
  box.className = "ok-lineage-tree";
  box.tabIndex = 0;
  box.setAttribute("role", "application");
  box.setAttribute("aria-label", "Lineage tree. Arrow keys: left and right time point, up and down lineage.");
  el.appendChild(box);

  const moveLine = () => {
    const line = box.querySelector(".ok-now");
    if (line) line.setAttribute("transform", `translate(${model.get("now")} 0)`);
  };
  const draw = () => {
    box.innerHTML = model.get("svg");
    moveLine();
  };

  // Places are in the coordinates of the SVG; rows lie apart, so that the row under the pointer counts more.
  const findNearest = (x, y) => {
    let best = null, least = Infinity;
    for (const [placeX, placeY, row] of model.get("places")) {
      const distance = Math.hypot(placeX - x, 3 * (placeY - y));
      if (distance < least) [best, least] = [row, distance];
    }
    return best;
  };

  box.addEventListener("click", (event) => {
    const svg = box.querySelector("svg");
    if (!svg) return;
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    const row = findNearest(point.x, point.y);
    if (row !== null) model.send({ kind: "pick", row });
  });

  const steps = { ArrowLeft: ["time point", -1], ArrowRight: ["time point", 1], ArrowUp: ["lineage", -1], ArrowDown: ["lineage", 1] };
  box.addEventListener("keydown", (event) => {
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    model.send({ kind: step[0], step: step[1] });
  });

  model.on("change:svg", draw);
  model.on("change:now", moveLine);
  draw();
  return () => {
    model.off("change:svg", draw);
    model.off("change:now", moveLine);
  };
}

// Runs as soon as the page has loaded this script, before anything is shown: the kernel waits to hear of it.
function initialize({ model }) {
  model.set("ready", true);
  model.save_changes();
}

export default { initialize, render };
