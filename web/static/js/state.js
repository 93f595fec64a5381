// What is known of the network, shared by all pages. Events: network, forwarding, activity, connection, config.

const KEPT = 200; // activities

class State extends EventTarget {
  network = null; // of /network, or made from /status where the gateway has no such path
  forwarding = null; // of /health/forwarding
  activity = []; // newest first
  config = null; // the last event of that name
  // connection: how news come: connecting, live, polling, reconnecting; since when, and when the last came.
  connection = { how: 'connecting', since: Date.now(), last: 0, why: '' };

  set(name, value) {
    this[name] = value;
    this.dispatchEvent(new CustomEvent(name, { detail: value }));
  }

  add(activity) {
    this.activity.unshift(activity);
    this.activity.length = Math.min(this.activity.length, KEPT);
    this.dispatchEvent(new CustomEvent('activity', { detail: activity }));
  }

  connect(change) {
    const before = this.connection;
    const since = change.how && change.how !== before.how ? Date.now() : before.since;
    this.set('connection', { ...before, since, ...change });
  }

  // on calls f whenever something of that name comes, until signal aborts.
  on(name, signal, f) {
    this.addEventListener(name, (e) => f(e.detail), { signal });
  }

  get site() { return this.network?.site ?? this.forwarding?.site ?? ''; }

  get sites() { return this.network?.sites ?? []; }

  destination(site) { return this.forwarding?.destinations?.find((d) => d.site === site); }
}

export const state = new State();

// soon gives a function that runs f once, a moment after the last call; many events in a row cost one refresh.
export function soon(f, wait = 400) {
  let timer = 0;
  return () => {
    if (timer) return;
    timer = setTimeout(() => { timer = 0; f(); }, wait);
  };
}
