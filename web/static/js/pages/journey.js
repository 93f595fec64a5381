// The journey of a request over the sites: a lane for each, time to the right; below it everything as a table. On narrow screens the
// table stands alone as a line of events from top to bottom.

import { h, icon, put, s, width } from '../dom.js';
import { duration, full, stamp } from '../format.js';
import { badge, card, empty, when } from '../ui/parts.js';
import { table } from '../ui/table.js';

// What each kind of event is called, its form in the picture, and its tone.
export const KINDS = {
  created: ['created', 'square', 'accent'], updated: ['updated', 'square', 'plain'], replaced: ['replaced', 'square', 'plain'], deleted: ['deleted', 'cross', 'plain'],
  applied: ['copy refreshed', 'circle', 'ok'], forwarded: ['forwarded to the owner', 'chevron', 'plain'], refused: ['refused', 'cross', 'bad'], 'in-doubt': ['in doubt', 'diamond', 'bad'],
  queued: ['queued for the owner', 'chevron', 'warn'], conflict: ['conflict', 'diamond', 'warn'], planned: ['hand-over planned', 'ring', 'plain'], released: ['released', 'ring', 'accent'],
  owned: ['ownership began', 'star', 'accent'], reclaimed: ['reclaimed', 'star', 'warn'], owed: ['on its way', 'ring', 'warn'],
  'handed-over': ['hand-over confirmed', 'ring', 'ok'], resumed: ['hand-over declined', 'ring', 'warn'], deposed: ['taken by force', 'cross', 'warn'], removed: ['copy removed', 'cross', 'plain'],
  entered: ['became a request', 'square', 'accent'], noticed: ['changed behind the gateway', 'diamond', 'warn'], 'not-done': ['found not to have happened', 'cross', 'plain'], rebuilt: ['learnt again', 'ring', 'plain'],
  parked: ['delivery parked', 'cross', 'bad'],
};

const FORMS = {
  square: 'M-5-5h10v10H-5z', circle: 'M-5.5 0a5.5 5.5 0 1 0 11 0a5.5 5.5 0 1 0-11 0', ring: 'M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0',
  cross: 'M-4.5-4.500l9 9M4.5-4.500l-9 9', diamond: 'M0-7 7 0 0 7-7 0z', chevron: 'M-4-5.5 4.5 0-4 5.500z', star: 'M0-8 2.3-2.9 7.8-2.5 3.6 1.1 4.9 6.5 0 3.6-4.9 6.5-3.6 1.1-7.8-2.5-2.3-2.900z',
};

// journey draws the answer of /requests/{ref}/journey.
export function journey(j, signal) {
  const events = [...(j.events ?? [])].sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  const sites = order(j, events);
  const missing = (j.sites ?? []).filter((x) => !x.reached);
  const title = 'Journey';
  if (!events.length) return card(title, {}, empty('Nothing is known of its journey', '', 'info'));
  const picture = h('div', { class: 'journey', tabindex: '0', role: 'group', 'aria-label': 'Journey as a picture; the table below says the same' });
  width(picture, signal, (w) => put(picture, draw(j, events, sites, w)));
  const note = [`${events.length} events over ${sites.length} ${sites.length === 1 ? 'site' : 'sites'}`, events.length > 1 && `in ${duration((Date.parse(events.at(-1).at) - Date.parse(events[0].at)) / 1000)}`].filter(Boolean).join(' ');
  const shown = new Set(events.map((e) => e.kind));
  return [card(title, { cls: 'flush journey-card', note },
    missing.length > 0 && h('div', { class: 'notice warn inset' }, icon('warn'), h('p', {}, `Without ${missing.map((x) => `${x.site}${x.cause ? ` (${x.cause})` : ''}`).join(', ')}: what happened there is missing.`)),
    picture,
    h('ul', { class: 'legend journey-legend' }, Object.entries(KINDS).filter(([k]) => shown.has(k)).map(([, [name, form, tone]]) => h('li', {}, glyph(form, tone), name))),
    standing(j), eventTable(events))];
}

function glyph(form, tone) {
  return s('svg', { class: `glyph ${tone}`, viewBox: '-9 -9 18 18', 'aria-hidden': 'true' }, s('path', { d: form_(form), class: `ev-${form}` }));
}

const form_ = (form) => FORMS[form] ?? FORMS.circle;

// order puts the site where it began first, then the others as the request came to them.
function order(j, events) {
  const out = [];
  for (const name of [j.origin, ...events.flatMap((e) => [e.site, e.from, e.to]), ...(j.sites ?? []).map((x) => x.site)]) {
    if (name && !out.includes(name)) out.push(name);
  }
  return out;
}

