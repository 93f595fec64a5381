// The schedule: what the routes with a time of their own will do in the next fourteen days.

import { h, put } from '../dom.js';
import { get } from '../api.js';
import { ago, count, dateKey, longDay, number, time, day, zoneHere } from '../format.js';
import { now } from '../clock.js';
import { go, to } from '../router.js';
import { state } from '../state.js';
import { empty, failure, heading, select, waiting } from '../ui/parts.js';
import { table } from '../ui/table.js';

const DAYS = 14;

export function schedule(main, page) {
  let { query } = page;
  let runs = null;
  const filters = h('div', { class: 'filters' });
  const place = h('div', {}, h('div', { class: 'card' }, waiting(6)));
  put(main, heading('Schedule', { lead: `The next ${DAYS} days. Your time is ${zoneHere()}.` }), filters, place);

  async function load() {
    try {
      runs = await get('/schedule', { days: DAYS }, page.signal);
      draw();
    } catch (err) {
      if (page.signal.aborted) return;
      if (err.status === undefined) throw err;
      put(place, err.missing ? h('div', { class: 'card' }, empty('This gateway tells nothing of schedules', '', 'info')) : failure(err, load));
    }
  }

  function draw() {
    const routes = [...new Set(runs.map((r) => r.route))];
    const sites = [...new Set(runs.map((r) => r.site))];
    const change = (part) => go(to('schedule', { ...Object.fromEntries(query), ...part }));
    put(filters, runs.length > 0 && [
      select('Route', { value: query.get('route') ?? '', options: [['', 'all routes'], ...routes.map((x) => [x, x])], change: (route) => change({ route }) }),
      select('Runs at', { value: query.get('site') ?? '', options: [['', 'all sites'], ...sites.map((x) => [x, x])], change: (site) => change({ site }) })]);
    const wanted = runs.filter((r) => (!query.get('route') || r.route === query.get('route')) && (!query.get('site') || r.site === query.get('site')));
    if (!wanted.length) {
      put(place, h('div', { class: 'card' }, runs.length ? empty('No run matches', 'Choose another route or site.', 'search') : empty('Nothing is scheduled', 'No route of this network has a schedule.', 'schedule')));
      return;
    }
    const days = Map.groupBy ? Map.groupBy(wanted, (r) => dateKey(r.at)) : group(wanted);
    put(place, h('div', { class: 'days' }, [...days].map(([key, list]) => dayOf(key, list))));
  }

  load();
  const timer = setInterval(load, 60000);
  page.signal.addEventListener('abort', () => clearInterval(timer));
  return (at) => {
    query = at.query;
    if (runs) draw();
  };
}

function group(list) {
  const out = new Map();
  for (const r of list) {
    const key = dateKey(r.at);
    out.set(key, [...(out.get(key) ?? []), r]);
  }
  return out;
}

function dayOf(key, list) {
  const at = now();
  const name = key === dateKey(at) ? 'Today' : key === dateKey(at + 86400000) ? 'Tomorrow' : '';
  const t = table({
    caption: `Runs on ${longDay(list[0].at)}`, key: (g) => `${g.route} ${g.site} ${g.runs[0].at}`, cls: 'runs',
    columns: [
      { label: 'Your time', cell: (g) => times(g, zoneHere(), key, at) },
      { label: 'There', cell: (g) => [times(g, g.in, key, at), h('span', { class: 'quiet sub' }, g.in)] },
      { label: 'Route', rowhead: true, cell: (g) => g.route },
      { label: 'Runs at', cell: (g) => g.site },
      { label: 'Requests', cls: 'num', cell: (g) => amount(g.runs[0]) },
    ],
  });
  t.update(together(list));
  return h('section', { class: 'day card flush', 'aria-label': longDay(list[0].at) }, h('div', { class: 'day-head' }, h('h2', {}, name || longDay(list[0].at)), h('p', { class: 'quiet' }, name ? longDay(list[0].at) : '', h('span', {}, count(list.length, 'run')))), t.el);
}

// together makes one line of the runs that a route makes at a site on one day, in the order of the first.
function together(list) {
  const out = new Map();
  for (const r of list) {
    const key = `${r.route} ${r.site} ${r.in}`;
    if (!out.has(key)) out.set(key, { route: r.route, site: r.site, in: r.in, runs: [] });
    out.get(key).runs.push(r);
  }
  return [...out.values()];
}

const FEW = 4;

// times writes when the runs of a line are: each, or of many the first and the last.
function times(g, zone, key, at) {
  const one = (r) => h('time', { datetime: r.at, class: 'run-time', title: ago(r.at, at) }, time(r.at, zone), dateKey(r.at, zone) === key ? '' : ` ${day(r.at, zone)}`);
  if (g.runs.length <= FEW) return g.runs.map((r, i) => [i > 0 && ', ', one(r)]);
  return [h('span', { class: 'run-time' }, time(g.runs[0].at, zone)), ' to ', one(g.runs.at(-1)), h('span', { class: 'quiet sub', title: g.runs.map((r) => time(r.at, zone)).join(', ') }, `${g.runs.length} times`)];
}

function amount(r) {
  if (r.requests !== null && r.requests !== undefined) return h('span', { title: 'if it ran now' }, number(r.requests));
  return h('span', { class: 'quiet', title: `how many is known at ${r.site}` }, r.site === state.site ? 'not known' : `see ${r.site}`);
}
