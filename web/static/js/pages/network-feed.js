// What is happening, newest on top. It can be held, so that a line can be read in a busy network.

import { h, icon, keep, put } from '../dom.js';
import { duration, timeSeconds, full } from '../format.js';
import { state } from '../state.js';
import { card, empty, ref } from '../ui/parts.js';

const SHOWN = 40;

const MARKS = {
  created: ['requests', ''], updated: ['requests', ''], replaced: ['requests', ''], deleted: ['close', ''], forwarded: ['right', ''], delivered: ['ok', 'ok'], applied: ['ok', 'ok'],
  owned: ['key', 'accent'], released: ['key', ''], parked: ['bad', 'bad'], refused: ['bad', 'bad'], 'in-doubt': ['warn', 'bad'],
};

export function feed(signal) {
  const list = h('ol', { class: 'feed', tabindex: '0', 'aria-label': 'Activity, newest first' });
  const none = h('div', {}, empty('Nothing has happened yet', 'Writes and deliveries appear here as they happen.', 'wait'));
  let held = false;
  let next = 0;
  const ids = new WeakMap();
  const idOf = (a) => { if (!ids.has(a)) ids.set(a, (next += 1)); return ids.get(a); };
  const draw = () => {
    if (held) return;
    const polling = state.connection.how === 'polling';
    none.hidden = state.activity.length > 0;
    if (polling && !none.told) {
      none.told = true;
      put(none, empty('This gateway does not tell what happens', 'It has no stream of events; the numbers are asked for every five seconds.', 'info'));
    }
    keep(list, state.activity.slice(0, SHOWN), { key: idOf, make: line, sign: idOf });
  };
  const hold = h('button', { class: 'button small', type: 'button', 'aria-pressed': 'false', on: { click: () => {
    held = !held;
    hold.setAttribute('aria-pressed', String(held));
    put(hold, held ? 'Go on' : 'Hold');
    draw();
  } } }, 'Hold');
  state.on('activity', signal, draw);
  state.on('connection', signal, draw);
  draw();
  return card('Activity', { cls: 'feed-card', actions: hold }, none, list);
}

function line(a) {
  const [mark, tone] = MARKS[a.kind] ?? ['info', ''];
  return h('li', { class: `feed-line ${tone}` },
    h('time', { datetime: a.at, title: full(a.at), class: 'feed-time' }, timeSeconds(a.at)), icon(mark),
    h('p', {}, words(a), ' ', a.request && ref(a.request), h('span', { class: 'quiet' }, a.collection ? ` ${a.collection}` : '', a.route ? ` by ${a.route}` : '', a.seconds ? `, ${duration(a.seconds)}` : '')));
}

// words says what happened to the request whose id follows.
function words(a) {
  const name = (x) => h('strong', {}, x);
  switch (a.kind) {
    case 'created': case 'updated': case 'replaced': case 'deleted': return [name(a.site), ` ${a.kind}`];
    case 'forwarded': return [name(a.site), ' took a write for ', name(a.to ?? '?'), ':'];
    case 'delivered': return ['to ', name(a.to ?? a.site), ' was delivered'];
    case 'applied': return [name(a.site), a.from ? [' has from ', name(a.from)] : ' has'];
    case 'owned': return [name(a.site), ' owns', a.from ? [', from ', name(a.from), ','] : ''];
    case 'released': return [name(a.site), ' released', a.to ? [' to ', name(a.to)] : ''];
    case 'parked': return ['to ', name(a.to ?? a.site), ' is parked'];
    case 'refused': return [name(a.to ?? a.site), ' refused'];
    case 'in-doubt': return [name(a.site), ' is in doubt about'];
    default: return [name(a.site ?? ''), ` ${a.kind}`];
  }
}
