// What needs a person, in plain words, each with a link to where it is solved.

import { duration, count } from './format.js';
import { to } from './router.js';
import { state } from './state.js';

const are = (n) => (n === 1 ? 'is' : 'are');

// attention lists what is the matter, the worst first: {tone, text, why, href, link}.
export function attention() {
  const f = state.forwarding;
  if (!f) return [];
  const out = [];
  for (const d of f.destinations ?? []) destination(out, d);
  if (f.in_doubt) out.push({ tone: 'bad', text: `${count(f.in_doubt, 'write')} ${are(f.in_doubt)} in doubt`, why: 'A call was sent to the request API and nobody can tell whether it took effect. Its requests wait for your word.', href: to('cases', { show: 'doubts' }), link: 'Settle' });
  const t = f.transfers ?? {};
  if (t.parked) out.push({ tone: 'bad', text: `${count(t.parked, 'hand-over')} ${are(t.parked)} parked`, why: 'They are not tried again by themselves. The requests stay with their owner and can be written.', href: to('cases', { show: 'transfers' }), link: 'See why' });
  if (f.conflicts) out.push({ tone: 'warn', text: `${count(f.conflicts, 'request')} ${f.conflicts === 1 ? 'has' : 'have'} conflict records`, why: 'Writes lost against others. Somebody has to look whether what they said is still wanted.', href: to('cases', { show: 'conflicts' }), link: 'Compare' });
  if (t.open) out.push({ tone: 'warn', text: `${count(t.open, 'hand-over')} ${are(t.open)} not decided`, why: 'Nobody can write these requests until both sites have spoken to each other.', href: to('cases', { show: 'transfers' }), link: 'Look' });
  if (state.config?.refused) out.push({ tone: 'bad', text: 'The network file was refused', why: `The gateway goes on with the file before. ${state.config.refused}`, href: to('configuration'), link: 'See the faults' });
  for (const p of f.problems ?? []) {
    if (state.config?.refused && p.includes('network file')) continue;
    out.push({ tone: 'warn', text: p, why: '', href: to('configuration'), link: 'Look' });
  }
  const weight = { bad: 0, warn: 1 };
  return out.sort((a, b) => weight[a.tone] - weight[b.tone]);
}

function destination(out, d) {
  const owed = d.pending + d.in_flight + d.waiting;
  if (d.parked) out.push({ tone: 'bad', text: `${count(d.parked, 'delivery', 'deliveries')} to ${d.site} ${are(d.parked)} parked`, why: 'They were refused in a way that does not heal by itself, and are not tried again before somebody says so.', href: to('deliveries', { site: d.site, state: 'parked' }), link: 'See and retry' });
  if (d.state === 'down' || d.breaker === 'open') {
    out.push({ tone: d.state === 'down' ? 'bad' : 'warn', text: `${d.site} cannot be reached`, why: `${owed ? `${count(owed, 'delivery', 'deliveries')} wait${owed === 1 ? 's' : ''}` : 'Nothing waits'}, and ${owed === 1 ? 'goes' : 'go'} out by ${owed === 1 ? 'itself' : 'themselves'} when it answers.${d.last_error ? ` The last error: ${d.last_error}` : ''}`.replace('Nothing waits, and go out by themselves when it answers.', 'Nothing waits for it.'), href: to('deliveries', { site: d.site }), link: 'What waits' });
  } else if (d.state === 'degraded' && !d.parked) {
    const why = d.config_drift && !owed ? '' : `${count(owed, 'delivery', 'deliveries')} under way, the oldest for ${duration(d.oldest_age_seconds)}.${d.last_error ? ` The last error: ${d.last_error}` : ''}`;
    if (why) out.push({ tone: 'warn', text: `Deliveries to ${d.site} are behind`, why, href: to('deliveries', { site: d.site }), link: 'What waits' });
  }
  if (d.config_drift) out.push({ tone: 'warn', text: `${d.site} runs another network file`, why: 'The two sites may disagree about what goes where until both have the same.', href: to('configuration'), link: 'Compare' });
  if (Math.abs(d.clock_skew_seconds ?? 0) >= 5) out.push({ tone: 'warn', text: `The clock of ${d.site} is ${duration(Math.abs(d.clock_skew_seconds))} ${d.clock_skew_seconds > 0 ? 'ahead' : 'behind'}`, why: 'Set it by NTP: schedules and times in the journey go by it.', href: to('configuration'), link: 'Look' });
}
