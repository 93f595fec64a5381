// The map of the network: land, day and night, the sites where they are, and the links of this site as arcs. It is a picture: everything it
// shows stands in the tables below it as well.

import { h, put, s, width } from '../dom.js';
import { duration } from '../format.js';
import { known, local, now } from '../clock.js';
import { state } from '../state.js';
import { LAND } from './land.js';
import { place } from './places.js';
import { height, sun, terminator } from './sun.js';
import { label, spread } from './labels.js';

const TALL = 1.25; // a degree of latitude is drawn so much taller than one of longitude
const NORTH = 81;
const SOUTH = -57;
const COARSE = 3; // pixels of the map for one of the shade of the night

// worldMap makes the map; it draws itself anew when it is resized, when news come, and each minute.
export function worldMap(signal, { wall = false } = {}) {
  const canvas = h('canvas', { class: 'map-night', 'aria-hidden': 'true' });
  const ground = s('svg', { class: 'map-ground', 'aria-hidden': 'true' });
  const svg = s('svg', { class: 'map-svg', role: 'img' });
  const el = h('div', { class: 'map' }, ground, canvas, svg);
  let size = null;
  const draw = () => {
    if (size?.w > 1 && size.h > 1) render({ ground, svg, canvas, wall, ...size });
  };
  width(el, signal, (w, height_) => { size = { w, h: height_ }; draw(); });
  state.on('network', signal, draw);
  state.on('forwarding', signal, draw);
  const clock = setInterval(draw, 60000);
  signal.addEventListener('abort', () => clearInterval(clock));
  for (const media of ['(prefers-color-scheme: dark)', '(prefers-contrast: more)']) matchMedia(media).addEventListener('change', draw, { signal });
  window.addEventListener('look', draw, { signal });
  state.on('activity', signal, (a) => pulse(svg, a));
  return el;
}

// view finds the scale and shift that shows all sites with room around them, and as much of the world as there is room for.
function view(w, tall, points) {
  const lons = points.map((p) => p.lon);
  const lats = points.map((p) => p.lat);
  const box = points.length
    ? { west: Math.min(...lons) - 28, east: Math.max(...lons) + 28, south: Math.min(...lats) - 24, north: Math.max(...lats) + 22 }
    : { west: -180, east: 180, south: SOUTH, north: NORTH };
  grow(box, 'west', 'east', 130);
  grow(box, 'south', 'north', 62);
  const whole = Math.min(w / 360, tall / ((NORTH - SOUTH) * TALL));
  const k = Math.max(whole, Math.min(w / (box.east - box.west), tall / ((box.north - box.south) * TALL)));
  const middle = (at, half, low, high) => (half * 2 >= high - low ? (low + high) / 2 : Math.max(low + half, Math.min(high - half, at)));
  const lon = middle((box.west + box.east) / 2, w / k / 2, -180, 180);
  const lat = middle((box.south + box.north) / 2, tall / k / TALL / 2, SOUTH, NORTH);
  return {
    k, x: (at) => w / 2 + (at - lon) * k, y: (at) => tall / 2 - (at - lat) * k * TALL,
    lonOf: (x) => lon + (x - w / 2) / k, latOf: (y) => lat - (y - tall / 2) / k / TALL,
  };
}

function grow(box, low, high, least) {
  const lack = least - (box[high] - box[low]);
  if (lack > 0) {
    box[low] -= lack / 2;
    box[high] += lack / 2;
  }
}

