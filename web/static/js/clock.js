// The gateway's clock, as far as its last answer tells it; what is drawn against the time goes by it, not by the browser's.

import { state } from './state.js';

let ahead = 0; // milliseconds

state.addEventListener('network', (e) => {
  const at = Date.parse(e.detail?.now ?? '');
  if (!Number.isNaN(at)) ahead = at - Date.now();
});

export const now = () => Date.now() + ahead;

const DAY = 86400000;

// offset is how far a site's clocks are from UTC at a moment, in minutes: by its zone where the browser knows it, else as the gateway said.
export function offset(site, at = now()) {
  if (site.timezone) {
    try {
      const p = Object.fromEntries(new Intl.DateTimeFormat('en-US', {
        timeZone: site.timezone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric',
      }).formatToParts(new Date(at)).map((x) => [x.type, Number(x.value)]));
      return Math.round((Date.UTC(p.year, p.month - 1, p.day, p.hour, p.minute) - Math.floor(at / 60000) * 60000) / 60000);
    } catch { /* as the gateway said */ }
  }
  return site.offset_minutes ?? 0;
}

// midnight is when the day of a site began.
export function midnight(site, at = now()) {
  const shift = offset(site, at) * 60000;
  return Math.floor((at + shift) / DAY) * DAY - shift;
}

// local writes the time of day at a site.
export function local(site, at = now()) {
  const minutes = Math.floor((at - midnight(site, at)) / 60000);
  return `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;
}

// known reports that the gateway said where a site is in time.
export const known = (site) => Boolean(site.timezone) || site.offset_minutes !== undefined;