// columns give each event a place: the same moment the same place, later ones further right, by the logarithm of the time between, so
// that milliseconds and days have room in one picture.
function columns(events, room) {
  const gaps = events.slice(1).map((e, i) => Math.max(0, Date.parse(e.at) - Date.parse(events[i].at)));
  const wide = gaps.map((ms) => 42 + Math.log10(1 + ms / 20) * 12);
  const sum = wide.reduce((a, b) => a + b, 0);
  const stretch = sum > 0 ? Math.max(0.8, Math.min(3.2, room / sum)) : 1;
  const xs = [0];
  wide.forEach((x, i) => xs.push(xs[i] + x * stretch));
  return { xs, gaps };
}

function draw(j, events, sites, w) {
  const left = Math.min(150, Math.max(84, Math.max(...sites.map((x) => x.length)) * 7.2 + 24));
  const { xs, gaps } = columns(events, w - left - 72);
  const wide = Math.max(w, left + xs.at(-1) + 72);
  const lane = 56;
  const top = 30;
  const tall = top + lane * sites.length + 6;
  const y = (site) => top + lane * sites.indexOf(site) + lane / 2;
  const x = (i) => left + 16 + xs[i];
  const svg = s('svg', { class: 'journey-svg', width: wide, height: tall, viewBox: `0 0 ${wide} ${tall}`, 'aria-hidden': 'true' });
  svg.append(s('defs', {}, s('marker', { id: 'tip', viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: 'auto-start-reverse' }, s('path', { d: 'M0 0.5 8 4 0 7.5z', class: 'tip' }))));
  for (const site of sites) {
    svg.append(s('line', { x1: left, x2: wide - 16, y1: y(site), y2: y(site), class: 'lane' }), s('text', { x: 16, y: y(site) + 4, class: `lane-name${site === j.owner ? ' is-owner' : ''}` }, site));
  }
  for (const [site, from, to] of reigns(j, events)) svg.append(s('line', { x1: x(from), x2: to < 0 ? wide - 16 : x(to), y1: y(site), y2: y(site), class: 'reign' }));
  ticks(svg, events, gaps, x, top);
  events.forEach((e, i) => svg.append(arrow(e, i, events, x, y) ?? ''));
  events.forEach((e, i) => { if (sites.includes(e.site)) svg.append(mark(e, x(i), y(e.site))); });
  return svg;
}

// reigns are the stretches in which a site owned the request, as [site, from, to] by the number of the event; to is -1 when it still does.
function reigns(j, events) {
  const out = [];
  events.forEach((e, i) => {
    const open = out.at(-1);
    if ((e.kind === 'created' || e.kind === 'entered') && !out.length) out.push([e.site, i, -1]);
    else if (e.kind === 'released' && open && open[2] < 0) open[2] = i;
    else if (e.kind === 'owned' || e.kind === 'reclaimed') {
      if (open && open[2] < 0) open[2] = i;
      out.push([e.site, i, -1]);
    }
  });
  const last = events.at(-1);
  if (out.length && last?.kind === 'deleted') out.at(-1)[2] = events.length - 1;
  return out;
}

// ticks write the time of day on top where there is room, and how long it was between.
function ticks(svg, events, gaps, x, top) {
  let last = -Infinity;
  let said = '';
  let passed = 0;
  events.forEach((e, i) => {
    passed += i ? gaps[i - 1] : 0;
    const label = i === 0 ? stamp(e.at) : `+${duration(passed / 1000)}`;
    const half = label.length * 3.3;
    const edge = i === 0 ? 'start' : i === events.length - 1 ? 'end' : 'middle';
    if (label === said || x(i) - last < (edge === 'end' ? 2 : 1) * half + 12) return;
    said = label;
    last = x(i) + (edge === 'start' ? 2 * half : half);
    svg.append(s('text', { x: x(i) + (edge === 'start' ? -6 : edge === 'end' ? 8 : 0), y: 16, class: 'tick-text', 'text-anchor': edge }, label), s('line', { x1: x(i), x2: x(i), y1: 22, y2: top + 4, class: 'tick' }));
  });
}

// arrow is the way between two lanes that an event tells of.
function arrow(e, i, events, x, y) {
  const from = e.from ?? (e.kind === 'owed' || e.kind === 'parked' || e.kind === 'forwarded' || e.kind === 'released' || e.kind === 'planned' ? e.site : null);
  const to = e.from ? e.site : e.to;
  if (!from || !to || from === to || e.kind === 'planned') return null;
  if (e.kind === 'forwarded' && events.some((later) => later.operation === e.operation && later.site === to && later.operation)) return null;
  if (e.kind === 'released' && events.slice(i).some((later) => later.kind === 'owned' && later.site === to)) return null;
  const start = begin(e, i, events, from);
  const x1 = x(start);
  const x2 = x(i);
  const dir = Math.sign(y(to) - y(from));
  const bend = start === i ? 0 : Math.min(40, (x2 - x1) / 2);
  const tone = { parked: 'bad', owed: 'warn', refused: 'bad', owned: 'accent', released: 'accent' }[e.kind] ?? 'ok';
  return s('path', { class: `way ${tone}`, 'marker-end': 'url(#tip)', d: `M${x1} ${y(from) + dir * 7}C${x1 + bend} ${y(from) + dir * 26} ${x2 - bend} ${y(to) - dir * 28} ${x2} ${y(to) - dir * 10}` });
}

