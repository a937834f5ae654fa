"use strict";
const DATA = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const KINDS = { conv: "convolution", pool: "pooling", up: "up-convolution", head: "last convolution",
  concat: "skip: concatenated", sum: "skip: added", skip: "skip", other: "another layer" };
const COLOURS = { conv: "--conv", pool: "--pool", up: "--up", head: "--head", other: "--soft" };
const CIVIDIS = [[0,34,78],[0,46,106],[26,56,111],[50,67,109],[67,78,108],[83,90,109],[97,101,111],
  [111,112,115],[125,124,120],[140,136,120],[155,148,118],[171,160,114],[188,174,108],[205,187,99],
  [222,201,88],[240,216,70],[254,232,56]];
const BLUE_ORANGE = [[8,48,107],[33,113,181],[107,174,214],[198,219,239],[247,247,247],[253,208,162],
  [253,141,60],[217,72,1],[127,39,4]];
const PALETTE = [[51,51,51],[230,159,0],[86,180,233],[0,158,115],[240,228,66],[0,114,178],[213,94,0],
  [204,121,167],[153,153,153],[255,255,255]];

// ------------------------------------------------------------ small helpers

function make(tag, attributes = {}, words) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (words !== undefined) element.textContent = words;
  return element;
}
function draw(tag, attributes = {}, words) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (words !== undefined) element.textContent = words;
  return element;
}
function number(x) {
  if (x === 0) return "0";
  if (x === null) return "no finite number";
  const size = Math.abs(x);
  return size >= 1e4 || size < 1e-3 ? x.toExponential(1) : String(Number(x.toPrecision(3)));
}
function percent(x) {
  if (x > 0.99 && x < 1) return "over 99 %";
  if (x && Math.abs(x) < 0.0005) return Math.abs(x) < 5e-6 ? (x < 0 ? "just below 0 %" : "just above 0 %") : Number((100 * x).toPrecision(1)) + " %";
  return (100 * x).toFixed(Math.abs(x) < 0.0995 ? 1 : 0) + " %";
}
function signed(x) {  // as many digits as a score has; what they cannot show is 0
  const text = x.toFixed(3);
  return Number(text) === 0 ? "0" : x > 0 ? "+" + text : text;
}
const count = (n, one) => n.toLocaleString("en") + " " + one + (n === 1 ? "" : "s");
const by = (shape) => shape.join(" x ");
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function table(anchors) {
  const colours = new Uint8Array(768);
  for (let i = 0; i < 256; i++) {
    const place = (i / 255) * (anchors.length - 1), k = Math.min(Math.floor(place), anchors.length - 2);
    for (let c = 0; c < 3; c++)
      colours[3 * i + c] = Math.round(anchors[k][c] + (place - k) * (anchors[k + 1][c] - anchors[k][c]));
  }
  return colours;
}
const SEQUENTIAL = table(CIVIDIS), DIVERGING = table(BLUE_ORANGE);

// A sheet of pictures, read once: its pictures as bytes.
const read = new Map();
function pictures(sheet) {
  if (!read.has(sheet.png)) read.set(sheet.png, new Promise((done, fail) => {
    const image = new Image();
    image.onload = () => {
      const canvas = make("canvas"), pen = canvas.getContext("2d", { willReadFrequently: true });
      done(sheet.at.map(([top, height, width]) => {  // one by one: a canvas may not be as tall as a sheet
        canvas.width = width; canvas.height = height;
        pen.drawImage(image, 0, top, width, height, 0, 0, width, height);
        const rgba = pen.getImageData(0, 0, width, height).data;
        return { height, width, bytes: Uint8Array.from({ length: height * width }, (_, i) => rgba[4 * i]) };
      }));
    };
    image.onerror = () => fail(new Error("a picture of the page cannot be read"));
    image.src = sheet.png;
  }));
  return read.get(sheet.png);
}
function paint(canvas, { height, width, bytes }, colour) {
  canvas.width = width; canvas.height = height;
  const pen = canvas.getContext("2d"), image = pen.createImageData(width, height);
  for (let i = 0; i < bytes.length; i++) {
    const rgb = colour(bytes[i], i);
    image.data.set([rgb[0], rgb[1], rgb[2], 255], 4 * i);
  }
  pen.putImageData(image, 0, 0);
}
const from = (colours) => (byte) => colours.subarray(3 * byte, 3 * byte + 3);
// Ten colours that can be told apart; then the same, darker.
const label = (byte) => PALETTE[byte % PALETTE.length].map((v) => Math.round(v * 0.6 ** Math.floor(byte / PALETTE.length)));
const { paints } = DATA, LOGIT = paints ? "value" : "logit", { layers } = DATA.whatif;
const OUTCOME = paints ? (layers === 3 ? "what it paints, its three values as red, green and blue, each from -1 (0) to 1 (255)." : "the first of the values that it paints, from -1 (black) to 1 (white).") : DATA.whatif.two ? `the probability of ${DATA.classes[1]}: dark blue 0, yellow 1.` : "the class of each pixel, in the colours of the key.";
// What a network gives, number i of a sheet, in colours.
function paintOutcome(canvas, maps, i) {
  const own = maps.slice(i * layers, (i + 1) * layers);
  const rgb = (_, k) => [0, 1, 2].map((c) => own[Math.min(c, layers - 1)].bytes[k]);
  paint(canvas, own[0], paints ? rgb : DATA.whatif.two ? from(SEQUENTIAL) : label);
}
function classKey(list, picture) {
  if (paints || DATA.whatif.two) return list.replaceChildren();
  const pixels = new Map();
  picture.bytes.forEach((byte) => pixels.set(byte, (pixels.get(byte) ?? 0) + 1));
  list.replaceChildren(...DATA.classes.map((name, i) => {
    const item = make("li"), patch = make("b");
    patch.style.background = `rgb(${label(i)})`;
    item.append(patch, `${i}: ${name}, ${percent((pixels.get(i) ?? 0) / picture.bytes.length)}`);
    return item;
  }));
}
function bar(canvas, colours) {
  paint(canvas, { height: 1, width: 256, bytes: Uint8Array.from({ length: 256 }, (_, i) => i) }, from(colours));
}

