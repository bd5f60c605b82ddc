// Tells the kernel which key was pressed anywhere in one dashboard, but where someone types or chooses.
// Listens to the window, before the notebook takes keys such as A or D for itself.

const TYPING = "input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable=true]";

function initialize({ model }) {
  const listen = (event) => {
    const box = event.target instanceof Element && event.target.closest(`.${model.get("box")}`);
    if (!box || event.target.closest(TYPING) || event.altKey || event.metaKey || event.isComposing) return;
    const key = `${event.ctrlKey ? "Ctrl+" : ""}${event.key.length === 1 ? event.key.toUpperCase() : event.key}`;
    if (!model.get("pressable").includes(key)) return;
    event.preventDefault();
    event.stopPropagation();
    if (!event.repeat) model.send({ key });
  };
  window.addEventListener("keydown", listen, true);
  return () => window.removeEventListener("keydown", listen, true);
}

export default { initialize, render: () => {} };
