// How times, durations, counts and ids are written. Everything is in the browser's zone unless a zone is named.

// duration writes seconds as people say them: 340 ms, 4.2 s, 3 min 20 s, 2 h 5 min, 3 d 4 h.
export function duration(seconds) {
  if (seconds === null || seconds === undefined || Number.isNaN(seconds)) return '–';
  const n = Math.max(0, seconds);
  if (n === 0) return '0 s';
  if (n < 0.001) return '< 1 ms';
  if (n < 1) return `${Math.round(n * 1000)} ms`;
  if (n < 10) return `${Math.round(n * 10) / 10} s`;
  if (n < 60) return `${Math.round(n)} s`;
  const whole = Math.round(n);
  if (whole < 3600) return pair(whole, 60, 'min', 1, 's');
  if (whole < 86400) return pair(whole, 3600, 'h', 60, 'min');
  return pair(whole, 86400, 'd', 3600, 'h');
}

function pair(n, big, bigName, small, smallName) {
  const a = Math.floor(n / big);
  const b = Math.floor((n - a * big) / small);
  return b ? `${a} ${bigName} ${b} ${smallName}` : `${a} ${bigName}`;
}

// ago writes how long ago a moment is; of one to come, in how long it is.
export function ago(when, now = Date.now()) {
  if (!when) return '–';
  const seconds = (now - new Date(when).getTime()) / 1000;
  if (Math.abs(seconds) < 2) return 'now';
  return seconds > 0 ? `${coarse(seconds)} ago` : `in ${coarse(-seconds)}`;
}

function coarse(seconds) {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 86400 * 2) return duration(Math.round(seconds / 60) * 60);
  return `${Math.round(seconds / 86400)} days`;
}

const formats = new Map();

function format(options, zone) {
  const key = JSON.stringify([options, zone]);
  if (!formats.has(key)) {
    let made;
    try {
      made = new Intl.DateTimeFormat('en-GB', { ...options, timeZone: zone });
    } catch { // a zone that this browser does not know
      made = new Intl.DateTimeFormat('en-GB', { ...options, timeZone: 'UTC' });
    }
    formats.set(key, made);
  }
  return formats.get(key);
}

const HM = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' };
const HMS = { ...HM, second: '2-digit' };
const DAY = { weekday: 'short', day: 'numeric', month: 'short' };

export const time = (when, zone) => format(HM, zone).format(new Date(when));
export const timeSeconds = (when, zone) => format(HMS, zone).format(new Date(when));
export const day = (when, zone) => format(DAY, zone).format(new Date(when)).replace(',', '');
export const longDay = (when, zone) => format({ weekday: 'long', day: 'numeric', month: 'long' }, zone).format(new Date(when));
export const weekday = (when, zone) => format({ weekday: 'short' }, zone).format(new Date(when));

// dateKey is the date of a moment in a zone, as 2026-11-23.
export const dateKey = (when, zone) => format({ year: 'numeric', month: '2-digit', day: '2-digit' }, zone)
  .formatToParts(new Date(when)).reverse().filter((p) => p.type !== 'literal').map((p) => p.value).join('-');

// stamp writes a moment as shortly as it can be understood: today only the time, else with the day, another year with the year.
export function stamp(when, now = Date.now()) {
  if (!when) return '–';
  const d = new Date(when);
  if (Number.isNaN(d.getTime())) return String(when);
  if (dateKey(d) === dateKey(now)) return timeSeconds(d);
  const year = d.getFullYear() === new Date(now).getFullYear() ? '' : ` ${d.getFullYear()}`;
  return `${day(d)}${year} ${time(d)}`;
}

// full writes a moment with everything, for titles.
export function full(when) {
  const d = new Date(when);
  return Number.isNaN(d.getTime()) ? String(when ?? '') : `${format({ ...DAY, year: 'numeric', ...HMS, timeZoneName: 'short' }).format(d)} (${d.toISOString()})`;
}

// zoneHere is the viewer's time zone.
export const zoneHere = () => Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';

// count writes a number with its noun: 1 delivery, 3 deliveries.
export function count(n, one, many = `${one}s`) {
  return `${number(n)} ${n === 1 ? one : many}`;
}

export const number = (n) => (n === null || n === undefined ? '–' : Number(n).toLocaleString('en-GB').replaceAll(',', '\u202f'));

// short cuts a global id to what tells it from others on one screen; the whole stands in the title.
export const short = (id) => (id && id.length > 14 ? `${id.slice(0, 4)}…${id.slice(-6)}` : id ?? '');

// list writes names as a sentence has them.
export function list(names) {
  if (names.length < 2) return names.join('');
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

// text writes a JSON value in one line.
export function text(value) {
  if (value === undefined || value === null) return '–';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