// ------------------------------------------------------------ the drawing

const { layout } = DATA;
const told = new Map(DATA.boxes.map((box) => [box.box, box]));
let picked = 0;

function drawNetwork() {
  const [wide, tall] = layout.size;
  const svg = draw("svg", { viewBox: `0 0 ${wide} ${tall}`, width: wide, height: tall, role: "group",
    "aria-label": `The network ${DATA.model}: ${layout.boxes.length} arrays, left to right as they are computed` });
  const heads = draw("defs");
  svg.append(heads);
  layout.arrows.forEach((arrow, i) => svg.append(drawArrow(arrow, i)));
  layout.boxes.forEach((box, i) => svg.append(drawBox(box, i)));
  layout.arrows.filter((arrow) => arrow.skip !== null).forEach((arrow) => svg.append(drawNumber(arrow)));
  $("network").style.flexBasis = `${Math.max(500, wide)}px`;
  $("drawing").replaceChildren(svg);
  const kinds = [...new Set(layout.arrows.map((arrow) => arrow.kind))];
  $("legend").replaceChildren(...kinds.map((kind) => {
    const item = make("li"), line = make("i");
    line.style.borderColor = `var(${COLOURS[kind] ?? "--skip"})`;
    item.append(line, KINDS[kind] ?? kind);
    return item;
  }));
  svg.addEventListener("keydown", moveBox);
}
function drawArrow(arrow, i) {
  const colour = `var(${COLOURS[arrow.kind] ?? "--skip"})`, brings = arrow.skip !== null;
  const group = draw("g", { id: `arrow-${i}`, class: brings ? "arrow brings" : "arrow", stroke: colour, fill: colour });
  group.append(draw("polyline", { fill: "none" }), draw("path", { stroke: "none", class: "tip" }));
  shapeArrow(group, arrow, 1.5);
  if (brings) {  // a wide way to click, and its number
    group.append(draw("polyline", { points: arrow.way.map((point) => point.join(",")).join(" "), fill: "none", class: "wider" }));
    group.addEventListener("click", () => pick(arrow.start, true));
  }
  group.append(draw("title", {}, arrowWords(arrow)));
  return group;
}
function drawNumber({ way, skip }) {  // of a skip, on the longest level part of its way
  let best = [way[0], way[0]];
  way.slice(1).forEach(([x, y], i) => { if (y === way[i][1] && Math.abs(x - way[i][0]) > Math.abs(best[1][0] - best[0][0])) best = [way[i], [x, y]]; });
  return draw("text", { x: (best[0][0] + best[1][0]) / 2, y: best[0][1] - 8, "text-anchor": "middle", class: "number" }, `skip ${skip + 1}`);
}
// The line ends where the head begins, so that it shows however thick the line is.
function shapeArrow(group, arrow, thick) {
  const points = arrow.way, [x, y] = points.at(-1), [px, py] = points.at(-2);
  const length = Math.hypot(x - px, y - py) || 1, dx = (x - px) / length, dy = (y - py) / length;
  const head = Math.min(7 + thick, 0.7 * length), half = Math.max(4, thick);
  const [bx, by] = [x - head * dx, y - head * dy];
  const line = group.querySelector("polyline");
  line.setAttribute("points", [...points.slice(0, -1), [bx, by]].map((point) => point.join(",")).join(" "));
  line.setAttribute("stroke-width", thick);
  group.querySelector(".tip").setAttribute("d", `M${x},${y} L${bx - half * dy},${by + half * dx} L${bx + half * dy},${by - half * dx} Z`);
}
function arrowWords(arrow) {
  return `${arrow.skip === null ? "" : `skip ${arrow.skip + 1}, `}${KINDS[arrow.kind] ?? arrow.kind}: ${layout.boxes[arrow.start].name} to ${layout.boxes[arrow.end].name}`;
}
function words(i) {
  const box = layout.boxes[i], facts = told.get(i);
  let text = `${box.name}, ${by(box.shape)}`;
  if (facts && i) text += `, ${count(facts.parameters, "parameter")}, ${percent(facts.time)} of the time, ${percent(facts.memory)} of the memory`;
  return text;
}
function drawBox(box, i) {
  const [left, top, wide, tall] = box.at;
  const group = draw("g", { class: "box", role: "button", tabindex: i ? -1 : 0, "data-box": i, "aria-label": words(i) });
  const frame = { x: left, y: top, width: wide, height: tall };
  group.append(draw("rect", { ...frame, class: "frame" }));
  group.append(draw("rect", { x: left - 8, y: top - 14, width: wide + 16, height: tall + 28, class: "hit" }));
  if (box.across) {
    const across = draw("rect", { ...frame, width: (wide * box.across) / box.shape[2], class: "across" });
    across.addEventListener("click", (event) => {
      const white = across.getBoundingClientRect(), parts = (told.get(i)?.joined ?? []).filter((part) => part.skip !== null);
      const brought = origin(parts, ((event.clientX - white.left) / white.width) * box.across);
      if (!brought) return;
      event.stopPropagation();
      pick(brought.box, true);
    });
    group.append(across);
  }
  const arrows = layout.arrows.filter((arrow) => arrow.start === i || arrow.end === i);
  let above = [left + wide / 2, "middle"], below = [left + wide / 2, "middle"];
  for (const arrow of arrows) {  // beside an arrow that comes in or goes out there
    const first = arrow.start === i, [[x, y], [tip, end]] = [arrow.way[0], arrow.way.at(-1)];
    if (arrow.way.length > 2 || x !== tip) continue;
    if (end > y) { if (first) below = [x + 7, "start"]; else above = [x - 7, "end"]; }
    else if (first) above = [x + 7, "start"]; else below = [x - 7, "end"];
  }
  const [height, width, channels] = box.shape;
  group.append(draw("text", { x: above[0], y: top - 4, "text-anchor": above[1] }, channels));
  group.append(draw("text", { x: below[0], y: top + tall + 12, "text-anchor": below[1], class: "soft" },
    height === width ? height : `${height}x${width}`));
  group.append(draw("title", {}, words(i)));
  group.addEventListener("click", () => pick(i, true));
  group.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); pick(i, true); }
  });
  return group;
}
// Which of the arrays that are joined has a channel.
function origin(parts, channel) {
  let first = 0;
  return parts.find((part) => { first += part.channels; return channel < first; });
}
// What crosses into the lowest level; the arrows within it are not told from each other.
function intoBottom(arrow) {
  const lowest = layout.bottom === null ? -1 : layout.boxes[layout.bottom].level;
  return arrow.skip === null && layout.boxes[arrow.end].level === lowest && layout.boxes[arrow.start].level < lowest;
}
function moveBox(event) {
  const last = layout.boxes.length - 1;
  const to = { ArrowRight: picked + 1, ArrowDown: picked + 1, ArrowLeft: picked - 1, ArrowUp: picked - 1,
    Home: 0, End: last }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  pick(Math.min(Math.max(to, 0), last), true);
}
function inSight(box) {  // sideways only: the drawing may be wider than the window
  const frame = $("drawing"), outer = frame.getBoundingClientRect(), inner = box.getBoundingClientRect();
  if (inner.left < outer.left || inner.right > outer.right)
    frame.scrollLeft += inner.left - outer.left - (outer.width - inner.width) / 2;
}
function pick(i, focus) {
  picked = i;
  for (const box of document.querySelectorAll(".box")) {
    const here = Number(box.dataset.box) === i;
    box.classList.toggle("picked", here);
    box.setAttribute("tabindex", here ? 0 : -1);
    if (here) { box.setAttribute("aria-pressed", "true"); if (focus) { box.focus({ preventScroll: true }); inSight(box); } }
    else box.setAttribute("aria-pressed", "false");
  }
  document.querySelectorAll("#overview-table tbody tr").forEach((row) => row.classList.toggle("picked", Number(row.dataset.row) === i));
  showMaps();
}

