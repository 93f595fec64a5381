// The wall view: the map and the few numbers that can be read from across a room.

import { h, icon, put } from '../dom.js';
import { attention } from '../attention.js';
import { duration, number, time } from '../format.js';
import { now } from '../clock.js';
import { state } from '../state.js';
import { worldMap } from '../map/map.js';

export function wall(main, signal) {
  const says = h('div', { class: 'wall-says', role: 'status' });
  const numbers = h('dl', { class: 'wall-numbers' });
  const clock = h('p', { class: 'wall-clock' });
  put(main, h('div', { class: 'wall-page' },
    h('h1', { class: 'sr', tabindex: '-1' }, 'Network, wall view'),
    h('div', { class: 'wall-top' }, says, h('div', { class: 'wall-right' }, clock, h('a', { href: '#/', class: 'wall-leave' }, icon('close'), h('span', {}, 'Leave')))),
    worldMap(signal, { wall: true }), numbers));
  const draw = () => {
    put(clock, time(now()), h('span', {}, state.network?.network ?? ''));
    if (!state.forwarding) return;
    const list = attention();
    const bad = list.filter((x) => x.tone === 'bad').length;
    const tone = bad ? 'bad' : list.length ? 'warn' : 'ok';
    const text = list.length ? list[0].text + (list.length > 1 ? `, and ${list.length - 1} more` : '') : 'All is well';
    if (says.textContent !== text) {
      says.className = `wall-says ${tone}`;
      put(says, icon(tone), h('span', {}, text));
    }
    const d = state.forwarding.destinations ?? [];
    const sum = (f) => d.reduce((n, x) => n + f(x), 0);
    const open = state.sites.filter((x) => x.open === true).length;
    const worst = Math.max(0, ...d.map((x) => x.lag_seconds?.p99 ?? 0));
    put(numbers,
      figure('sites open', `${open}`, `of ${state.sites.length}`), figure('links that work', `${d.filter((x) => x.state !== 'down').length}`, `of ${d.length}`, d.some((x) => x.state === 'down') && 'bad'),
      figure('on the way', number(sum((x) => x.pending + x.in_flight + x.waiting))), figure('parked', number(sum((x) => x.parked)), '', sum((x) => x.parked) && 'bad'),
      figure('in doubt', number(state.forwarding.in_doubt), '', state.forwarding.in_doubt && 'bad'), figure('slowest lag, p99', worst ? duration(worst) : '–'));
  };
  state.on('network', signal, draw);
  state.on('forwarding', signal, draw);
  const timer = setInterval(draw, 5000);
  signal.addEventListener('abort', () => clearInterval(timer));
  draw();
}

function figure(name, value, of = '', tone = '') {
  return h('div', { class: `wall-number ${tone || ''}` }, h('dt', {}, name), h('dd', {}, value, of && h('span', {}, ` ${of}`)));
}
