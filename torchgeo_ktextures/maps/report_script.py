# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What the report of a segmentation does in a browser."""

#: Script at the end of the page. DATA is replaced by what the page knows, see
#: :mod:`torchgeo_ktextures.pipelines.segment_report`.
SCRIPT = """
<script>
'use strict';
const data = DATA;
const total = data.pixels.length, all = data.pixels.reduce((a, b) => a + b, 0) || 1;
const $ = id => document.getElementById(id);
const list = (selector, parent = document) => [...parent.querySelectorAll(selector)];
const decimals = (value, n) => value.toLocaleString('en-US',
  {minimumFractionDigits: n, maximumFractionDigits: n});
const sum = (values, members) => members.reduce((a, i) => a + values[i], 0);
let k = total, only = null, owner = [], labels = null;
let names = data.pixels.map(() => '');
document.documentElement.classList.add('js');

// The class that each class is a part of when there are k.
function cut(k) {
  const found = data.pixels.map((_, i) => i);
  for (const {into, part} of data.merges.slice(0, total - k))
    found.forEach((c, i) => { if (c === part) found[i] = into; });
  return found;
}
const members = c => owner.flatMap((o, i) => o === c ? [i] : []);
const used = () => data.order.filter(i => owner[i] === i);
const percent = c => decimals(100 * sum(data.pixels, members(c)) / all, 1) + ' %';
const called = c => names[c] ? `${c} ${names[c]}` : `class ${c}`;

// Labels are the bytes of the picture of the map, inflated.
async function readLabels(image) {
  const bytes = Uint8Array.from(atob(image.src.split(',')[1]), c => c.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  for (let at = 8; at < bytes.length; at += view.getUint32(at) + 12) {
    const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (kind !== 'IDAT') continue;
    const block = bytes.subarray(at + 8, at + 8 + view.getUint32(at));
    const stream = new Blob([block]).stream()
      .pipeThrough(new DecompressionStream('deflate'));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }
}
const classAt = (row, col) => labels[row * (canvas.width + 1) + col + 1];

// The picture under the map.
const canvas = $('painted'), map = $('classes'), under = new Image();
map.before(under);
function paint() {
  if (!labels) return;
  const context = canvas.getContext('2d');
  const image = context.createImageData(canvas.width, canvas.height);
  const opacity = $('opacity').value / 100;
  // Packed, as a byte of each would take longer.
  const pixels = new Uint32Array(image.data.buffer);
  const table = new Uint32Array(256);
  owner.forEach((c, i) => {
    const [r, g, b] = data.colors[c];
    const alpha = only === null || only === c ? opacity : Math.min(opacity, 0.12);
    table.set([Math.round(255 * alpha) << 24 | b << 16 | g << 8 | r], i);
  });
  for (let row = 0, at = 0; row < canvas.height; row++)
    for (let col = 0; col < canvas.width; col++) pixels[at++] = table[classAt(row, col)];
  context.putImageData(image, 0, 0);
}

function update() {
  owner = cut(k);
  if (only !== null) only = owner[only];
  list('[data-k]').forEach(e => { e.textContent = k; });
  if ($('k')) $('k').value = k;
  for (const row of list('tr[data-class]')) {
    const i = +row.dataset.class, main = owner[i] === i, parts = members(i);
    row.classList.toggle('part', !main);
    row.classList.toggle('faded', only !== null && owner[i] !== only);
    const others = parts.filter(p => p !== i).join(', ');
    row.querySelector('.about').textContent =
      main ? (others && `with ${others}`) : `part of ${owner[i]}`;
    const own = main ? parts : [i];
    for (const cell of list('[data-value]', row)) {
      const value = cell.dataset.value;
      cell.textContent = value === 'share'
        ? decimals(100 * sum(data.pixels, own) / all, 1) + ' %'
        : decimals(sum(data[value], own), value === 'ha' ? 1 : 0);
    }
    const last = data.merges.slice(0, total - k).filter(m => m.into === i).pop();
    row.querySelector('.own').innerHTML = (last || {}).chart ?? data.charts[i];
  }
  for (const line of list('.tree [data-class]')) {
    const c = owner[+line.dataset.class], done = +line.dataset.step <= total - k;
    line.style.stroke = done ? `rgb(${data.colors[c]})` : '';
    line.style.opacity = only !== null && done && c !== only ? 0.15 : 1;
  }
  for (const bar of list('.tree rect'))
    bar.classList.toggle('done', +bar.dataset.step < total - k);
  for (const line of list('.tree .cut'))
    for (const x of ['x1', 'x2'])
      line.setAttribute(x, 100 * (total - k + 0.5) / total + '%');
  for (const curve of list('.curve')) {
    const [first, last, left, right] = curve.dataset.x.split(' ').map(Number);
    const at = left + (k - first) / Math.max(last - first, 1e-12) * (right - left);
    for (const line of list('.cut', curve)) {
      for (const x of ['x1', 'x2']) line.setAttribute(x, at);
      line.setAttribute('visibility', k < first || k > last ? 'hidden' : 'visible');
    }
  }
  for (const button of list('button[data-class]')) {
    const i = +button.dataset.class, c = owner[i];
    button.setAttribute('aria-pressed', only === c);
    button.hidden = button.dataset.kind === 'chip' && c !== i;
    const swatch = button.querySelector('.swatch');
    swatch.style.background = `rgb(${data.colors[c]})`;
    button.querySelector('.label').textContent = button.dataset.kind === 'chip'
      ? `${called(i)}, ${percent(i)}` : c === i ? `${i} ${names[i]}` : `${i} in ${c}`;
  }
  $('shown').toggleAttribute('data-on', only !== null);
  if (only !== null) $('what').textContent = `${called(only)}, ${percent(only)}`;
  check();
  paint();
}

function highlight(c) { only = c === undefined || owner[c] === only ? null : owner[c];
                        update(); }
function choose(value) { k = Math.min(total, Math.max(Math.min(2, total), value)); update(); }

// Names that relabel would refuse.
function check() {
  const seen = new Map();
  let text = '';
  for (const c of used().filter(c => names[c])) {
    const key = names[c].toLowerCase(), first = seen.get(key);
    if (first === undefined) seen.set(key, c);
    else if (names[first] !== names[c])
      text = `“${names[first]}” (${first}) and “${names[c]}” (${c}) differ only in ` +
        'upper and lower case: spell them alike to make them one class.';
  }
  if (!$('save')) return;
  $('problem').textContent = text;
  const named = used().filter(c => names[c]).length;
  $('count').textContent = `${named} of ${used().length} classes have a name`;
}

// A legend as segment writes it, with names and the colours that are shown.
function legend() {
  return data.legend.map(part => {
    if (typeof part === 'string') return part;
    if ('color' in part) return `[${data.colors[owner[part.color]].join(', ')}]`;
    const c = owner[part.name];
    const name = names[c] || (members(c).length > 1 ? `class ${c}` : '');
    return JSON.stringify(name).replace(/[\\u007f-\\u009f\\u2028\\u2029\\ufeff]/g,
      c => '\\\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'));
  }).join('');
}
const store = {
  get() { try { return JSON.parse(localStorage.getItem(data.key)); } catch { return null; } },
  set() { try { localStorage.setItem(data.key, JSON.stringify(names)); } catch { } },
};

names = (store.get() || names).slice(0, total);
for (const input of list('input[data-name]')) {
  const i = +input.dataset.name;
  input.value = names[i] || '';
  input.oninput = () => {
    names[i] = input.value.split(/\\s+/).filter(word => word).join(' ');
    store.set();
    update();
  };
}
for (const button of list('button[data-class]'))
  button.onclick = () => highlight(+button.dataset.class);
$('release').onclick = () => highlight();
document.addEventListener('keydown', e => {
  if (e.key === 'Escape' && only !== null) highlight();
});
if ($('k')) {
  $('k').oninput = () => choose(+$('k').value);
  $('fewer').onclick = () => choose(k - 1);
  $('more').onclick = () => choose(k + 1);
}
for (const tree of list('.tree')) tree.onclick = event => {
  const line = event.target.closest('[data-class]');
  if (line && +line.dataset.step <= total - k) return highlight(+line.dataset.class);
  const box = tree.getBoundingClientRect();
  choose(Math.ceil(total * (1 - (event.clientX - box.left) / box.width)));
};

function shown() {
  const chosen = list('input[name=view]').find(input => input.checked);
  const figure = chosen && $(chosen.value);
  const side = $('side').checked;
  for (const f of list('.views figure')) f.classList.toggle('off', f.id !== 'found' &&
    (!side || f !== figure));
  if (figure) under.src = figure.querySelector('img').src;
  document.querySelector('.views').classList.toggle('side', side);
  document.querySelector('.views').classList.toggle('single', !side);
}
list('input[name=view]').forEach(input => { input.onchange = shown; });
$('side').onchange = shown;
$('opacity').oninput = () => {
  $('percent').textContent = `${$('opacity').value} %`;
  paint();
};

// Where the pointer is, in all pictures.
function pixelOf(event) {
  const box = event.currentTarget.getBoundingClientRect();
  const x = (event.clientX - box.left) / box.width;
  const y = (event.clientY - box.top) / box.height;
  return [x, y, labels && x >= 0 && y >= 0 && x < 1 && y < 1
    ? classAt(Math.floor(y * canvas.height), Math.floor(x * canvas.width)) : undefined];
}
for (const stack of list('.stack')) {
  const dots = list('.stack i');
  stack.onpointermove = event => {
    const [x, y, i] = pixelOf(event);
    for (const dot of dots) {
      dot.style.cssText = `display: block; left: ${100 * x}%; top: ${100 * y}%`;
    }
    const c = owner[i];
    $('here').textContent = c === undefined ? 'no class here'
      : `${called(c)}, ${percent(c)}` + (c === i ? '' : ` (its part ${i})`);
  };
  stack.onpointerleave = () => {
    dots.forEach(dot => { dot.style.display = 'none'; });
    $('here').textContent = $('here').dataset.text;
  };
  stack.onclick = event => {
    const i = pixelOf(event)[2];
    if (owner[i] !== undefined) highlight(i); else if (only !== null) highlight();
  };
}

if ($('save')) $('save').onclick = () => {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([legend()], {type: 'text/yaml'}));
  link.download = data.file;
  link.click();
};

shown();
update();
(data.readable ? readLabels(map) : Promise.resolve()).then(found => {
  if (!found) return;
  labels = found;
  map.classList.add('hidden');
  paint();
}).catch(() => {});
</script>
"""