// ------------------------------------------------------------ a box's maps

async function showMaps() {
  const facts = told.get(picked), box = layout.boxes[picked];
  $("box-name").textContent = box.name;
  if (!facts) {
    $("box-words").replaceChildren(make("li", {}, "No layer that ran makes this array on its own."));
    $("grid").replaceChildren();
    $("histogram").replaceChildren();
    $("histogram-words").textContent = $("grid-scale").textContent = "";
    return;
  }
  const shown = facts.channels.length, all = box.shape[2];
  const lines = [`${by(box.shape)} (height, width, channels)`];
  if (picked) lines.push(`${facts.layers.join(", ")}: ${count(facts.parameters, "parameter")}`,
    `${percent(facts.time)} of the time (forward ${facts.ms[0].toFixed(1)} ms, backward ${facts.ms[1].toFixed(1)} ms); ${percent(facts.memory)} of the memory of all arrays (${facts.mb.toFixed(2)} MB)`);
  lines.push(`Zeros: ${percent(facts.zeros)} of the values` + (facts.dead.length ? `. Dead, 0 at every pixel of this image: channel${facts.dead.length > 1 ? "s" : ""} ${facts.dead.slice(0, 40).join(", ")}${facts.dead.length > 40 ? ", ..." : ""}` : facts.relu ? ". No ReLU is dead: every channel is above 0 somewhere" : ""));
  let first = 0;
  const parts = facts.joined.map((part) => {
    const range = `channels ${first} to ${first + part.channels - 1} come from ${part.from}`;
    first += part.channels;
    return range + (part.skip !== null ? ` by skip ${part.skip + 1}` : box.across ? ", from below" : "");
  });
  if (parts.length) lines.push(`Joined: ${parts.join("; ")}`);
  const where = (channel) => {
    const part = origin(facts.joined, channel);
    return !part ? "" : part.skip !== null ? `, from skip ${part.skip + 1}` : box.across ? ", from below" : `, from ${part.from}`;
  };
  lines.push(`Shown: ${shown < all ? `the ${shown} strongest of ${all} channels` : all > 1 ? `all ${all} channels, the strongest first` : "its only channel"}` +
    (facts.thinned > 1 ? `, each pixel the mean of ${facts.thinned} x ${facts.thinned}` : ""));
  $("box-words").replaceChildren(...lines.map((fact) => make("li", {}, fact)));
  const maps = await pictures(facts.sheet);
  if (told.get(picked) !== facts) return;
  const one = $("one-scale").checked;
  const far = (c) => Math.max(-c.low, c.high);
  const most = Math.max(...facts.channels.map(far)), signed = facts.channels.some((c) => c.low < 0);
  const colours = signed ? DIVERGING : SEQUENTIAL;
  $("grid").replaceChildren(...facts.channels.map((channel, k) => {
    const figure = make("figure"), own = channel.low < 0;
    const canvas = make("canvas", { role: "img", "aria-label":
      `Channel ${channel.channel} of ${box.name}: from ${number(channel.low)} to ${number(channel.high)}, mean ${number(channel.mean)}, ${percent(channel.zeros)} zeros` });
    const scale = one && most ? far(channel) / most : 1;
    paint(canvas, maps[k], (byte) => {
      let value = own ? (byte - 127.5) / 127.5 : byte / 255;
      value *= scale;
      return from(colours)(Math.round(signed ? 127.5 + 127.5 * value : 255 * value));
    });
    figure.append(canvas, make("figcaption", {}, `channel ${channel.channel}${where(channel.channel)}: ${number(channel.low)} to ${number(channel.high)}, ${percent(channel.zeros)} zeros`));
    return figure;
  }));
  bar($("grid-bar"), colours);
  const end = one ? number(most) : "its largest size";
  $("grid-scale").textContent = (signed ? `from -${end} (blue) over 0 (white) to ${end} (brown)` : `from 0 (dark blue) to ${end} (yellow)`) +
    (one ? ", the same for all channels." : ", each channel on its own.");
  showHistogram(facts, box);
}
$("one-scale").addEventListener("change", showMaps);

