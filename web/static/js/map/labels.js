// Where points and their names go so that none covers another.

import { s } from '../dom.js';

// spread moves points that are nearer to each other than least apart, side by side.
export function spread(points, least) {
  const out = points.map((p) => ({ ...p }));
  for (let round = 0; round < 30; round += 1) {
    let moved = false;
    for (let i = 0; i < out.length; i += 1) {
      for (let j = i + 1; j < out.length; j += 1) {
        const dx = out[j].x - out[i].x;
        const dy = out[j].y - out[i].y;
        const far = Math.hypot(dx, dy);
        if (far >= least) continue;
        const push = (least - far) / 2 + 0.5;
        const ux = far > 0.1 ? dx / far : 1;
        const uy = far > 0.1 ? dy / far : 0;
        out[i].x -= ux * push;
        out[i].y -= uy * push;
        out[j].x += ux * push;
        out[j].y += uy * push;
        moved = true;
      }
    }
    if (!moved) break;
  }
  return out;
}

const meets = (a, b) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

// label writes two lines beside a point where there is room: right, left, below, above, and then further away.
export function label(p, { w, h, big, taken, lines }) {
  const size = 13 * big;
  const wide = Math.max(...lines.map((l, i) => l.length * (i ? 6.3 : 7.4))) * big;
  const tall = (lines[1] ? 31 : 17) * big;
  const gap = 13 * big;
  const spots = [];
  for (const more of [0, 16, 34]) {
    const g = gap + more * big;
    spots.push({ x: p.x + g, y: p.y - tall / 2, anchor: 'start' }, { x: p.x - g - wide, y: p.y - tall / 2, anchor: 'end' },
      { x: p.x - wide / 2, y: p.y + g, anchor: 'middle' }, { x: p.x - wide / 2, y: p.y - g - tall, anchor: 'middle' },
      { x: p.x + g * 0.8, y: p.y + g * 0.5, anchor: 'start' }, { x: p.x - g * 0.8 - wide, y: p.y + g * 0.5, anchor: 'end' });
  }
  const inside = (b) => b.x > 2 && b.y > 2 && b.x + wide < w - 2 && b.y + tall < h - 2;
  const box = (b) => ({ x: b.x, y: b.y, w: wide, h: tall });
  const free = (b) => inside(b) && !taken.some((t) => meets(box(b), t));
  const spot = spots.find(free) ?? spots.find(inside) ?? spots[0];
  taken.push(box(spot));
  const x = { start: spot.x, end: spot.x + wide, middle: spot.x + wide / 2 }[spot.anchor];
  return s('text', { class: 'site-label', 'text-anchor': spot.anchor, 'font-size': size, x: x.toFixed(1), y: (spot.y + 12.5 * big).toFixed(1) },
    s('tspan', { class: 'site-label-name' }, lines[0]), lines[1] && s('tspan', { class: 'site-label-time', x: x.toFixed(1), dy: 15.5 * big, 'font-size': 11.5 * big }, lines[1]));
}