function render({ ground, svg, canvas, w, h: tall, wall }) {
  const small = w < 520;
  const big = Math.max(small ? 0.85 : 1, Math.min(2.2, w / 1150)) * (wall ? 1.15 : 1);
  const sites = state.sites.map((site) => ({ site, ...place(site) }));
  const v = view(w, tall, sites.filter((p) => known(p.site)));
  const at = sun(now());
  shade(canvas, w, tall, v, at);
  svg.setAttribute('viewBox', `0 0 ${w} ${tall}`);
  svg.setAttribute('aria-label', words());
  ground.setAttribute('viewBox', `0 0 ${w} ${tall}`);
  put(ground, s('g', { transform: `matrix(${v.k / 10} 0 0 ${(v.k * TALL) / 10} ${v.x(0)} ${v.y(0)})` }, s('path', { d: LAND, class: 'land' })));
  const line = terminator(at).map(([lon, lat], i) => `${i ? 'L' : 'M'}${v.x(lon).toFixed(1)} ${v.y(lat).toFixed(1)}`).join('');
  const points = spread(sites.map((p) => ({ ...p, x: v.x(p.lon), y: v.y(p.lat) })), 17 * big);
  const self = points.find((p) => p.site.self);
  const taken = points.map((p) => ({ x: p.x - 9 * big, y: p.y - 9 * big, w: 18 * big, h: 18 * big }));
  const arcs = points.filter((p) => self && p !== self).map((p) => arc(self, p, big, taken, small));
  const labels = points.map((p) => label(p, { w, h: tall, big, taken, lines: small ? [p.site.site] : [p.site.site, said(p.site)] }));
  put(svg, s('path', { d: line, class: 'terminator' }), sunMark(v, at, w, tall), arcs.map((a) => a.curve), points.map((p) => dot(p, big)), arcs.map((a) => a.chip), labels);
  svg.arcs = Object.fromEntries(arcs.map((a) => [a.site, a.curve.querySelector('.arc')]));
}

function said(site) {
  if (!known(site)) return '';
  const open = { true: 'open', false: 'closed' }[site.open] ?? '';
  return open ? `${local(site)} · ${open}` : local(site);
}

// words is the map for those who do not see it.
function words() {
  const sites = state.sites.map((x) => `${x.site}${known(x) ? `, ${local(x)}` : ''}${x.open === true ? ', open' : x.open === false ? ', closed' : ''}${x.self ? ', this site' : `, link ${state.destination(x.site)?.state ?? 'unknown'}`}`);
  return sites.length ? `Map of the network with day and night. ${sites.join('. ')}. The tables below say the same and more.` : 'Map of the network';
}

// shade darkens the night, softly through the twilight, on a coarse canvas that is drawn larger.
function shade(canvas, w, tall, v, at) {
  const cw = Math.ceil(w / COARSE);
  const ch = Math.ceil(tall / COARSE);
  Object.assign(canvas, { width: cw, height: ch });
  const style = getComputedStyle(canvas);
  const [r, g, b] = style.getPropertyValue('--night').trim().split(/\s+/).map(Number);
  const depth = Number(style.getPropertyValue('--night-depth')) * 255;
  const heightAt = height(at);
  const ctx = canvas.getContext('2d');
  const image = ctx.createImageData(cw, ch);
  for (let y = 0, i = 0; y < ch; y += 1) {
    const lat = Math.max(-89.9, Math.min(89.9, v.latOf((y + 0.5) * COARSE)));
    for (let x = 0; x < cw; x += 1, i += 4) {
      const dark = Math.max(0, Math.min(1, -heightAt(lat, v.lonOf((x + 0.5) * COARSE)) / 12));
      image.data[i] = r;
      image.data[i + 1] = g;
      image.data[i + 2] = b;
      image.data[i + 3] = depth * (dark * dark * (3 - 2 * dark) * 0.75 + (dark > 0 ? 0.25 : 0) * Math.min(1, dark * 6));
    }
  }
  ctx.putImageData(image, 0, 0);
}