function showHistogram(facts, box) {
  const { counts, low, high } = facts.histogram, wide = 420, tall = 110, most = Math.max(...counts);
  const svg = $("histogram");
  svg.setAttribute("viewBox", `0 0 ${wide} ${tall + 18}`);
  svg.style.width = "100%"; svg.style.maxWidth = wide + "px";
  const step = wide / counts.length, log = (n) => (n ? Math.log10(n + 1) / Math.log10(most + 1) : 0);
  const parts = counts.map((n, i) => draw("rect", { x: i * step + 0.5, y: tall - tall * log(n), width: step - 1, height: tall * log(n), fill: "var(--conv)" }));
  parts.push(draw("text", { x: 0, y: tall + 14 }, number(low)), draw("text", { x: wide, y: tall + 14, "text-anchor": "end" }, number(high)));
  if (low < 0 && high > 0) {
    const x = (wide * -low) / (high - low);
    parts.push(draw("line", { x1: x, x2: x, y1: 0, y2: tall, stroke: "var(--pick)", "stroke-dasharray": "3 3" }));
    if (x > 60 && x < wide - 60) parts.push(draw("text", { x, y: tall + 14, "text-anchor": "middle" }, "0"));
  }
  svg.replaceChildren(...parts);
  svg.setAttribute("aria-label", `Histogram of all values of ${box.name}, from ${number(low)} to ${number(high)}; ${percent(facts.zeros)} are 0`);
  $("histogram-words").textContent = `All values of ${box.name}: how many lie where, in ${counts.length} bins; heights are logarithmic, the highest bar is ${most.toLocaleString("en")} values.`;
}

// ------------------------------------------------------------ all layers

function startOverview() {
  const columns = [["size", "size", (b) => `${b.shape[0]} x ${b.shape[1]}`], ["channels", "channels", (b) => b.shape[2]],
    ["parameters", "parameters", (b) => b.parameters.toLocaleString("en")],
    ["dead", "dead channels", (b) => (b.relu ? b.dead.length : "")], ["zeros", "zeros", (b) => percent(b.zeros)],
    ["time", "forward + backward", (b) => `${b.ms[0].toFixed(1)} + ${b.ms[1].toFixed(1)} ms`], ["memory", "memory", (b) => `${b.mb.toFixed(2)} MB`]];
  const head = make("tr"), top = make("thead"), body = make("tbody");
  head.append(make("th", { scope: "col" }, "layer"), ...columns.map(([, name]) => make("th", { scope: "col" }, name)));
  top.append(head);
  for (const facts of DATA.boxes.slice(1)) {
    const row = make("tr", { "data-row": facts.box }), name = make("th", { scope: "row" }), button = make("button", { type: "button", class: "link" }, facts.name);
    name.append(button);
    row.append(name, ...columns.map(([key, , value]) => {
      const most = DATA.largest[key].includes(facts.box), cell = make("td", most ? { class: "most" } : {}, value(facts));
      if (most) cell.append(make("span", { class: "unseen" }, " (the most)"));
      return cell;
    }));
    row.addEventListener("click", () => { pick(facts.box, false); $("maps").scrollIntoView(); });
    body.append(row);
  }
  $("overview-table").replaceChildren(top, body);
  $("overview-words").textContent = "The most of each column is marked. Click a row, or press Enter on its name, to see its maps. What only norms, rectifies, crops or joins is counted with the layer beside it. Dead: 0 at every pixel of this image, of layers with a ReLU.";
  $("overview").open = window.innerWidth >= 700;
}
function hints() {  // where something goes on beyond its frame
  document.querySelectorAll(".hint").forEach((hint) => {
    hint.hidden = hint.nextElementSibling.scrollWidth <= hint.nextElementSibling.clientWidth + 1;
  });
}

// ------------------------------------------------------------ a pixel's view

let place = 0;
const { views } = DATA, two = DATA.whatif.two;
let seenImage = null;

function loadImage() {
  return new Promise((done) => { const image = new Image(); image.onload = () => done(image); image.src = DATA.image.png; });
}
// Lines over a picture, as thin on any screen: two strokes, so that they can be seen on any colour.
function drawOver(svg, height, width, parts) {
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.replaceChildren(...parts.flatMap(([kind, path]) => ["under", kind].map((name) => draw("path", { d: path, class: name === "under" ? `${kind} under` : kind }))));
}
const frameOf = (top, left, height, width) => `M${left},${top}h${width}v${height}h${-width}z`;
const dot = ({ row, column }) => `M${column + 0.5},${row + 0.5}h.001`;
const whose = (here) => paints ? DATA.classes[here.channel] : two && DATA.channels === 1 ? DATA.classes[1] : className(here.channel);
const className = (i) => (DATA.classes[i] === `class ${i}` ? `class ${i}` : `class ${i} (${DATA.classes[i]})`);