// begin finds the event at the other site that this one follows: the newest before it there with the same version, or the release.
function begin(e, i, events, from) {
  if (e.site === from) return i;
  const passed = e.operation ? events.findIndex((x) => x.kind === 'forwarded' && x.operation === e.operation && x.site === from) : -1;
  if (passed >= 0 && passed < i) return passed;
  for (let k = i - 1; k >= 0; k -= 1) {
    if (events[k].site === from && (e.kind === 'owned' ? events[k].kind === 'released' : !e.version || events[k].version === e.version)) return k;
  }
  return i;
}

function mark(e, x, y) {
  const [name, form, tone] = KINDS[e.kind] ?? [e.kind, 'circle', 'plain'];
  return s('g', { class: `event ${tone}`, transform: `translate(${x} ${y})` }, s('circle', { r: 9, class: 'event-back' }), s('path', { d: form_(form), class: `ev-${form}` }),
    plate(e), s('title', {}, `${name} at ${e.site}, ${full(e.at)}${e.version ? `, version ${e.version}` : ''}${e.note ? `: ${e.note}` : ''}`));
}

// plate writes the version beside a mark, on a ground that hides the lane.
function plate(e) {
  if (!e.version || ['released', 'planned', 'owed', 'handed-over'].includes(e.kind)) return null;
  return [s('rect', { x: 8, y: -8, width: e.version.length * 6.7 + 5, height: 16, class: 'event-plate' }), s('text', { x: 10, y: 4, class: 'event-version' }, e.version)];
}

function standing(j) {
  const t = table({
    caption: 'Where it stands now', captionShown: true, key: (x) => x.site, columns: [
      { label: 'Site', rowhead: true, cell: (x) => [x.site, x.site === j.owner && h('span', { class: 'tag' }, 'owner')] },
      { label: 'Role', cell: (x) => (x.reached ? x.role || h('span', { class: 'quiet' }, 'knows nothing of it') : badge('down', { label: 'not reached' })) },
      { label: 'Version', cell: (x) => (x.version ? h('code', {}, x.version) : h('span', { class: 'quiet' }, '–')) },
      { label: 'Up to date', cell: (x) => (!x.reached ? h('span', { class: 'quiet' }, x.cause || 'not known') : x.behind ? badge(x.behind) : x.version && x.version !== j.version ? badge('waiting', { label: 'behind' }) : x.version ? badge('delivered', { label: 'yes' }) : h('span', { class: 'quiet' }, '–')) },
      { label: 'Id there', cell: (x) => (x.local ? h('code', {}, x.local) : h('span', { class: 'quiet' }, '–')) }, { label: 'Changed', cell: (x) => when(x.updated) },
    ],
  });
  t.update(j.sites ?? []);
  return t.el;
}

function eventTable(events) {
  const t = table({
    caption: 'Everything that happened, oldest first', captionShown: true, key: (e) => e.n, cls: 'event-table', columns: [
      { label: 'When', cell: (e) => when(e.at, stamp(e.at)) },
      { label: 'Site', rowhead: true, cls: 'nowrap', cell: (e) => e.site },
      { label: 'What', cell: (e) => { const [name, form, tone] = KINDS[e.kind] ?? [e.kind, 'circle', 'plain']; return h('span', { class: 'what' }, glyph(form, tone), name); } },
      { label: 'Version', cell: (e) => (e.version ? h('code', {}, e.version) : h('span', { class: 'quiet' }, '–')) },
      { label: 'From, to', cell: (e) => (e.from ? `from ${e.from}` : e.to ? `to ${e.to}` : h('span', { class: 'quiet' }, '–')) },
      { label: 'Took', cls: 'num', cell: (e) => (e.seconds === undefined || e.seconds === null ? h('span', { class: 'quiet' }, '–') : duration(e.seconds)) },
      { label: 'Details', cls: 'wide', cell: (e) => [e.route && `by ${e.route}`, e.by && `by ${e.by}`, e.status && `answered ${e.status}`, e.note].filter(Boolean).join(', ') || h('span', { class: 'quiet' }, '–') },
    ],
  });
  t.update(events.map((e, n) => ({ ...e, n })));
  return t.el;
}
