// Package replicate keeps the promises: what was acknowledged is not lost, nothing is created twice, there is never more than
// one owner, and every copy converges. DESIGN.md says why they hold.
//
// Everything that decides is a pure function: [Step] (a request at one site and what happened to it) and [Judge] (what an
// acknowledgement means for a delivery). Everything that waits, dials or stores goes through an interface of [Options], so that
// many engines can run in one process under a simulated clock, network and store.
//
// One mechanism brings a copy to its owner's newest state, and it serves the first copy, every update, a retry, the recovery
// after a crash and a repair alike: take, in apply.go.
package replicate
