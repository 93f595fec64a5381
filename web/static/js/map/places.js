// Where sites are: at the principal place of their time zone. Sites of one place stand side by side.

import { ZONES } from './zones.js';
import { offset } from '../clock.js';

let table;

function places() {
  if (table) return table;
  table = new Map();
  for (const [area, text] of Object.entries(ZONES)) {
    for (const entry of text.split(';')) {
      const [name, lat, lon] = entry.trim().split(' ');
      if (name) table.set(area ? `${area}/${name}` : name, { lat: Number(lat), lon: Number(lon) });
    }
  }
  return table;
}

// place gives {lat, lon, exact} of a site; exact is false when only its offset from UTC is known.
export function place(site) {
  const found = site.timezone && places().get(site.timezone);
  if (found) return { ...found, exact: true };
  return { lat: 12, lon: Math.max(-172, Math.min(172, offset(site) / 4)), exact: false };
}