function sunMark(v, at, w, tall) {
  const x = v.x(at.lon);
  const y = v.y(at.lat);
  if (x < 0 || y < 0 || x > w || y > tall) return null;
  return s('g', { class: 'sun', transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})` }, s('circle', { r: 22, class: 'sun-glow' }), s('circle', { r: 4.5, class: 'sun-core' }));
}

// dot is a site: full when it is open, hollow when closed, dashed when nobody knows; this site has a second ring.
function dot(p, big) {
  const shape = { true: 'is-open', false: 'is-closed' }[p.site.open] ?? 'is-unknown';
  return s('g', { class: `site ${shape}`, transform: `translate(${p.x.toFixed(1)} ${p.y.toFixed(1)}) scale(${big})` },
    s('circle', { r: 9.5, class: 'site-halo' }), p.site.self && s('circle', { r: 9, class: 'site-self' }), s('circle', { r: 5, class: 'site-dot' }),
    s('title', {}, `${p.site.site}${p.site.timezone ? ` (${p.site.timezone})` : ''}`));
}

const MARKS = { ok: null, degraded: 'M0-6.5 6.5 5h-13zM0-2v3.2M0 3.1v.1', down: 'M-4-4 4 4M4-4-4 4' };

// arc is the link to one site. Its state is told by the colour, by the stroke (whole, dashed, dotted) and by the mark in its middle.
function arc(from, to, big, taken, small) {
  const d = state.destination(to.site.site);
  const how = d?.state ?? 'unknown';
  const dx = to.x - from.x;
  const far = Math.hypot(dx, to.y - from.y);
  const lift = Math.min(far * 0.28, 130 * big);
  const cx = (from.x + to.x) / 2;
  const cy = (from.y + to.y) / 2 - lift * (far < 60 ? 0.4 : 1);
  const path = `M${from.x.toFixed(1)} ${from.y.toFixed(1)}Q${cx.toFixed(1)} ${cy.toFixed(1)} ${to.x.toFixed(1)} ${to.y.toFixed(1)}`;
  const curve = s('g', { class: `link is-${how}` }, s('path', { d: path, class: 'arc-under' }), s('path', { d: path, class: 'arc', 'stroke-width': 1.8 * big }), s('title', {}, title(to.site.site, d)));
  const mid = { x: (from.x + to.x) / 4 + cx / 2, y: (from.y + to.y) / 4 + cy / 2 };
  const text = small && how === 'ok' ? '' : chipText(d);
  const chip = text || MARKS[how] ? chipAt(mid, how, text, big, taken) : null;
  return { site: to.site.site, curve, chip };
}

function chipText(d) {
  if (!d) return '';
  if (d.parked) return `${d.parked} parked`;
  const owed = d.pending + d.waiting + d.in_flight;
  if (d.state === 'down') return owed ? `${owed} waiting` : 'down';
  if (owed > 0) return `${owed} under way`;
  return d.lag_seconds?.p50 ? duration(d.lag_seconds.p50) : '';
}

function chipAt({ x, y }, how, text, big, taken) {
  const mark = MARKS[how];
  const wide = (text.length * 6.4 + (mark ? 22 : 0) + 14) * big;
  const tall = 20 * big;
  taken.push({ x: x - wide / 2, y: y - tall / 2, w: wide, h: tall });
  return s('g', { class: `chip is-${how}`, transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})` },
    s('rect', { x: -wide / 2, y: -tall / 2, width: wide, height: tall, rx: tall / 2 }),
    mark && s('path', { d: mark, class: 'chip-mark', transform: `translate(${(-wide / 2 + 14 * big).toFixed(1)} 0) scale(${(big * 0.85).toFixed(2)})` }),
    text && s('text', { x: mark ? 9 * big : 0, y: 4 * big, 'font-size': 11.5 * big, 'text-anchor': 'middle' }, text));
}

function title(site, d) {
  if (!d) return `${site}: nothing is known of the link`;
  return `${site}: ${d.state}, breaker ${d.breaker}, lag p50 ${duration(d.lag_seconds?.p50)}, p99 ${duration(d.lag_seconds?.p99)}, ${d.pending} pending, ${d.waiting} waiting, ${d.parked} parked`;
}

// pulse lets a light run along the arc of something that was delivered.
function pulse(svg, a) {
  const other = [a.to, a.site, a.from].find((x) => x && svg.arcs?.[x]);
  if (!other || !['delivered', 'forwarded', 'applied', 'owned'].includes(a.kind) || matchMedia('(prefers-reduced-motion: reduce)').matches) return;
  const path = svg.arcs[other];
  const long = path.getTotalLength();
  const light = s('circle', { r: 3.5, class: 'pulse' });
  svg.append(light);
  const back = a.to !== other && a.site !== other;
  const begin = performance.now();
  const step = (t) => {
    const done = Math.min(1, (t - begin) / 1100);
    const p = path.getPointAtLength(long * (back ? 1 - done : done));
    light.setAttribute('transform', `translate(${p.x} ${p.y})`);
    if (done < 1 && light.isConnected) requestAnimationFrame(step);
    else light.remove();
  };
  requestAnimationFrame(step);
}
