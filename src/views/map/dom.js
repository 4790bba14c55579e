// Elements. Text from a dump becomes a text node and nothing else.

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  for (const child of children)
    if (child !== null && child !== undefined) element.append(typeof child === "object" ? child : visible(child));
  return element;
}

/** Characters that steer, hide or reorder others are shown by their number. */
function visible(text) {
  return String(text).replace(/[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g,
    (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
}

function replaceChildren(element, ...children) {
  element.replaceChildren(...children.filter((child) => child !== null && child !== undefined)
    .map((child) => (typeof child === "object" ? child : visible(child))));
}

/** A word of a shell. */
function quoted(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : "'" + word.replaceAll("'", "'\\''") + "'";
}

function commandLine(text) {
  const button = make("button", {class: "copy", type: "button", title: "copy"}, "copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "copied";
    } catch {
      getSelection().selectAllChildren(button.previousSibling);
      button.textContent = "selected";
    }
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  });
  return make("div", {class: "command"}, make("code", {}, text), button);
}

function swatch(colour, extra = "") {
  const box = make("span", {class: "swatch " + extra, "aria-hidden": "true"});
  if (colour) box.style.background = colour;
  return box;
}

/** A canvas as sharp as the screen; returns its context, in CSS pixels. */
function prepareCanvas(canvas) {
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  const width = canvas.clientWidth, height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return {context, width, height};
}

const themeColour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
