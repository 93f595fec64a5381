// Elements without markup in strings: whatever comes from a client ends as text, never as HTML.

const SVG = 'http://www.w3.org/2000/svg';

// h makes an element. Properties: class, on (listeners by event), data (data-*), text, and attributes; false, null and undefined leave
// an attribute out, true sets it empty. Children are nodes, texts, or lists of both; what is null or false is passed over.
export function h(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

// s is h for SVG.
export function s(tag, props = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(el, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === 'class') el.setAttribute('class', Array.isArray(value) ? value.filter(Boolean).join(' ') : value);
    else if (name === 'on') for (const [event, f] of Object.entries(value)) el.addEventListener(event, f);
    else if (name === 'data') for (const [k, v] of Object.entries(value)) { if (v !== undefined && v !== null) el.dataset[k] = v; }
    else if (name === 'vars') for (const [k, v] of Object.entries(value)) el.style.setProperty(`--${k}`, v);
    else if (name === 'text') el.textContent = value;
    else if (name === 'value') el.value = value;
    else if (name === 'checked') el.checked = value;
    else el.setAttribute(name, value === true ? '' : String(value));
  }
  append(el, children);
  return el;
}

function append(el, children) {
  for (const c of children) {
    if (c === null || c === undefined || c === false) continue;
    if (Array.isArray(c)) append(el, c);
    else el.append(c instanceof Node ? c : document.createTextNode(String(c)));
  }
}

// put makes nodes the only children of an element.
export function put(el, ...children) {
  el.replaceChildren();
  append(el, children);
  return el;
}

// icon is one of the symbols of index.html. With a label it is an image to screen readers, without one it is passed over.
export function icon(name, label, cls = '') {
  const use = s('use', { href: `#i-${name}` });
  return label
    ? s('svg', { class: `icon ${cls}`, role: 'img', 'aria-label': label, viewBox: '0 0 20 20' }, use)
    : s('svg', { class: `icon ${cls}`, 'aria-hidden': 'true', focusable: 'false', viewBox: '0 0 20 20' }, use);
}

// keep brings the children of parent in line with items: an element that stands for an item stays the same element, so that focus and
// scrolling survive. Of each item, key tells which it is, make makes its element, and renew(element, item), if given, brings one up to date
// when what sign says of the item changed.
export function keep(parent, items, { key, make, renew, sign = JSON.stringify }) {
  const old = new Map();
  for (const el of [...parent.children]) {
    if (el.dataset.key === undefined) el.remove();
    else old.set(el.dataset.key, el);
  }
  const wanted = items.map((item) => {
    const k = String(key(item));
    const signature = sign(item);
    let el = old.get(k);
    old.delete(k);
    if (el && el.signature !== signature) {
      if (renew) renew(el, item);
      else el = swap(el, make(item));
    } else if (!el) {
      el = make(item);
    }
    el.dataset.key = k;
    el.signature = signature;
    return el;
  });
  for (const el of old.values()) el.remove();
  wanted.forEach((el, i) => {
    if (parent.children[i] !== el) parent.insertBefore(el, parent.children[i] ?? null);
  });
}

// swap puts a new element in the place of an old one, and the focus on the part with the same data-focus.
function swap(el, fresh) {
  const active = document.activeElement;
  const inside = el.contains(active) ? active.closest('[data-focus]') : null;
  el.replaceWith(fresh);
  if (inside) fresh.querySelector(`[data-focus="${CSS.escape(inside.dataset.focus)}"]`)?.focus();
  return fresh;
}

// say has screen readers say a sentence when they have time.
export function say(text) {
  const el = document.getElementById('polite');
  el.textContent = '';
  requestAnimationFrame(() => { el.textContent = text; });
}

// width calls f with the width of an element now and whenever it changes, until signal aborts.
export function width(el, signal, f) {
  let last = -1;
  const watch = new ResizeObserver((entries) => {
    const { width: w, height } = entries[0].contentRect;
    const now = `${Math.round(w)} ${Math.round(height)}`;
    if (now !== last && w > 0) {
      last = now;
      f(w, height);
    }
  });
  watch.observe(el);
  signal?.addEventListener('abort', () => watch.disconnect());
}