async function showPrediction() {
  const canvas = $("prediction"), maps = await pictures(DATA.whatif.sheet), map = maps[0];
  paintOutcome(canvas, maps, 0);
  const here = views.places[place], size = Math.max(3, Math.round(map.width / 60));
  drawOver($("prediction-over"), map.height, map.width, [["dots", views.places.map(dot).join("")],
    ["chosen", frameOf(here.row + 0.5 - size, here.column + 0.5 - size, 2 * size, 2 * size)], ["dots chosen", dot(here)]]);
  canvas.setAttribute("aria-label", `Prediction; row ${here.row}, column ${here.column} is chosen. Arrow keys choose another of ${views.places.length} places.`);
  classKey($("prediction-key"), map);
  $("prediction-words").textContent = `Prediction: ${OUTCOME} ` +
    `White dots: the ${views.places.length} places with a view; orange: the one shown.`;
}
async function showField() {
  seenImage ??= await loadImage();
  const here = views.places[place], k = Number($("target").value), map = here.maps[k];
  const target = views.maps[k], canvas = $("field"), shows = $("field-shows").value;
  const picture = map && (await pictures(here.sheet))[map.at];
  if (here !== views.places[place] || k !== Number($("target").value) || shows !== $("field-shows").value) return;  // chosen anew meanwhile
  const [high, wide] = target.shape;
  canvas.width = wide; canvas.height = high;
  canvas.style.aspectRatio = `${wide} / ${high}`;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  if (shows === "gradient") { pen.fillStyle = css("--panel"); pen.fillRect(0, 0, wide, high); }
  else { pen.globalAlpha = shows === "both" ? 0.45 : 1; pen.drawImage(seenImage, 0, 0, wide, high); pen.globalAlpha = 1; }
  $("field-whose").textContent = whose(here);
  if (!map) {
    const none = `No way leads from this ${LOGIT} to that map.`;
    $("field-words").textContent = none; $("field-scale").textContent = "";
    drawOver($("field-over"), high, wide, []);
    canvas.setAttribute("aria-label", none);
    return;
  }
  const [top, left, height, width] = map.box;
  if (shows !== "image") {
    const image = pen.getImageData(left, top, width, height);
    picture.bytes.forEach((byte, i) => {
      if (byte) image.data.set([...SEQUENTIAL.subarray(3 * byte, 3 * byte + 3), 255], 4 * i);
    });
    pen.putImageData(image, left, top);
  }
  // Rows and columns of the image, not of what was put around it.
  const [above, before] = k ? [0, 0] : [DATA.image.top, DATA.image.left];
  const inner = (map.squares ?? []).map((side) => [side > Math.max(high, wide) ? "none" : "inner",
    frameOf(here.row + above + 0.5 - side / 2, here.column + before + 0.5 - side / 2, side, side)]);
  drawOver($("field-over"), high, wide, [...(views.framed ? [["chosen", frameOf(top, left, height, width)]] : []), ...inner, ...(k ? [] : [["dots chosen", dot({ row: here.row + above, column: here.column + before })]])]);
  const what = k ? `the map ${target.name}` : "the image" + (high > DATA.image.height || wide > DATA.image.width ? ` (what lies outside of rows 0 to ${DATA.image.height - 1} and columns 0 to ${DATA.image.width - 1} is its mirrored border)` : "");
  const sees = `It can see rows ${top - above} to ${top - above + height - 1} and columns ${left - before} to ${left - before + width - 1} of ${what}, ${height} x ${width} pixels: the theoretical receptive field of this place, drawn as the orange frame.`;
  const counts = map.squares?.length ? ` What counts in fact: half of the sum of |gradient| lies in a square of ${by([map.squares[0], map.squares[0]])} pixels around the place, 90 % in one of ${by([map.squares[1], map.squares[1]])} (white outlines).` : "";
  const most = map.most ? ` Most at row ${map.peak[0] - above}, column ${map.peak[1] - before} of ${k ? "the map" : "the image"}.` : " No gradient comes here.";
  const text = (views.framed ? sees : `What it can see of ${what} at most is not known for this network.`) + counts + most;
  $("field-words").textContent = text;
  canvas.setAttribute("aria-label", text);
  $("field-scale").textContent = `|d ${LOGIT} / d ${k ? "map" : "image"}|, summed over channels: yellow is the largest, ${number(map.most)} per unit of ${k ? "the map" : "brightness"}; each quarter of the scale to the left is a tenth of that; not coloured: exactly 0.`;
}
function showShares() {
  const here = views.places[place], rows = [];
  const parts = [...DATA.skips.map((skip, k) => [`skip ${k + 1}, from ${skip.from} (${skip.shape[0]} x ${skip.shape[1]})`, here.skips[k]]),
    [DATA.skips.length ? `bottom, by no skip${DATA.bottom ? ` (${DATA.bottom})` : ""}` : "the only way", here.bottom]];
  const known = parts.map((part) => part[1]).filter((share) => share !== null), low = Math.min(0, ...known), high = Math.max(1, ...known);
  const along = (share) => (100 * (share - low)) / (high - low);  // of the bar's width
  parts.forEach(([name, share], k) => {
    if (share === null) return;  // within another way, or not known
    const row = make("div", { class: "share" }), track = make("span", { class: "bar" }), line = make("i", share < 0 ? { class: "less" } : {});
    line.style.left = along(Math.min(0, share)) + "%";
    line.style.width = along(Math.abs(share)) - along(0) + "%";
    track.append(line, ...[0, 1].map((at) => { const tick = make("b"); tick.style.left = along(at) + "%"; return tick; }));
    const box = k < DATA.skips.length ? DATA.skips[k].box : layout.bottom;
    const button = make("button", { type: "button", class: "link", title: "Show its maps" }, name);
    if (box !== null) button.addEventListener("click", () => { pick(box, false); $("maps").scrollIntoView(); });
    row.append(box === null ? make("span", {}, name) : button, track, make("span", {}, percent(share)));
    rows.push(row);
  });
  if (!here.maps[0].most) rows.push(make("p", {}, "No gradient reaches the image from this ${LOGIT}: a ReLU is closed on every way."));
  if (!views.framed) rows.push(make("p", {}, "This network's forward makes arrays without layers, so the ways through it cannot be told apart."));
  else if (rows.length < parts.length) rows.push(make("p", { class: "note" }, "Skips that only lead into one of these ways are counted there."));
  $("shares").replaceChildren(...rows);
  const sunk = layout.arrows.some(intoBottom);
  layout.arrows.forEach((arrow, i) => {
    const bottom = sunk ? intoBottom(arrow) : arrow.end === layout.bottom;
    const share = arrow.skip !== null ? here.skips[arrow.skip] : bottom ? here.bottom : null;
    if (share === null) return;
    const group = $(`arrow-${i}`);
    shapeArrow(group, arrow, 1 + 7 * Math.min(1, Math.abs(share)));
    group.querySelector("polyline").setAttribute("stroke-dasharray", share < 0 ? "4 3" : "none");
    group.querySelector("title").textContent = `${arrowWords(arrow)}: ${percent(share)} of the gradient`;
  });
}
function showPlace() {
  const here = views.places[place];
  $("place").textContent = `Row ${here.row}, column ${here.column} of the image: the ${LOGIT} of ` +
    `${whose(here)}${paints ? ", the largest there," : DATA.channels > 1 ? ", which won there," : ""} is ${number(here.logit)}.`;
}
function look(i) {
  place = i;
  $("places").value = i < views.even ? -1 : i;
  $("places").options[0].textContent = i < views.even ? `one of the grid (row ${views.places[i].row}, column ${views.places[i].column})` : "the middle of the grid";
  showPrediction(); showField(); showShares(); showPlace();
}
function startViews() {
  if (!views) {
    $("pixel").querySelectorAll("figure, .controls, .scale, #shares, h3, .note").forEach((part) => { part.hidden = true; part.style.display = "none"; });
    $("pixel-intro").textContent = `There are no views: the network's backward does not run (${DATA.why}).`;
    return;
  }
  views.maps.forEach((map, k) => $("target").append(make("option", { value: k }, k ? `${map.name} (${map.shape[0]} x ${map.shape[1]})` : "image")));
  $("target").addEventListener("change", showField);
  $("field-shows").addEventListener("change", showField);
  bar($("field-bar"), SEQUENTIAL);
  const canvas = $("prediction");
  canvas.addEventListener("click", (event) => {
    const box = canvas.getBoundingClientRect();
    const column = ((event.clientX - box.left) / box.width) * DATA.image.width;
    const row = ((event.clientY - box.top) / box.height) * DATA.image.height;
    const far = (p) => Math.hypot(p.row + 0.5 - row, p.column + 0.5 - column);
    let best = 0;
    views.places.forEach((p, i) => { if (far(p) < far(views.places[best])) best = i; });
    look(best);
    $("place").textContent += ` You clicked row ${Math.floor(row)}, column ${Math.floor(column)}; this is the nearest place with a view.`;
  });
  canvas.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    const to = { Home: 0, End: views.places.length - 1 }[event.key] ?? (way && towards(...way));
    if (to === undefined) return;
    event.preventDefault();
    look(to);
  });
  const matter = views.places.slice(views.even);
  $("places").append(make("option", { value: -1 }, "the middle of the grid"), ...matter.map((p, i) => make("option", { value: views.even + i }, `${p.what} (row ${p.row}, column ${p.column})`)));
  $("places").parentElement.hidden = !matter.length;
  $("places").addEventListener("change", (event) => look(Number(event.target.value) < 0 ? Math.floor(views.even / 2) : Number(event.target.value)));
  $("arrow-words").textContent = DATA.skips.length ? "Arrows of skips, and the one that leads into the lowest level, are as thick as their share of the gradient of the place chosen below; dashed where it is negative. A click on a skip's arrow, or on the white part of the box that it leads to, shows what it brings." : "";
  look(matter.length ? views.even : Math.floor(views.even / 2));
}
// The nearest place that lies more in a direction than aside of it; this one if there is none.
function towards(down, across) {
  const here = views.places[place];
  let best = place, least = Infinity;
  views.places.forEach((p, i) => {
    const [y, x] = [p.row - here.row, p.column - here.column], along = y * down + x * across, aside = Math.abs(y * across) + Math.abs(x * down);
    if (along > 0 && aside <= along && along + aside < least) { best = i; least = along + aside; }
  });
  return best;
}

// ------------------------------------------------------------ what if

async function showVariant(i) {
  const { variants, sheet } = DATA.whatif, variant = variants[i], maps = await pictures(sheet);
  const now = maps[i * layers];
  $("variant-words").textContent = variant.words;
  if (i) $("variant-words").append(make("br"), paints ? `${percent(variant.changed)} of the pixels moved by more than 0.1 of -1 to 1; on average by ${number(variant.change)}, at most by ${number(variant.most)}.` : `${percent(variant.changed)} of the pixels have another class than before; the probabilities moved by ${number(variant.change)} on average, at most by ${number(variant.most)}.`);
  paintOutcome($("changed"), maps, i);
  $("changed-words").textContent = `${variant.name}: ${OUTCOME}`;
  classKey($("changed-key"), now);
  $("changed").setAttribute("aria-label", `Prediction, ${variant.name}`);
  $("difference-key").style.visibility = i ? "" : "hidden";
  if (i) showDifference(variant, maps, i);
  else await showImage();
  document.querySelectorAll("#scores tbody tr").forEach((row, k) => row.classList.toggle("picked", k === i));
}
async function showImage() {  // nothing differs from itself
  seenImage ??= await loadImage();
  if (!$("variants").querySelector("input").checked) return;  // chosen anew meanwhile
  const canvas = $("difference"), { top, left, height, width } = DATA.image;
  canvas.width = width; canvas.height = height;
  canvas.getContext("2d").drawImage(seenImage, left, top, width, height, 0, 0, width, height);
  $("difference-words").textContent = "The image. Here will be what a change changes.";
  canvas.setAttribute("aria-label", "The image");
}
function showDifference(variant, maps, i) {
  const first = maps[0], now = maps[i * layers];
  const most = (k) => Math.max(...Array.from({ length: layers }, (_, c) => Math.abs(maps[i * layers + c].bytes[k] - maps[c].bytes[k])));
  const shown = { ...now, bytes: now.bytes.map((byte, k) => (paints ? most(k) : two ? Math.round(127.5 + (byte - first.bytes[k]) / 2) : byte === first.bytes[k] ? 0 : 255)) };
  paint($("difference"), shown, from(two ? DIVERGING : SEQUENTIAL));
  $("difference-words").textContent = paints ? "How far it moved from what it is." : two ? "Minus the prediction as it is." : "Yellow: another class than as it is.";
  $("difference").setAttribute("aria-label", `Difference to the prediction as it is: ${percent(variant.changed)} of the pixels ${paints ? "moved by more than 0.1" : "changed their class"}`);
}
function variantName({ name }) {  // a skip by its number and its layer
  const skip = DATA.skips[/^skip (\d+) cut$/.exec(name)?.[1] - 1];
  return skip ? `${name} (${skip.from})` : name;
}
function startVariants() {
  const { variants } = DATA.whatif, groups = { cut: "a way cut", dropout: "dropout", border: "the border", symmetry: "the image turned" };
  let group = "";
  variants.forEach((variant, i) => {
    if (variant.group !== group) { group = variant.group; $("variants").append(make("b", {}, groups[group])); }
    const words = make("label"), input = make("input", { type: "radio", name: "variant", value: i });
    input.checked = i === 0;
    input.addEventListener("change", () => showVariant(i));
    words.append(input, " " + variantName(variant));
    $("variants").append(words);
  });
  bar($("difference-bar"), two ? DIVERGING : SEQUENTIAL);
  $("difference-scale").textContent = two ? "difference of probabilities: -1 (blue), 0 (white), +1 (brown)" : paints ? "largest difference of a value: 0 (dark blue) to 2 (yellow)" : "";
  if (!two && !paints) { $("difference-bar").hidden = true; $("difference-bar").style.display = "none"; }
  startScores();
  showVariant(0);
}
function startScores() {
  const { variants, scored } = DATA.whatif, names = scored ? Object.keys(variants[0].scores) : [];
  const head = make("tr"), body = make("tbody");
  ["", ...names, ...(paints ? ["moved by over 0.1", "moved on average", "at most"] : ["other class", "probability moved on average", "at most"])].forEach((name) => head.append(make("th", { scope: "col" }, name)));
  for (const variant of variants) {
    const row = make("tr");
    row.append(make("th", { scope: "row" }, variantName(variant)));
    for (const name of names) {
      const value = variant.scores[name], change = value - variants[0].scores[name];
      row.append(make("td", {}, variant === variants[0] ? value.toFixed(3) : `${value.toFixed(3)} (${signed(change)})`));
    }
    row.append(make("td", {}, percent(variant.changed)), make("td", {}, variant.change.toFixed(4)), make("td", {}, variant.most.toFixed(3)));
    body.append(row);
  }
  const top = make("thead");
  top.append(head);
  $("scores-words").textContent = scored ? "Scores against the given mask; in brackets, how they differ from the first row." : paints ? "It paints, so there are no scores." : "No mask was given, so there are no scores.";
  $("scores").replaceChildren(top, body);
}

// ------------------------------------------------------------ the film

const { film } = DATA;
const colourOf = (i) => `var(--line-${i % 8})`, dashOf = (i) => DASHES[Math.floor(i / 8) % 2];
const DASHES = ["none", "6 3"];
let playing = null;

// Lines over the steps, logarithmic upwards: [{name, points: [[step, value]]}].
function chart(svg, lines, total, words) {
  const wide = Math.min(460, Math.max(300, window.innerWidth - 40)), tall = 200, left = 64, bottom = 22;
  const values = lines.flatMap((line) => line.points.map((point) => point[1])).filter((v) => v > 0);
  if (!values.length) values.push(1);
  const low = Math.log10(Math.min(...values)), high = Math.log10(Math.max(...values)), span = high - low || 1;
  const x = (step) => left + ((wide - left - 4) * step) / total;
  const y = (value) => 8 + (tall - bottom - 8) * (1 - (Math.log10(Math.max(value, 10 ** low)) - low) / span);
  svg.setAttribute("viewBox", `0 0 ${wide} ${tall}`);
  svg.style.width = "100%";
  svg.setAttribute("aria-label", words);
  const parts = [draw("line", { x1: left, x2: wide - 4, y1: tall - bottom, y2: tall - bottom, stroke: "var(--line)" })];
  for (const value of [10 ** low, 10 ** ((low + high) / 2), 10 ** high])
    parts.push(draw("text", { x: left - 4, y: y(value) + 4, "text-anchor": "end", class: "soft" }, number(value)));
  parts.push(draw("text", { x: left, y: tall - 6, class: "soft" }, "step 1"), draw("text", { x: wide - 4, y: tall - 6, "text-anchor": "end", class: "soft" }, `step ${total}`));
  lines.forEach((line, i) => {
    const path = draw("polyline", { points: line.points.filter((point) => point[1] !== null).map((point) => `${x(point[0]).toFixed(1)},${y(point[1]).toFixed(1)}`).join(" "),
      fill: "none", stroke: colourOf(i), "stroke-width": 1.6, "stroke-dasharray": dashOf(i) });
    path.append(draw("title", {}, line.name));
    parts.push(path);
  });
  const now = draw("line", { y1: 4, y2: tall - bottom, stroke: "var(--pick)", "stroke-width": 1.5, class: "now" });
  parts.push(now);
  svg.replaceChildren(...parts);
  return (step) => { now.setAttribute("x1", x(step)); now.setAttribute("x2", x(step)); };
}
function keys(id, words, names) {
  $(`${id}-words`).textContent = words;
  $(`${id}-key`).replaceChildren(...names.map((name, i) => {
    const item = make("li"), line = draw("svg", { width: 22, height: 8, "aria-hidden": "true" });
    line.append(draw("line", { x1: 0, x2: 22, y1: 4, y2: 4, stroke: colourOf(i), "stroke-width": 2.5, "stroke-dasharray": dashOf(i) }));
    item.append(line, " " + name);
    return item;
  }));
}
function startFilm() {
  if (!film) return;
  $("film").hidden = $("film-link").hidden = false;
  $("film-words").textContent = `${film.steps.length} moments of the training's ${film.total} steps, closer together at the beginning. It shows an image of its own, by default the first of the validation, else of the training. Move the slider with the arrow keys.`;
  const loss = film.loss.map((value, i) => [Math.min(film.total, (i + 0.5) * film.every), value]);
  const movers = [chart($("curve"), [{ name: "loss", points: loss }], film.total,
    `The loss of each step, from ${number(film.loss[0])} to ${number(film.loss.at(-1))}`)];
  keys("curve", `The loss${film.every > 1 ? `, means over ${film.every} steps` : ""}, on a logarithmic scale; the upright line is the moment shown.`, ["loss"]);
  for (const [id, kind, words] of [["norms", "gradients", "Norms of the gradients of each layer's weights in that step"], ["weights", "weights", "Norms of each layer's weights"]]) {
    const lines = film.names.map((name, k) => ({ name, points: film.steps.map((step, m) => [step, film[kind][m][k]]) }));
    movers.push(chart($(id), lines, film.total, `${words}, for ${film.names.join(", ")}`));
    keys(id, `${words} (square roots of sums of squares), on a logarithmic scale; ${film.names.length} of ${film.of} layers.`, film.names);
  }
  const slider = $("moment");
  slider.max = film.steps.length - 1;
  slider.value = slider.max;
  const show = () => showMoment(Number(slider.value), movers);
  slider.addEventListener("input", () => { stop(); show(); });
  $("play").addEventListener("click", () => {
    if (playing) return stop();
    if (slider.value === slider.max) slider.value = 0;
    $("play").textContent = "Stop";
    playing = setInterval(() => {
      if (slider.value === slider.max) return stop();
      slider.value = Number(slider.value) + 1;
      show();
    }, 350);
    show();
  });
  const stop = () => { clearInterval(playing); playing = null; $("play").textContent = "Play"; };
  $("film-scale").textContent = `The first channels of some convolutions, every k-th pixel, without signs: each from 0 (dark blue) to its largest at that moment (yellow), which is written below it.`;
  $("film-seen").hidden = !film.image;
  if (film.image) { $("film-image").src = film.image; $("film-image").alt = "The image that the film shows"; }
  $("film-maps").replaceChildren(...film.layers.map((name, i) => {
    const row = make("div", { class: "film-layer" }), grid = make("div", { class: "grid" });
    for (let c = 0; c < film.channels[i]; c++) {
      const figure = make("figure");
      figure.append(make("canvas", { role: "img" }), make("figcaption"));
      grid.append(figure);
    }
    row.append(make("h4", {}, name), grid);
    return row;
  }));
  show();
}
async function showMoment(m, movers) {
  const all = await pictures(film.sheet), maps = film.channels.reduce((sum, n) => sum + n, 0);
  let at = m * (maps + 1);
  $("moment-words").textContent = `step ${film.steps[m]} of ${film.total}`;
  movers.forEach((move) => move(film.steps[m]));
  classKey($("film-key"), all[at]);
  paint($("film-prediction"), all[at++], two ? from(SEQUENTIAL) : label);
  $("film-prediction").setAttribute("aria-label", `Prediction at step ${film.steps[m]}`);
  $("film-prediction-words").textContent = `Prediction after step ${film.steps[m]}, thinned out to 96 pixels at most: ${OUTCOME}`;
  const figures = $("film-maps").querySelectorAll("figure");
  let k = 0;
  film.layers.forEach((name, i) => {
    for (let c = 0; c < film.channels[i]; c++) {
      const [canvas, words] = figures[k++].children, most = number(film.highs[m][i][c]);
      canvas.setAttribute("aria-label", `${name}, channel ${c}, up to ${most}`);
      paint(canvas, all[at++], from(SEQUENTIAL));
      words.textContent = `${c}: to ${most}`;
    }
  });
}

// ------------------------------------------------------------ start

function start() {
  document.querySelectorAll(".logit").forEach((word) => { word.textContent = LOGIT; });
  const { image } = DATA;
  $("title").textContent = DATA.title;
  $("what").textContent = `${DATA.model}: ${count(DATA.parameters, "parameter")}, on an image of ${image.height} x ${image.width} pixels` +
    (image.seen[0] > image.height || image.seen[1] > image.width ? `, seen with a mirrored border as ${image.seen[0]} x ${image.seen[1]}` : "") + `. Made by tinyunet ${DATA.version}; nothing on this page comes from elsewhere.`;
  drawNetwork();
  startOverview();
  pick(Math.min(2, layout.boxes.length - 1), false);
  startViews();
  startVariants();
  startFilm();
  hints();
  window.addEventListener("resize", hints);
  $("overview").addEventListener("toggle", hints);
  $("exactness").replaceChildren(...DATA.exactness.map((text) => make("li", {}, text)));
}
start();
